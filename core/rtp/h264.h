// What a forwarding unit reads of H.264 RTP payloads (RFC 6184 section 5): where a key frame starts, and how high its pictures are.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/bytes.h"

namespace tacoma {

/// NAL unit types that matter, in a single NAL unit packet, a STAP-A, or the first fragment of an FU-A.
struct H264Payload {
  bool parameters = false;  // a sequence parameter set: a decoder may start here
  bool idr = false;         // an IDR slice begins
  uint16_t height = 0;      // of the pictures, in lines, as a whole sequence parameter set tells (ITU-T H.264, 7.3.2.1.1); 0: none did
};
/// nullopt when an aggregate or a fragment is cut off, or it is a packet type that nobody negotiates (STAP-B, MTAP, FU-B).
std::optional<H264Payload> parse_h264(BytesView payload);

}  // namespace tacoma
