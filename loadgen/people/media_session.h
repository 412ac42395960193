// One path to one bridge with the media that goes over it: it lives as long as one Jingle session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/rtp/rtcp.h"
#include "core/secure/secure_path.h"
#include "loadgen/people/media_receiver.h"
#include "loadgen/people/media_sender.h"

namespace tacoma {

/// What one session negotiated for both directions.
struct MediaFormats {
  SendFormats send;
  ReceiveFormats receive;
};

/// Joins path, sender and receiver: datagrams to the right one, RTCP to both, feedback and media when they are due.
class MediaSession {
 public:
  /// Sender and receiver outlive it; `source` is our SSRC in RTCP. Media flows from the keyed event on.
  MediaSession(SecurePath::Config config, const MediaFormats& formats, MediaSender& sender, MediaReceiver& receiver, Ssrc source,
               std::string cname);
  ~MediaSession();

  SecurePath& path() { return path_; }
  void on_datagram(Instant now, Datagram& datagram, Outbox& out);
  /// After the last datagram of a batch: what they made due.
  void after_batch(Instant now, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Deadline deadline() const;
  /// Events of the path, after it has acted on them. Poll after each of the calls above.
  bool poll_event(Instant now, PathEvent& event);
  void close(Instant now, Outbox& out);
  bool media_flows() const { return media_on_; }
  const DropCounts& drops() const { return drops_; }

 private:
  void on_rtcp(Instant now, const Datagram& datagram);
  void on_feedback(Instant now, const RtcpPacket& packet);
  void send_media(Instant now, Outbox& out);
  Instant media_due() const { return std::min(sender_.next_due(), receiver_.next_due()); }
  void stop_media();

  SecurePath path_;
  MediaFormats formats_;
  MediaSender& sender_;
  MediaReceiver& receiver_;
  Ssrc source_;
  std::string cname_;
  std::vector<TransportStatus> statuses_;  // scratch
  std::vector<CcfbStatus> arrivals_;
  bool media_on_ = false;
  DropCounts drops_;
};

}  // namespace tacoma
