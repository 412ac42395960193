// Redundant audio data (RFC 2198): a payload that carries copies of earlier packets before its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/bytes.h"

namespace tacoma {

inline constexpr size_t kMaxRedCopies = 8;         // in one payload; more are refused: 160 ms of packets of 20 ms
inline constexpr uint16_t kMaxRedOffset = 0x3fff;  // 14 bits: 341 ms at 48 kHz
inline constexpr size_t kMaxRedLength = 0x3ff;     // 10 bits

struct RedBlock {
  uint8_t payload_type = 0;
  uint16_t timestamp_offset = 0;  // how much older than the packet's timestamp it is
  BytesView data;                 // may be empty
};

/// What a payload holds; views into it.
struct RedPayload {
  uint8_t primary_type = 0;
  BytesView primary;              // never empty
  std::array<RedBlock, kMaxRedCopies> copies;  // in the order of the wire: the oldest first, as all senders write them
  size_t count = 0;               // of copies

  /// How many packets before this one copy `i` went out: RFC 2198 gives timestamps only, but senders repeat the packets right before
  /// (libwebrtc, jitsi-videobridge), one after the other. 0: the offsets do not say so.
  size_t distance(size_t i) const;
};

/// nullopt: cut off, without primary block, or with more than kMaxRedCopies.
std::optional<RedPayload> parse_red(BytesView payload);
/// Writes a payload; returns its size, or 0 when it does not fit `out`, or an offset or a length does not fit its field.
size_t write_red(MutableBytes out, Span<const RedBlock> copies, uint8_t primary_type, BytesView primary);

}  // namespace tacoma
