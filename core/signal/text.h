// Strict reading of numbers from attributes, for the parsers of this room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/signal/xml.h"

namespace tacoma {

/// Decimal digits only, at most `max`.
inline std::optional<uint64_t> parse_number(std::string_view text, uint64_t max) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

/// "ssrc '-1' is not a number up to 4294967295": what is wrong with an attribute.
inline std::string bad_number(std::string_view name, std::string_view text, uint64_t max) {
  return std::string(name) + " '" + std::string(text.substr(0, 40)) + "' is not a number up to " + std::to_string(max);
}

}  // namespace tacoma
