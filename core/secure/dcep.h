// The Data Channel Establishment Protocol (RFC 8832) and the payload protocol identifiers of data channels (RFC 8831 section 8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace tacoma::dcep {

inline constexpr uint32_t kControl = 50, kText = 51, kBinary = 53, kEmptyText = 56, kEmptyBinary = 57;  // PPIDs
inline constexpr size_t kMaxName = 256;  // bytes of a label or protocol; a longer one is malformed here

/// DATA_CHANNEL_OPEN (section 5.1).
struct Open {
  uint8_t channel_type = 0;     // 0: reliable and ordered
  uint16_t priority = 256;      // normal
  uint32_t reliability = 0;     // of partially reliable types: retransmissions or milliseconds
  std::string label, protocol;
  bool operator==(const Open&) const = default;
};

/// nullopt: no OPEN, an unknown channel type, cut short or overlong.
std::optional<Open> parse_open(BytesView message);
std::vector<uint8_t> write(const Open& open);
/// DATA_CHANNEL_ACK (section 5.2), one byte.
bool is_ack(BytesView message);
std::vector<uint8_t> write_ack();

}  // namespace tacoma::dcep
