// What a person sends: speech and video on an exact schedule, as much of it as its network and its audience take.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/cc/pacer.h"
#include "core/cc/repair_budget.h"
#include "core/cc/send_side.h"
#include "core/rtp/extensions.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"
#include "core/secure/secure_path.h"
#include "loadgen/people/audio_track.h"
#include "loadgen/people/red_history.h"
#include "loadgen/people/video_source.h"
#include "loadgen/plan/result_sink.h"

namespace tacoma {

/// What was negotiated.
struct SendFormats {
  uint8_t opus = 111, vp8 = 100, rtx = 96, vp9 = 101, rtx_of_vp9 = 97;
  std::optional<uint8_t> red;  // redundant audio; nullopt: not negotiated
  ExtensionIds audio_extensions, video_extensions;
  bool ccfb = false;  // the other end reports by RFC 8888: packets go out as ones that can ECN
};

/// Lives as long as its participant: numbers and clocks go on when the bridge changes, what is known of the network does not.
class MediaSender {
 public:
  static constexpr size_t kMaxRtpPacket = 1200;          // bytes before protection
  static constexpr Duration kMostBehind = Duration::milliseconds(500);  // a sender further behind skips what it missed
  static constexpr uint32_t kRetransmitBurst = 200;      // packets; refilled in one second
  static constexpr uint16_t kProbePackets = 32;          // of one stream, sent again by one probe
  static constexpr DataRate kAudioShare = DataRate::kbps(48);  // of the target: Opus at 32 kbps with its headers
  static constexpr DataRate kCopyShare = DataRate::kbps(34);   // and each copy of redundant audio
  // Where a sender of WebRTC begins and how far it goes.
  static constexpr DataRate kStartRate = DataRate::kbps(300), kLowestRate = DataRate::kbps(30);
  static constexpr DataRate kMostLimit = DataRate::mbps(100'000);  // no network has more: a limit above it is none

  /// `speech` may be null and clips empty: that medium is not sent. They and the person must outlive the sender.
  MediaSender(const PersonPlan& person, Congestion congestion, const SpeechClip* speech, const EncodedClips& camera,
              const EncodedClips& screen, Rng rng);

  /// All frames go out encrypted end to end; before start(). The cipher outlives the sender.
  void encrypt(FrameCipher& cipher);

  /// Zero where the medium is not sent.
  Ssrc audio_ssrc() const { return audio_ ? audio_ssrc_ : Ssrc(0); }
  /// Of the first encoding of the first source.
  Ssrc video_ssrc() const { return sources_.empty() ? Ssrc(0) : sources_.front().streams.front().ssrc; }
  Ssrc rtx_ssrc() const { return sources_.empty() ? Ssrc(0) : sources_.front().streams.front().rtx; }
  /// All sources that are shared, with their groups and names.
  jingle::SourceSet describe(std::string_view endpoint) const;

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
  void nack(Instant now, const Nack& nack);
  /// PLI, or a FIR entry: the next frame is a key frame. Rate-limited.
  void key_frame_request(Instant now, Ssrc media);
  /// A report block about one of our streams.
  void report(Instant now, const ReportBlock& block);
  void transport_feedback(Instant now, Span<const TransportStatus> statuses);
  /// The same by RFC 8888.
  void transport_feedback(Instant now, const CcfbReport& report, Span<const CcfbStatus> statuses);
  /// The bridge says how much of our video anybody could be given. Clamped (and counted) between kLowestRate and kMostLimit.
  void remb(Instant now, DataRate limit);
  /// SenderSourceConstraints: how many lines of a source somebody wants; -1 any, 0 none.
  void constrain(Instant now, std::string_view source_name, int32_t max_height);
  /// The screen is shared from now on, or no more. What has to be signalled for it.
  jingle::MediaSources share_screen(Instant now, std::string_view endpoint, bool shared);
  Duration round_trip() const { return round_trip_; }

  /// What decides about the layers now. Infinite: no limit is known.
  struct Rates {
    DataRate target, remb;
    int32_t max_height = -1;     // of the camera, by SenderSourceConstraints
    uint32_t sent_height = 0;    // of the camera
  };
  Rates rates() const;
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
  /// A video packet that waits for its turn: made when it leaves.
  struct Queued {
    uint8_t source = 0, stream = 0;
    uint16_t sequence = 0;
    bool again = false;           // as a retransmission
    bool probe = false;           // that nobody asked for
  };
  size_t send(Instant now, const Rtp& rtp, const ExtensionIds& ids, const uint8_t* audio_level, SecurePath& path, Outbox& out);
  /// What is sealed or made redundant of a packet, in `out`; empty when it does not fit.
  BytesView wrap_audio(const AudioTrack::Packet& packet, bool as_red, MutableBytes out);
  DataRate audio_share() const;
  void pause_or_go_on(Instant now);
  void send_audio(Instant now, SecurePath& path, Outbox& out);
  void take_video(Instant now);
  void send_queued(Instant now, SecurePath& path, Outbox& out);
  void send_packet(Instant now, const Queued& queued, SecurePath& path, Outbox& out);
  void send_probe(Instant now, SecurePath& path, Outbox& out);
  void enqueue(Instant now, const Queued& queued, size_t payload);
  void set_budgets(Instant now);
  VideoSource::Stream* find(Ssrc media, VideoSource** source);

  const PersonPlan* person_;
  std::unique_ptr<AudioTrack> audio_;
  std::vector<VideoSource> sources_;  // camera, screen
  SendSide side_;
  Congestion congestion_;
  Pacer<Queued> pacer_;
  DataRate remb_ = DataRate::infinite();
  std::optional<DataRate> budgeted_;  // the video budget that the layers were last chosen for; nullopt: choose anew
  std::vector<PacketResult> results_;  // scratch
  SendFormats formats_;
  Ssrc audio_ssrc_;
  FrameCipher* cipher_ = nullptr;
  RedHistory red_;
  uint16_t audio_seq_ = 0;
  uint32_t audio_sealed_ = 0;   // frames
  uint32_t audio_packets_ = 0;
  uint64_t audio_bytes_ = 0;
  SendSample audio_sample_;
  Instant next_report_ = Instant::never();
  Instant refilled_;
  RepairBudget repairs_;
  bool paused_ = false;
  Instant turns_at_;  // when it pauses or goes on next
  uint32_t retransmit_tokens_ = kRetransmitBurst;
  Duration round_trip_ = Duration::milliseconds(100);  // until a report tells
  bool running_ = false;
  DropCounts drops_;
  uint64_t packets_ = 0, retransmitted_ = 0, key_frame_requests_ = 0, reported_lost_ = 0;
};

}  // namespace tacoma
