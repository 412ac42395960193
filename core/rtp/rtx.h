// Retransmission payload format (RFC 4588): the original sequence number goes before the payload.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/rtp/rtp_packet.h"

namespace tacoma {

inline constexpr size_t kRtxHeader = 2;

/// The stream that carries retransmissions, and the number of the next one.
struct RtxStream {
  Ssrc ssrc;
  uint8_t payload_type = 96;
  uint16_t next_sequence = 0;
};

/// Writes `original` as a retransmission into `out` (kRtxHeader bytes longer; CSRCs, extensions and padding are kept) and
/// advances the stream's sequence. Returns the size, or 0 (and advances nothing) when `out` is too small.
size_t wrap_rtx(const RtpView& original, RtxStream& stream, MutableBytes out);

/// Restores the original in place: `packet` must be the bytes that `view` was parsed from. Returns the new size (kRtxHeader
/// less), or 0 when the payload holds no original sequence number. `view` is stale afterwards: parse again.
size_t unwrap_rtx(MutableBytes packet, const RtpView& view, Ssrc original_ssrc, uint8_t original_payload_type);

}  // namespace tacoma
