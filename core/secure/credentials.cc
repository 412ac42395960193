#include "core/secure/credentials.h"

#include <openssl/rand.h>

#include "core/base/assert.h"

namespace tacoma {
namespace {

constexpr std::string_view kIceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string ice_chars(Rng& rng, SecureRandomness randomness, size_t count) {
  std::array<uint8_t, 32> bytes;
  TACOMA_ASSERT(count <= bytes.size());
  fill_random(rng, randomness, bytes.data(), count);
  std::string text(count, ' ');
  for (size_t i = 0; i < count; ++i) text[i] = kIceChars[bytes[i] & 63];
  return text;
}

bool all_ice_chars(std::string_view text) { return text.find_first_not_of(kIceChars) == std::string_view::npos; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void fill_random(Rng& rng, SecureRandomness randomness, uint8_t* out, size_t size) {
  if (randomness == SecureRandomness::seeded) {
    rng.fill(out, size);
  } else {
    TACOMA_ASSERT(RAND_bytes(out, static_cast<int>(size)) == 1);
  }
}

IceCredentials IceCredentials::make(Rng& rng, SecureRandomness randomness) {
  IceCredentials credentials;
  credentials.ufrag = ice_chars(rng, randomness, 8);
  credentials.pwd = ice_chars(rng, randomness, 24);
  return credentials;
}

bool IceCredentials::valid() const {
  return ufrag.size() >= 4 && ufrag.size() <= kMaxLength && pwd.size() >= 22 && pwd.size() <= kMaxLength &&
         all_ice_chars(ufrag) && all_ice_chars(pwd);
}

std::optional<Fingerprint> Fingerprint::parse(std::string_view text) {
  Fingerprint fingerprint;
  if (text.size() != fingerprint.sha256.size() * 3 - 1) return std::nullopt;
  for (size_t i = 0; i < fingerprint.sha256.size(); ++i) {
    const int high = hex_digit(text[3 * i]);
    const int low = hex_digit(text[3 * i + 1]);
    if (high < 0 || low < 0 || (3 * i + 2 < text.size() && text[3 * i + 2] != ':')) return std::nullopt;
    fingerprint.sha256[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return fingerprint;
}

std::string Fingerprint::to_string() const {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string text;
  for (uint8_t byte : sha256) {
    if (!text.empty()) text += ':';
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace tacoma
