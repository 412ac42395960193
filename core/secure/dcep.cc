#include "core/secure/dcep.h"

namespace tacoma::dcep {
namespace {
constexpr uint8_t kAck = 2, kOpen = 3;
constexpr size_t kOpenHeader = 12;
}  // namespace

std::optional<Open> parse_open(BytesView message) {
  ByteReader r(message);
  Open open;
  if (r.u8() != kOpen) return std::nullopt;
  open.channel_type = r.u8();
  open.priority = r.u16();
  open.reliability = r.u32();
  const size_t label = r.u16(), protocol = r.u16();
  if (!r.ok() || (open.channel_type & 0x7f) > 2 || label > kMaxName || protocol > kMaxName) return std::nullopt;
  if (r.remaining() != label + protocol) return std::nullopt;
  open.label = as_text(r.bytes(label));
  open.protocol = as_text(r.bytes(protocol));
  return open;
}

std::vector<uint8_t> write(const Open& open) {
  std::vector<uint8_t> message(kOpenHeader + open.label.size() + open.protocol.size());
  ByteWriter w(message);
  w.u8(kOpen);
  w.u8(open.channel_type);
  w.u16(open.priority);
  w.u32(open.reliability);
  w.u16(static_cast<uint16_t>(open.label.size()));
  w.u16(static_cast<uint16_t>(open.protocol.size()));
  w.bytes(as_bytes(open.label));
  w.bytes(as_bytes(open.protocol));
  TACOMA_ASSERT(w.ok() && open.label.size() <= kMaxName && open.protocol.size() <= kMaxName);
  return message;
}

bool is_ack(BytesView message) { return message.size() == 1 && message[0] == kAck; }
std::vector<uint8_t> write_ack() { return {kAck}; }

}  // namespace tacoma::dcep
