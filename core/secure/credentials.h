// What two ends of a secure path tell each other by signalling: ICE credentials and candidates, certificate fingerprint.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/address.h"
#include "core/base/rng.h"

namespace tacoma {

/// Where keys, nonces and identifiers come from. `seeded` draws all of them from the Rng given at construction: runs
/// repeat byte for byte, and anybody who knows the seed knows the keys. `system` draws from the operating system.
enum class SecureRandomness : uint8_t { seeded, system };

enum class IceRole : uint8_t { controlling, controlled };
enum class DtlsRole : uint8_t { client, server };

/// RFC 8839 section 5.4: ufrag 4 to 256, pwd 22 to 256 ice-chars.
struct IceCredentials {
  std::string ufrag;
  std::string pwd;

  static constexpr size_t kMaxLength = 256;
  /// A ufrag of 8 and a pwd of 24 ice-chars (48 and 144 bits).
  static IceCredentials make(Rng& rng, SecureRandomness randomness);
  bool valid() const;
  bool operator==(const IceCredentials& o) const { return ufrag == o.ufrag && pwd == o.pwd; }
};

/// A UDP candidate of component 1 (RFC 8445 section 5.1). Its type matters to the priority only.
struct IceCandidate {
  SocketAddress address;
  uint32_t priority = 0;  // RFC 8445 section 5.1.2

  /// The priority of the host candidate number `index` of an agent (0 is preferred), or of a peer-reflexive one.
  static uint32_t host_priority(uint32_t index) { return (126u << 24) | ((65535u - index) << 8) | 255u; }
  static uint32_t peer_reflexive_priority(uint32_t index) { return (110u << 24) | ((65535u - index) << 8) | 255u; }
};

/// SHA-256 of a certificate in DER (RFC 8122).
struct Fingerprint {
  std::array<uint8_t, 32> sha256{};

  /// From "AA:BB:.." (either case), 32 bytes; nothing else.
  static std::optional<Fingerprint> parse(std::string_view text);
  /// "AA:BB:..", upper case.
  std::string to_string() const;
  bool operator==(const Fingerprint& o) const { return sha256 == o.sha256; }
  bool operator!=(const Fingerprint& o) const { return sha256 != o.sha256; }
};

/// Fills with seeded or truly random bytes.
void fill_random(Rng& rng, SecureRandomness randomness, uint8_t* out, size_t size);

}  // namespace tacoma
