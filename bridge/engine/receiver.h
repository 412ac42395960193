// The way in from one endpoint: its sources, what is known of each, and what the bridge tells the sender about them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/projection.h"
#include "bridge/engine/stats.h"
#include "core/base/process.h"
#include "core/rtp/extensions.h"
#include "core/rtp/nack.h"
#include "core/rtp/packet_cache.h"
#include "core/rtp/reception.h"
#include "core/rtp/rtp_packet.h"
#include "core/rtp/twcc_recorder.h"
#include "core/signal/colibri2.h"

namespace tacoma::bridge {

class Endpoint;
class Sender;
class Source;

/// A packet of media after ingest: immutable until it is forwarded or dropped.
struct MediaPacket {
  PacketRef packet;
  RtpView view;                        // of the packet's bytes, without RTX
  Source* source = nullptr;
  int64_t sequence = 0;                // extended
  bool is_video = false;
  bool key_frame = false;              // a receiver may start here
  std::optional<AudioLevel> level;
  BytesView audio_level, video_orientation;  // extension data that goes through
  std::optional<Drop> held_back;       // for every receiver, and why
};

/// What signalling says of one SSRC (with its rtx partner) that an endpoint sends.
struct SourceDescription {
  Ssrc ssrc, rtx;                      // rtx zero: none
  bool video = false;
  bool forwarded = true;               // false: a higher simulcast layer, which nobody gets
  std::string name = {};               // ab12cd34-v0
  bool operator==(const SourceDescription& o) const {
    return ssrc == o.ssrc && rtx == o.rtx && video == o.video && forwarded == o.forwarded && name == o.name;
  }
};

/// One RTP stream that comes in, with those who get it.
class Source {
 public:
  static constexpr uint32_t kSilenceTolerated = 3;   // packets of level 127 that still go out
  static constexpr size_t kCachePackets = 512;
  static constexpr Duration kShortestCache = Duration::milliseconds(200);
  static constexpr Duration kLongestCache = Duration::seconds(1);
  static constexpr Duration kKeyFrameThrottle = Duration::milliseconds(200);
  static constexpr Duration kKeyFrameRetry = Duration::milliseconds(500);

  Source(Endpoint& from, const SourceDescription& what, uint32_t clock_rate, bool nack)
      : description(what), owner(&from), reception(clock_rate), cache(kCachePackets, kShortestCache) {
    if (nack) missing.emplace();
  }

  const SourceDescription description;
  Endpoint* const owner;
  std::vector<Projection> subscribers;  // in join order

  SequenceUnwrapper sequences;
  SequenceWindow window;
  Reception reception;
  std::optional<NackTracker> missing;   // video with nack
  PacketCache cache;                    // the same
  uint32_t silent_packets = 0;
  uint64_t received_at_last_report = 0;

  std::optional<SenderInfo> last_report;  // the sender's newest SR
  Instant last_key_frame_request = Instant::at(Duration::seconds(-3600));
};

/// The ingest side of an endpoint.
class Receiver {
 public:
  static constexpr Duration kReportInterval = Duration::milliseconds(500);

  /// What the endpoint may send: payload types, extensions. Called at creation and when signalling changes them.
  void set_formats(const jingle::MediaFormats* audio, const jingle::MediaFormats* video);
  bool accepts(bool video) const { return video ? has_video_ : has_audio_; }
  uint32_t clock_rate(bool video) const { return video ? video_clock_ : audio_clock_; }
  bool negotiated_nack() const { return video_nack_; }

  /// Hop 3, after the path has opened the packet: transport-wide arrival, payload type, source, RTX unwrapped, duplicate check,
  /// key frame and level read. nullopt: `out` is to be routed.
  std::optional<Drop> ingest(Instant now, Datagram& datagram, MediaPacket& out, BridgeCounts& counts);

  /// The video orientation that a cached packet of this endpoint carries; empty: none.
  BytesView video_orientation(const RtpView& packet) const {
    if (video_ids_.video_orientation == 0) return {};
    return packet.extension(video_ids_.video_orientation).value_or(BytesView()).subspan(0, 1);
  }
  /// Reports to the sender that are due: NACKs, RR, transport-wide feedback.
  void report(Instant now, Sender& sender, Ssrc feedback_ssrc, std::string_view cname, BridgeCounts& counts, Outbox& out);
  Instant deadline() const;

  std::vector<std::unique_ptr<Source>> sources;  // in order of signalling
  bool audio_muted = false, video_muted = false;  // by a moderator

 private:
  enum class Kind : uint8_t { unknown, audio, video, rtx };
  struct PayloadType {
    Kind kind = Kind::unknown;
    uint8_t apt = 0;    // of rtx
    bool vp8 = false;
  };
  struct Found {
    Source* source = nullptr;
    bool is_rtx = false;
  };
  Found find(Ssrc ssrc) const;
  std::optional<Drop> unwrap(Datagram& datagram, RtpView& view, Source& source);
  void inspect(MediaPacket& packet, const PayloadType& type);
  void nack(Instant now, Sender& sender, Ssrc feedback_ssrc, BridgeCounts& counts, Outbox& out);
  void receiver_report(Instant now, Sender& sender, Ssrc feedback_ssrc, std::string_view cname, BridgeCounts& counts, Outbox& out);

  std::array<PayloadType, 128> payload_types_{};
  ExtensionIds audio_ids_ = ExtensionIds::none(), video_ids_ = ExtensionIds::none();
  uint32_t audio_clock_ = 48000, video_clock_ = 90000;
  bool has_audio_ = false, has_video_ = false, video_nack_ = false;
  TwccRecorder arrivals_;
  Instant next_report_ = Instant::never();
  std::vector<uint16_t> to_ask_;  // scratch
};

/// Ids of a medium's extensions.
ExtensionIds extension_ids(const jingle::MediaFormats& formats);

}  // namespace tacoma::bridge
