#include "bridge/engine/sender.h"

#include <cstring>

#include "bridge/engine/receiver.h"

namespace tacoma::bridge {

void EgressHeader::build(const MediaPacket& packet, const EgressShape& shape, Instant now) {
  shape_ = shape;
  RtpHeader header;
  header.payload_type = packet.view.payload_type();
  header.marker = packet.view.marker();
  header.sequence = packet.view.sequence();
  header.timestamp = packet.view.timestamp();
  header.ssrc = packet.view.ssrc();
  std::array<RtpExtension, 4> extensions;
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
  size_ = static_cast<uint8_t>(write_rtp_header(MutableBytes(bytes_.data(), bytes_.size()), header, Span<const RtpExtension>(extensions.data(), count)));
  TACOMA_ASSERT(size_ != 0);
  const size_t element_header = bytes_[kRtpFixedHeader] == 0xbe ? 1 : 2;
  transport_at_ = shape.transport_cc != 0 ? static_cast<uint8_t>(kRtpFixedHeader + 4 + element_header) : 0;
}

std::optional<Drop> Sender::emit(EgressHeader& header, BytesView payload, uint16_t sequence, Outbox& out) {
  if (!path_->ready()) return Drop::receiver_not_ready;
  header.set_sequence(sequence);
  header.set_transport_sequence(next_transport_sequence_);
  const BytesView head = header.bytes();
  const size_t size = head.size() + payload.size() + path_->rtp_overhead();
  if (size > kMaxPacket) return Drop::over_mtu;
  PacketRef packet = out.pool().make(size);
  if (!packet) return Drop::pool_exhausted;
  const auto written = path_->protect_rtp(head, payload, packet.storage());
  if (!written) return written.error();
  packet.resize(*written);
  out.send(path_->remote(), std::move(packet));
  ++next_transport_sequence_;
  return std::nullopt;
}

std::optional<Drop> Sender::emit_again(EgressHeader& header, const MediaPacket& packet, uint16_t sequence, Ssrc rtx_ssrc,
                                       uint8_t rtx_payload_type, uint16_t rtx_sequence, Outbox& out) {
  const BytesView payload = packet.view.payload();
  if (rtx_ssrc == Ssrc()) return emit(header, payload, sequence, out);
  if (!path_->ready()) return Drop::receiver_not_ready;
  set_rtp_payload_type(header.bytes(), rtx_payload_type);
  set_rtp_ssrc(header.bytes(), rtx_ssrc);
  header.set_sequence(rtx_sequence);
  header.set_transport_sequence(next_transport_sequence_);
  const BytesView head = header.bytes();
  const size_t plain = head.size() + 2 + payload.size();
  if (plain + path_->rtp_overhead() > kMaxPacket) return Drop::over_mtu;
  PacketRef slot = out.pool().make(plain + path_->rtp_overhead());
  if (!slot) return Drop::pool_exhausted;
  uint8_t* p = slot.storage().data();
  std::memcpy(p, head.data(), head.size());
  store_u16(p + head.size(), sequence);  // RFC 4588 section 4: the original number goes before the payload
  std::memcpy(p + head.size() + 2, payload.data(), payload.size());
  const auto written = path_->protect_rtp(slot.storage(), plain);
  if (!written) return written.error();
  slot.resize(*written);
  out.send(path_->remote(), std::move(slot));
  ++next_transport_sequence_;
  return std::nullopt;
}

}  // namespace tacoma::bridge
