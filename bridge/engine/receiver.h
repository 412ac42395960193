// The way in from one endpoint: its sources, what is known of each, and what the bridge tells the sender about them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/source.h"
#include "bridge/engine/stats.h"
#include "core/base/process.h"
#include "core/rtp/ccfb_recorder.h"
#include "core/rtp/twcc_recorder.h"
#include "core/signal/colibri2.h"

namespace tacoma::bridge {

class Sender;

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

  /// Finds the primary block of redundant audio, for those who cannot take the rest. False: it cannot be read.
  bool read_primary(MediaPacket& packet) const;
  /// Reads a packet that came before and was cached, once more.
  MediaPacket read_again(Source& source, Encoding& encoding, const RtpView& view);
  /// Reports to the sender that are due: NACKs, RR, transport-wide feedback.
  void report(Instant now, Sender& sender, Ssrc feedback_ssrc, std::string_view cname, BridgeCounts& counts, Outbox& out);
  Instant deadline() const;

  std::vector<std::unique_ptr<Source>> sources;  // in order of signalling
  bool audio_muted = false, video_muted = false;  // by a moderator

 private:
  enum class Kind : uint8_t { unknown, audio, video, rtx };
  struct PayloadType {
    Kind kind = Kind::unknown;
    uint8_t id = 0;
    uint8_t apt = 0;    // of rtx
    Codec codec = Codec::opaque;
    bool is_red = false;
  };
  struct Found {
    Source* source = nullptr;
    Encoding* encoding = nullptr;
    bool is_rtx = false;
  };
  Found find(Ssrc ssrc) const;
  BytesView video_orientation(const RtpView& packet) const;
  std::optional<Drop> unwrap(Datagram& datagram, RtpView& view, const Encoding& encoding);
  void inspect(Instant now, MediaPacket& packet, Encoding& encoding, const PayloadType& type, BridgeCounts& counts);
  std::optional<Drop> read_vp9(MediaPacket& packet, Encoding& encoding);
  std::optional<Drop> read_av1(MediaPacket& packet, Encoding& encoding);
  std::optional<Drop> read_h264(MediaPacket& packet, Encoding& encoding);
  std::optional<Drop> read_opaque(MediaPacket& packet, Encoding& encoding);
  std::optional<Drop> read_facts(MediaPacket& packet, Encoding& encoding, Codec codec);
  void inspect_audio(MediaPacket& packet);
  void nack(Instant now, Sender& sender, Ssrc feedback_ssrc, BridgeCounts& counts, Outbox& out);
  void receiver_report(Instant now, Sender& sender, Ssrc feedback_ssrc, std::string_view cname, BridgeCounts& counts, Outbox& out);

  PayloadType type_of(uint8_t id) const;
  std::vector<PayloadType> payload_types_;  // a handful: a scan costs less than a table of 128 in each endpoint
  ExtensionIds audio_ids_ = ExtensionIds::none(), video_ids_ = ExtensionIds::none();
  uint32_t audio_clock_ = 48000, video_clock_ = 90000;
  bool has_audio_ = false, has_video_ = false, video_nack_ = false;
  TwccRecorder arrivals_;
  std::unique_ptr<CcfbRecorder> ccfb_;  // in its place, where that was agreed
  Instant next_report_ = Instant::never();
  std::vector<uint16_t> to_ask_;  // scratch
};

/// Ids of a medium's extensions.
ExtensionIds extension_ids(const jingle::MediaFormats& formats);
/// Whether redundant audio (RFC 2198) was negotiated.
bool takes_red(const jingle::MediaFormats& audio);

}  // namespace tacoma::bridge
