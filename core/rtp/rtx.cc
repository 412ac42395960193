#include "core/rtp/rtx.h"

#include <cstring>

namespace tacoma {

size_t wrap_rtx(const RtpView& original, RtxStream& stream, MutableBytes out) {
  const BytesView packet = original.packet();
  const size_t header = original.header_size();
  if (out.size() < packet.size() + kRtxHeader) return 0;
  std::memcpy(out.data(), packet.data(), header);
  store_u16(out.data() + header, original.sequence());
  std::memcpy(out.data() + header + kRtxHeader, packet.data() + header, packet.size() - header);
  set_rtp_payload_type(out, stream.payload_type);
  set_rtp_sequence(out, stream.next_sequence++);
  set_rtp_ssrc(out, stream.ssrc);
  return packet.size() + kRtxHeader;
}

size_t unwrap_rtx(MutableBytes packet, const RtpView& view, Ssrc original_ssrc, uint8_t original_payload_type) {
  TACOMA_ASSERT(packet.data() == view.packet().data() && packet.size() == view.packet().size());
  const BytesView payload = view.payload();
  if (payload.size() < kRtxHeader) return 0;
  const uint16_t sequence = load_u16(payload.data());
  const size_t header = view.header_size();
  std::memmove(packet.data() + header, packet.data() + header + kRtxHeader, packet.size() - header - kRtxHeader);
  set_rtp_sequence(packet, sequence);
  set_rtp_ssrc(packet, original_ssrc);
  set_rtp_payload_type(packet, original_payload_type);
  return packet.size() - kRtxHeader;
}

}  // namespace tacoma
