// What a person sends: speech and video from the shared clips, on an exact schedule.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/rtp/extensions.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"
#include "core/secure/secure_path.h"
#include "loadgen/people/audio_track.h"
#include "loadgen/people/video_track.h"
#include "loadgen/plan/result_sink.h"

namespace tacoma {

/// What was negotiated.
struct SendFormats {
  uint8_t opus = 111, vp8 = 100, rtx = 96;
  ExtensionIds audio_extensions, video_extensions;
};

/// Lives as long as its participant: numbers and clocks go on when the bridge changes.
class MediaSender {
 public:
  static constexpr size_t kMaxRtpPacket = 1200;          // bytes before protection
  static constexpr Duration kMostBehind = Duration::milliseconds(500);  // a sender further behind skips what it missed
  static constexpr uint32_t kRetransmitBurst = 200;      // packets; refilled in one second
  static constexpr Duration kKeyFrameSpacing = Duration::milliseconds(300);

  /// Either clip may be null: that medium is not sent. They and the plan must outlive the sender.
  MediaSender(const PersonPlan& person, const SpeechClip* speech, const VideoClip* video, Rng rng);

  /// Zero where the medium is not sent.
  Ssrc audio_ssrc() const { return audio_ ? audio_ssrc_ : Ssrc(0); }
  Ssrc video_ssrc() const { return video_ ? video_ssrc_ : Ssrc(0); }
  Ssrc rtx_ssrc() const { return video_ ? rtx_ssrc_ : Ssrc(0); }

  /// A path is up: media flows from now on, each stream with a sender report before its first packet.
  void start(Instant now, const SendFormats& formats);
  void stop();
  /// When send_due wants to be called.
  Instant next_due() const;
  /// A sender report is due: write_reports, before media is sent.
  bool reports_due(Instant now) const { return running_ && now >= next_report_; }
  void write_reports(Instant now, RtcpWriter& out);
  /// Sends the media that is due.
  void send_due(Instant now, SecurePath& path, Outbox& out);

  // Feedback.
  void nack(Instant now, const Nack& nack, SecurePath& path, Outbox& out);
  /// PLI, or a FIR entry: the next frame is a key frame. Rate-limited.
  void key_frame_request(Instant now, Ssrc media);
  /// A report block about one of our streams.
  void report(Instant now, const ReportBlock& block);
  void transport_feedback(Span<const TransportStatus> statuses);
  Duration round_trip() const { return round_trip_; }

  /// One row a medium that is sent.
  void sample(Instant at, uint32_t person, ResultSink& results);
  const DropCounts& drops() const { return drops_; }
  uint64_t packets() const { return packets_; }
  uint64_t retransmitted() const { return retransmitted_; }
  uint64_t key_frame_requests() const { return key_frame_requests_; }
  /// As the transport-wide feedback of the bridge tells.
  uint64_t reported_lost() const { return reported_lost_; }

 private:
  struct Rtp {
    RtpHeader header;
    BytesView prefix, payload;    // one after the other; prefix: RTX number and VP8 descriptor
  };
  size_t send(Instant now, const Rtp& rtp, const ExtensionIds& ids, const uint8_t* audio_level, SecurePath& path, Outbox& out);
  void send_audio(Instant now, SecurePath& path, Outbox& out);
  void send_video(Instant now, SecurePath& path, Outbox& out);
  void retransmit(Instant now, uint16_t sequence, SecurePath& path, Outbox& out);

  struct Counter {
    uint32_t packets = 0;
    uint64_t bytes = 0;      // payload, for sender reports
  };
  std::unique_ptr<AudioTrack> audio_;
  std::unique_ptr<VideoTrack> video_;
  SendFormats formats_;
  Ssrc audio_ssrc_, video_ssrc_, rtx_ssrc_;
  uint16_t audio_seq_ = 0, rtx_seq_ = 0, transport_seq_ = 0;
  Counter audio_sent_, video_sent_;
  SendSample audio_sample_, video_sample_;
  Instant next_report_ = Instant::never();
  Instant key_frame_allowed_, refilled_;
  uint32_t retransmit_tokens_ = kRetransmitBurst;
  Duration round_trip_ = Duration::milliseconds(100);  // until a report tells
  bool running_ = false;
  DropCounts drops_;
  uint64_t packets_ = 0, retransmitted_ = 0, key_frame_requests_ = 0, reported_lost_ = 0;
};

}  // namespace tacoma
