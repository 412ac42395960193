// The way out to one endpoint: the rewritten header, protection, and the RTCP that the bridge says.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "bridge/engine/downlink.h"
#include "bridge/engine/stats.h"
#include "core/base/process.h"
#include "core/rtp/extensions.h"
#include "core/rtp/rtcp_writer.h"
#include "core/rtp/rtp_packet.h"
#include "core/secure/secure_path.h"

namespace tacoma::bridge {

struct MediaPacket;
struct Rewrite;

/// Which extensions go out to an endpoint, and under which ids; 0: not.
struct EgressShape {
  uint8_t audio_level = 0, abs_send_time = 0, transport_cc = 0, video_orientation = 0, dependency_descriptor = 0;
  bool takes_red = false;  // redundant audio goes out as it is, else its primary block alone
  bool operator==(const EgressShape& o) const {
    return takes_red == o.takes_red && audio_level == o.audio_level && abs_send_time == o.abs_send_time && transport_cc == o.transport_cc &&
           video_orientation == o.video_orientation && dependency_descriptor == o.dependency_descriptor;
  }
};

/// A header for egress. Built once a packet for all receivers of one shape; what a rewrite changes is set for each.
class EgressHeader {
 public:
  bool is_for(const EgressShape& shape) const { return size_ != 0 && shape_ == shape; }
  /// From the packet's header: of its extensions audio level, video orientation and `dependency` (the dependency descriptor, perhaps
  /// changed) stay; abs-send-time and a transport sequence number are added.
  void build(const MediaPacket& packet, const EgressShape& shape, Instant now, BytesView dependency);
  /// Sets SSRC, sequence number, timestamp and marker.
  void set(Ssrc ssrc, const Rewrite& rewrite);
  /// The packet is one byte of padding: it only takes up its number.
  void make_padding() { bytes_[0] = static_cast<uint8_t>(bytes_[0] | 0x20); }
  uint16_t sequence() const { return load_u16(bytes_.data() + 2); }
  bool is_numbered() const { return transport_at_ != 0; }
  void set_transport_sequence(uint16_t sequence) { if (transport_at_ != 0) store_u16(bytes_.data() + transport_at_, sequence); }
  MutableBytes bytes() { return MutableBytes(bytes_.data(), size_); }

 private:
  std::array<uint8_t, 352> bytes_;  // room for the longest dependency descriptor
  EgressShape shape_;
  uint32_t timestamp_ = 0;           // as it came
  uint16_t size_ = 0;
  uint8_t transport_at_ = 0;
};

/// The egress side of an endpoint.
class Sender {
 public:
  static constexpr Duration kUnknownRoundTrip = Duration::milliseconds(100);

  Sender(SecurePath& path, Downlink& downlink) : path_(&path), downlink_(&downlink) {}

  bool ready() const { return path_->ready(); }
  EgressShape audio_shape, video_shape;
  struct RtxType {
    uint8_t type, rtx;
  };
  std::vector<RtxType> rtx_types;  // as negotiated, a handful
  /// The rtx payload type of this one; 0: none negotiated.
  uint8_t rtx_of(uint8_t type) const {
    for (const RtxType& t : rtx_types)
      if (t.type == type) return t.rtx;
    return 0;
  }
  uint8_t any_rtx_type = 0, any_video_type = 0;  // for padding; 0: none negotiated

  /// Hop 5: header and payload are protected into a fresh slot and sent. `lead` takes the place of as many first bytes of the payload.
  /// nullopt: it is on its way.
  std::optional<Drop> emit(Instant now, EgressHeader& header, BytesView lead, BytesView payload, Cargo cargo, Outbox& out);
  /// Sends a packet again as RTX (RFC 4588).
  std::optional<Drop> emit_rtx(Instant now, EgressHeader& header, BytesView lead, BytesView payload, Ssrc rtx_ssrc, uint8_t rtx_payload_type,
                               uint16_t rtx_sequence, Cargo cargo, Outbox& out);
  /// Sends a packet of nothing but `padding` bytes, 1 to 255 (RFC 3550 section 5.1), for a probe. False: it could not be.
  bool emit_padding(Instant now, Ssrc ssrc, uint8_t payload_type, uint16_t sequence, uint32_t timestamp, size_t padding, Outbox& out);
  /// Sends what `write(RtcpWriter&)` writes, at most `room` bytes. False when the path is not up, or nothing was written.
  template <typename Write>
  bool send_rtcp(size_t room, Outbox& out, Write write) {
    if (!path_->ready()) return false;
    PacketRef packet = out.pool().make(room + kMaxSrtpOverhead);
    if (!packet) return false;
    RtcpWriter writer(packet.storage().subspan(0, room));
    write(writer);
    if (writer.size() == 0) return false;
    const auto size = path_->protect_rtcp(packet.storage(), writer.size());
    if (!size) return false;
    packet.resize(*size);
    out.send(path_->remote(), std::move(packet));
    return true;
  }

  /// Smoothed; the bridge's and the endpoint's round trip.
  Duration round_trip() const { return round_trip_; }
  void on_round_trip(Duration sample) {
    round_trip_ = has_round_trip_ ? round_trip_ * 7 / 8 + sample / 8 : sample;
    has_round_trip_ = true;
  }

 private:
  /// A protected packet goes out; `header` is its RTP header in the clear.
  void send(Instant now, PacketRef packet, BytesView header, Cargo cargo, bool numbered, Outbox& out) {
    const bool uses_ecn = numbered && downlink_->side.uses_ecn();
    if (uses_ecn) downlink_->side.name_packet(now, Ssrc(load_u32(header.data() + 8)), load_u16(header.data() + 2));
    downlink_->on_sent(now, DataSize::bytes(static_cast<int64_t>(packet.size())), cargo, numbered);
    out.send(path_->remote(), std::move(packet), uses_ecn ? downlink_->side.codepoint() : Ecn::not_ect);
  }

  SecurePath* path_;
  Downlink* downlink_;
  bool has_round_trip_ = false;
  Duration round_trip_ = kUnknownRoundTrip;
};

}  // namespace tacoma::bridge
