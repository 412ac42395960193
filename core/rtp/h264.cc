#include "core/rtp/h264.h"

namespace tacoma {

namespace {
constexpr uint8_t kIdr = 5, kParameters = 7, kStapA = 24, kFuA = 28;
void note(H264Payload& p, uint8_t type) {
  p.parameters = p.parameters || type == kParameters;
  p.idr = p.idr || type == kIdr;
}
}  // namespace

std::optional<H264Payload> parse_h264(BytesView payload) {
  H264Payload result;
  ByteReader r(payload);
  const uint8_t type = r.u8() & 0x1f;
  if (!r.ok()) return std::nullopt;
  if (type >= 1 && type < kStapA) {
    note(result, type);
    return result;
  }
  if (type == kStapA) {
    if (r.remaining() == 0) return std::nullopt;
    while (r.remaining() > 0) {
      const uint16_t size = r.u16();
      if (!r.ok() || size == 0 || size > r.remaining()) return std::nullopt;
      note(result, r.u8() & 0x1f);
      r.skip(size - 1u);
    }
    return result;
  }
  if (type == kFuA) {
    const uint8_t fragment = r.u8();
    if (!r.ok() || r.remaining() == 0 || (fragment & 0xc0) == 0xc0) return std::nullopt;  // first and last: not a fragment
    if (fragment & 0x80) note(result, fragment & 0x1f);
    return result;
  }
  return std::nullopt;
}

}  // namespace tacoma
