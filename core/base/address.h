// Transport addresses, IPv4 and IPv6.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tacoma {

enum class IpFamily : uint8_t { v4, v6 };

/// An IP address. IPv4 uses the first 4 bytes, the others are zero.
struct IpAddress {
  IpFamily family = IpFamily::v4;
  std::array<uint8_t, 16> bytes{};

  static IpAddress v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    IpAddress ip;
    ip.bytes[0] = a; ip.bytes[1] = b; ip.bytes[2] = c; ip.bytes[3] = d;
    return ip;
  }
  /// Parses dotted decimal or RFC 4291 text; nothing else (no names, no zones).
  static std::optional<IpAddress> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const IpAddress& o) const { return family == o.family && bytes == o.bytes; }
  bool operator!=(const IpAddress& o) const { return !(*this == o); }
  bool operator<(const IpAddress& o) const { return family != o.family ? family < o.family : bytes < o.bytes; }
};

/// An IP address and a UDP or TCP port.
struct SocketAddress {
  IpAddress ip;
  uint16_t port = 0;

  std::string to_string() const;  // 192.0.2.1:10000, [2001:db8::1]:10000
  bool operator==(const SocketAddress& o) const { return port == o.port && ip == o.ip; }
  bool operator!=(const SocketAddress& o) const { return !(*this == o); }
  bool operator<(const SocketAddress& o) const { return ip == o.ip ? port < o.port : ip < o.ip; }
};

}  // namespace tacoma

template <>
struct std::hash<tacoma::SocketAddress> {
  size_t operator()(const tacoma::SocketAddress& a) const noexcept {
    uint64_t low, high;
    std::memcpy(&low, a.ip.bytes.data(), 8);
    std::memcpy(&high, a.ip.bytes.data() + 8, 8);
    uint64_t h = (low ^ (uint64_t{a.port} << 40)) * 0x9e3779b97f4a7c15ull;
    h = (h ^ (h >> 29) ^ high ^ static_cast<uint64_t>(a.ip.family)) * 0xbf58476d1ce4e5b9ull;
    return static_cast<size_t>(h ^ (h >> 32));
  }
};
