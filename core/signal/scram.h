// SCRAM (RFC 5802; SHA-256 by RFC 7677) without channel binding, both sides. Nonces are drawn from the caller's Rng.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace tacoma {

enum class ScramHash : uint8_t { sha1, sha256 };

/// What a server stores of a password: neither the password nor anything that logs in elsewhere.
struct ScramKeys {
  ScramHash hash = ScramHash::sha1;
  std::string salt;             // raw bytes
  uint32_t iterations = 4096;
  std::string stored_key, server_key;  // raw bytes
};
ScramKeys derive_scram_keys(ScramHash hash, std::string_view password, std::string_view salt, uint32_t iterations);
/// Whether the password gives the stored keys (SASL PLAIN).
bool verify_password(const ScramKeys& keys, std::string_view password);

/// One login, client side: first() -> on_challenge() -> on_success().
class ScramClient {
 public:
  /// A server's wish for more rounds than this is refused: it would be a way to burn our time.
  static constexpr uint32_t kMaxIterations = 100'000;
  ScramClient(ScramHash hash, std::string user, std::string password, std::string nonce);
  std::string first();
  /// The client-final-message, or why the challenge is refused.
  Result<std::string> on_challenge(std::string_view server_first);
  /// Verifies the server's signature: it knew the password too.
  Result<void, std::string> on_success(std::string_view server_final) const;

 private:
  ScramHash hash_;
  std::string user_, password_, nonce_;
  std::string server_signature_;
};

/// One login, server side: on_first() -> on_final().
class ScramServer {
 public:
  /// The user name of a client-first-message, to look up its keys; error when malformed.
  static Result<std::string> user_of(std::string_view client_first);
  ScramServer(ScramKeys keys, std::string nonce);
  /// The server-first-message.
  Result<std::string> on_first(std::string_view client_first);
  /// The server-final-message when the proof holds.
  Result<std::string> on_final(std::string_view client_final);

 private:
  ScramKeys keys_;
  std::string nonce_;  // ours, then both
  std::string client_first_bare_, server_first_, gs2_header_;
};

// Primitives (OpenSSL), also of use to others.
std::string sha1(std::string_view data);                       // 20 raw bytes
std::string base64_encode(std::string_view data);
Result<std::string> base64_decode(std::string_view text);      // strict: padding needed, nothing else allowed
std::string hex_encode(std::string_view data);                 // lower case
/// In time that does not depend on where they differ.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace tacoma
