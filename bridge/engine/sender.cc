#include "bridge/engine/sender.h"

#include <cstring>

#include "bridge/engine/media_packet.h"
#include "bridge/engine/rewrite.h"

namespace tacoma::bridge {

void EgressHeader::build(const MediaPacket& packet, const EgressShape& shape, Instant now, BytesView dependency) {
  shape_ = shape;
  RtpHeader header;
  header.payload_type = packet.is_red && !shape.takes_red ? packet.primary_type : packet.view.payload_type();
  timestamp_ = packet.view.timestamp();
  std::array<RtpExtension, 5> extensions;
  size_t count = 0;
  uint8_t transport[2] = {}, send_time[3];
  // First, so that its place is known.
  if (shape.transport_cc != 0) extensions[count++] = {shape.transport_cc, BytesView(transport)};
  if (shape.abs_send_time != 0) {
    store_u24(send_time, encode_abs_send_time(now));
    extensions[count++] = {shape.abs_send_time, BytesView(send_time)};
  }
  if (shape.audio_level != 0 && !packet.audio_level.empty()) extensions[count++] = {shape.audio_level, packet.audio_level};
  if (shape.video_orientation != 0 && !packet.video_orientation.empty())
    extensions[count++] = {shape.video_orientation, packet.video_orientation};
  if (shape.dependency_descriptor != 0 && !dependency.empty()) extensions[count++] = {shape.dependency_descriptor, dependency};
  size_ = static_cast<uint16_t>(write_rtp_header(MutableBytes(bytes_.data(), bytes_.size()), header, Span<const RtpExtension>(extensions.data(), count)));
  TACOMA_ASSERT(size_ != 0);
  const size_t element_header = bytes_[kRtpFixedHeader] == 0xbe ? 1 : 2;
  transport_at_ = shape.transport_cc != 0 ? static_cast<uint8_t>(kRtpFixedHeader + 4 + element_header) : 0;
}

void EgressHeader::set(Ssrc ssrc, const Rewrite& rewrite) {
  bytes_[1] = static_cast<uint8_t>((bytes_[1] & 0x7f) | (rewrite.marker ? 0x80 : 0));
  store_u16(bytes_.data() + 2, rewrite.sequence);
  store_u32(bytes_.data() + 4, timestamp_ + rewrite.deltas.timestamp);
  store_u32(bytes_.data() + 8, ssrc.value());
}

std::optional<Drop> Sender::emit(Instant now, EgressHeader& header, BytesView lead, BytesView payload, Cargo cargo, Outbox& out) {
  if (!path_->ready()) return Drop::receiver_not_ready;
  header.set_transport_sequence(downlink_->next_sequence());
  const BytesView head = header.bytes();
  const size_t plain = head.size() + payload.size();
  const size_t size = plain + path_->rtp_overhead();
  if (size > kMaxPacket) return Drop::over_mtu;
  PacketRef packet = out.pool().make(size);
  if (!packet) return Drop::pool_exhausted;
  Result<size_t, Drop> written = fail(Drop::srtp_error);
  if (lead.empty()) {
    written = path_->protect_rtp(head, payload, packet.storage());
  } else {
    uint8_t* p = packet.storage().data();
    std::memcpy(p, head.data(), head.size());
    std::memcpy(p + head.size(), payload.data(), payload.size());
    std::memcpy(p + head.size(), lead.data(), lead.size());
    written = path_->protect_rtp(packet.storage(), plain);
  }
  if (!written) return written.error();
  packet.resize(*written);
  send(now, std::move(packet), head, cargo, header.is_numbered(), out);
  return std::nullopt;
}

std::optional<Drop> Sender::emit_rtx(Instant now, EgressHeader& header, BytesView lead, BytesView payload, Ssrc rtx_ssrc, uint8_t rtx_payload_type,
                                     uint16_t rtx_sequence, Cargo cargo, Outbox& out) {
  if (!path_->ready()) return Drop::receiver_not_ready;
  const uint16_t original = header.sequence();
  set_rtp_payload_type(header.bytes(), rtx_payload_type);
  set_rtp_ssrc(header.bytes(), rtx_ssrc);
  set_rtp_sequence(header.bytes(), rtx_sequence);
  header.set_transport_sequence(downlink_->next_sequence());
  const BytesView head = header.bytes();
  const size_t plain = head.size() + 2 + payload.size();
  if (plain + path_->rtp_overhead() > kMaxPacket) return Drop::over_mtu;
  PacketRef slot = out.pool().make(plain + path_->rtp_overhead());
  if (!slot) return Drop::pool_exhausted;
  uint8_t* p = slot.storage().data();
  std::memcpy(p, head.data(), head.size());
  p += head.size();
  store_u16(p, original);  // RFC 4588 section 4: the original number goes before the payload
  std::memcpy(p + 2, payload.data(), payload.size());
  if (!lead.empty()) std::memcpy(p + 2, lead.data(), lead.size());
  const auto written = path_->protect_rtp(slot.storage(), plain);
  if (!written) return written.error();
  slot.resize(*written);
  send(now, std::move(slot), head, cargo, header.is_numbered(), out);
  return std::nullopt;
}

bool Sender::emit_padding(Instant now, Ssrc ssrc, uint8_t payload_type, uint16_t sequence, uint32_t timestamp, size_t padding, Outbox& out) {
  TACOMA_ASSERT(padding > 0 && padding <= 255);
  if (!path_->ready() || video_shape.transport_cc == 0) return false;
  uint8_t plain[kRtpFixedHeader + 16 + 255], number[2], send_time[3];
  RtpHeader header;
  header.payload_type = payload_type;
  header.sequence = sequence;
  header.timestamp = timestamp;
  header.ssrc = ssrc;
  store_u16(number, downlink_->next_sequence());
  store_u24(send_time, encode_abs_send_time(now));
  const RtpExtension extensions[] = {{video_shape.transport_cc, BytesView(number)}, {video_shape.abs_send_time, BytesView(send_time)}};
  const size_t head = write_rtp_header(MutableBytes(plain), header, Span<const RtpExtension>(extensions, video_shape.abs_send_time != 0 ? 2 : 1));
  TACOMA_ASSERT(head != 0);
  plain[0] |= 0x20;  // P
  std::memset(plain + head, 0, padding);
  plain[head + padding - 1] = static_cast<uint8_t>(padding);
  PacketRef slot = out.pool().make(head + padding + path_->rtp_overhead());
  if (!slot) return false;
  const auto written = path_->protect_rtp(BytesView(plain, head), BytesView(plain + head, padding), slot.storage());
  if (!written) return false;
  slot.resize(*written);
  send(now, std::move(slot), BytesView(plain, head), Cargo::probe, true, out);
  return true;
}

}  // namespace tacoma::bridge
