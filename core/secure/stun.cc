#include "core/secure/stun.h"

// The one-shot EVP interface fetches its algorithm at every call, which costs several times the hash itself; these functions
// are deprecated in favour of it but stay in OpenSSL 3.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace tacoma::stun {
namespace {

enum Attribute : uint16_t {
  kMappedAddress = 0x0001,
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000a,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kXorMappedAddress = 0x0020,
  kPriority = 0x0024,
  kUseCandidate = 0x0025,
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,
  kIceControlling = 0x802a,
};
constexpr uint32_t kFingerprintXor = 0x5354554e;
constexpr size_t kIntegritySize = 20;
constexpr size_t kMaxUsername = 513;  // RFC 8489 section 14.3: below 513 bytes of UTF-8; ICE: 256 + ':' + 256

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1) ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = make_crc_table();

uint32_t crc32(uint32_t crc, BytesView bytes) {
  for (uint8_t b : bytes) crc = kCrcTable[(crc ^ b) & 0xff] ^ (crc >> 8);
  return crc;
}

// The header as it counts for a check value: with the length up to and including that attribute.
std::array<uint8_t, kHeaderSize> header_with_length(BytesView message, size_t length) {
  std::array<uint8_t, kHeaderSize> header;
  std::memcpy(header.data(), message.data(), kHeaderSize);
  store_u16(header.data() + 2, static_cast<uint16_t>(length));
  return header;
}

uint32_t fingerprint_of(BytesView message, size_t at) {
  const auto header = header_with_length(message, at + 8 - kHeaderSize);
  uint32_t crc = crc32(0xffffffffu, BytesView(header.data(), header.size()));
  crc = crc32(crc, message.subspan(kHeaderSize, at - kHeaderSize));
  return (crc ^ 0xffffffffu) ^ kFingerprintXor;
}

// HMAC-SHA1 (RFC 2104) over the message before the attribute at `at`.
std::array<uint8_t, kIntegritySize> integrity_of(BytesView message, size_t at, std::string_view key) {
  std::array<uint8_t, 64> block{};
  if (key.size() > block.size()) {
    SHA1(reinterpret_cast<const uint8_t*>(key.data()), key.size(), block.data());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  const auto header = header_with_length(message, at + 4 + kIntegritySize - kHeaderSize);
  std::array<uint8_t, kIntegritySize> digest;
  SHA_CTX sha;
  for (uint8_t& b : block) b ^= 0x36;
  SHA1_Init(&sha);
  SHA1_Update(&sha, block.data(), block.size());
  SHA1_Update(&sha, header.data(), header.size());
  SHA1_Update(&sha, message.data() + kHeaderSize, at - kHeaderSize);
  SHA1_Final(digest.data(), &sha);
  for (uint8_t& b : block) b ^= 0x36 ^ 0x5c;
  SHA1_Init(&sha);
  SHA1_Update(&sha, block.data(), block.size());
  SHA1_Update(&sha, digest.data(), digest.size());
  SHA1_Final(digest.data(), &sha);
  return digest;
}

std::optional<SocketAddress> parse_xor_address(BytesView value, const TransactionId& id) {
  if (value.size() < 8) return std::nullopt;
  const bool v4 = value[1] == 1 && value.size() == 8;
  const bool v6 = value[1] == 2 && value.size() == 20;
  if (!v4 && !v6) return std::nullopt;
  SocketAddress address;
  address.port = static_cast<uint16_t>(load_u16(value.data() + 2) ^ (kMagicCookie >> 16));
  address.ip.family = v4 ? IpFamily::v4 : IpFamily::v6;
  std::array<uint8_t, 16> mask;
  store_u32(mask.data(), kMagicCookie);
  std::memcpy(mask.data() + 4, id.data(), id.size());
  for (size_t i = 0; i < (v4 ? 4u : 16u); ++i) address.ip.bytes[i] = value[4 + i] ^ mask[i];
  return address;
}

// One attribute before MESSAGE-INTEGRITY; false when its value is impossible.
bool read_attribute(uint16_t type, BytesView value, Message& m) {
  switch (type) {
    case kUsername:
      if (value.size() > kMaxUsername) return false;
      m.username = as_text(value);
      return true;
    case kPriority:
      if (value.size() != 4) return false;
      m.priority = load_u32(value.data());
      return true;
    case kIceControlling:
    case kIceControlled:
      if (value.size() != 8) return false;
      (type == kIceControlling ? m.ice_controlling : m.ice_controlled) = load_u64(value.data());
      return true;
    case kUseCandidate:
      m.use_candidate = true;
      return value.empty();
    case kXorMappedAddress:
      m.mapped = parse_xor_address(value, m.id);
      return m.mapped.has_value();
    case kErrorCode:
      if (value.size() < 4) return false;
      m.error_code = static_cast<uint16_t>((value[2] & 7) * 100 + value[3]);
      return value[3] < 100 && m.error_code >= 300 && m.error_code < 700;
    case kMappedAddress:
    case kUnknownAttributes:
    case kRealm:
    case kNonce:
      return true;  // understood, of no use here
    default:
      if (type < 0x8000) {
        if (m.unknown_count < kMaxUnknown) m.unknown[m.unknown_count] = type;
        if (m.unknown_count < kMaxUnknown) ++m.unknown_count;
      }
      return true;
  }
}

}  // namespace

bool looks_like_stun(BytesView d) {
  return d.size() >= kHeaderSize && d.data()[0] <= 3 && load_u32(d.data() + 4) == kMagicCookie;
}

Result<Message, Drop> parse(BytesView d) {
  if (!looks_like_stun(d)) return fail(Drop::stun_malformed);
  const uint16_t type = load_u16(d.data());
  const size_t length = load_u16(d.data() + 2);
  if (length % 4 != 0 || length + kHeaderSize != d.size()) return fail(Drop::stun_malformed);
  Message m;
  // RFC 8489 section 5: M11..M7 C1 M6..M4 C0 M3..M0.
  m.kind = static_cast<Class>(((type >> 7) & 2) | ((type >> 4) & 1));
  m.method = static_cast<uint16_t>((type & 0xf) | ((type & 0xe0) >> 1) | ((type & 0x3e00) >> 2));
  std::memcpy(m.id.data(), d.data() + 8, m.id.size());

  size_t at = kHeaderSize;
  for (size_t count = 0; at < d.size(); ++count) {
    if (count == kMaxAttributes || d.size() - at < 4) return fail(Drop::stun_malformed);
    const uint16_t attribute = load_u16(d.data() + at);
    const size_t size = load_u16(d.data() + at + 2);
    const size_t padded = (size + 3) & ~size_t{3};
    if (padded > d.size() - at - 4) return fail(Drop::stun_malformed);
    const BytesView value = d.subspan(at + 4, size);
    if (attribute == kFingerprint) {
      // Section 14.7: the last attribute.
      if (size != 4 || at + 8 != d.size()) return fail(Drop::stun_malformed);
      if (load_u32(value.data()) != fingerprint_of(d, at)) return fail(Drop::stun_bad_integrity);
      m.has_fingerprint = true;
    } else if (m.integrity_at != 0) {
      // Not covered by the check: not to be believed.
    } else if (attribute == kMessageIntegrity) {
      if (size != kIntegritySize) return fail(Drop::stun_malformed);
      m.integrity_at = at;
    } else if (!read_attribute(attribute, value, m)) {
      return fail(Drop::stun_malformed);
    }
    at += 4 + padded;
  }
  return m;
}

bool has_integrity(BytesView d, const Message& m, std::string_view key) {
  if (m.integrity_at == 0) return false;
  const auto digest = integrity_of(d, m.integrity_at, key);
  return CRYPTO_memcmp(digest.data(), d.data() + m.integrity_at + 4, digest.size()) == 0;
}

std::string_view username_of(BytesView d) {
  if (!looks_like_stun(d)) return {};
  size_t at = kHeaderSize;
  for (size_t count = 0; count < kMaxAttributes && d.size() - at >= 4; ++count) {
    const uint16_t attribute = load_u16(d.data() + at);
    const size_t size = load_u16(d.data() + at + 2);
    const size_t padded = (size + 3) & ~size_t{3};
    if (padded > d.size() - at - 4) return {};
    if (attribute == kUsername) return size <= kMaxUsername ? as_text(d.subspan(at + 4, size)) : std::string_view();
    at += 4 + padded;
  }
  return {};
}

std::string_view local_ufrag_of(BytesView d) {
  const std::string_view username = username_of(d);
  const size_t colon = username.find(':');
  return colon == std::string_view::npos ? std::string_view() : username.substr(0, colon);
}

Builder::Builder(MutableBytes out, Class kind, const TransactionId& id, uint16_t method) : writer_(out), out_(out), id_(id) {
  const auto c = static_cast<uint16_t>(kind);
  writer_.u16(static_cast<uint16_t>((method & 0xf) | ((method & 0x70) << 1) | ((method & 0xf80) << 2) | ((c & 1) << 4) | ((c & 2) << 7)));
  writer_.u16(0);
  writer_.u32(kMagicCookie);
  writer_.bytes(BytesView(id.data(), id.size()));
}

void Builder::raw(uint16_t type, BytesView value, uint8_t pad) {
  writer_.u16(type);
  writer_.u16(static_cast<uint16_t>(value.size()));
  writer_.bytes(value);
  for (size_t i = value.size(); i % 4 != 0; ++i) writer_.u8(pad);
}

void Builder::username(std::string_view value) { raw(kUsername, as_bytes(value)); }
void Builder::use_candidate() { raw(kUseCandidate, BytesView()); }

void Builder::priority(uint32_t value) {
  uint8_t bytes[4];
  store_u32(bytes, value);
  raw(kPriority, BytesView(bytes, 4));
}

void Builder::ice_controlling(uint64_t tie_breaker) {
  uint8_t bytes[8];
  store_u64(bytes, tie_breaker);
  raw(kIceControlling, BytesView(bytes, 8));
}

void Builder::ice_controlled(uint64_t tie_breaker) {
  uint8_t bytes[8];
  store_u64(bytes, tie_breaker);
  raw(kIceControlled, BytesView(bytes, 8));
}

void Builder::xor_mapped_address(const SocketAddress& address) {
  const bool v4 = address.ip.family == IpFamily::v4;
  uint8_t bytes[20] = {0, static_cast<uint8_t>(v4 ? 1 : 2)};
  store_u16(bytes + 2, static_cast<uint16_t>(address.port ^ (kMagicCookie >> 16)));
  uint8_t mask[16];
  store_u32(mask, kMagicCookie);
  std::memcpy(mask + 4, id_.data(), id_.size());
  for (size_t i = 0; i < (v4 ? 4u : 16u); ++i) bytes[4 + i] = address.ip.bytes[i] ^ mask[i];
  raw(kXorMappedAddress, BytesView(bytes, v4 ? 8 : 20));
}

void Builder::error(uint16_t code, std::string_view reason) {
  uint8_t bytes[64] = {0, 0, static_cast<uint8_t>(code / 100), static_cast<uint8_t>(code % 100)};
  const size_t size = reason.size() < 60 ? reason.size() : 60;
  std::memcpy(bytes + 4, reason.data(), size);
  raw(kErrorCode, BytesView(bytes, 4 + size));
}

void Builder::unknown_attributes(const Message& request) {
  uint8_t bytes[2 * kMaxUnknown];
  for (size_t i = 0; i < request.unknown_count; ++i) store_u16(bytes + 2 * i, request.unknown[i]);
  raw(kUnknownAttributes, BytesView(bytes, 2 * request.unknown_count));
}

void Builder::set_length(size_t following) {
  if (writer_.ok()) store_u16(out_.data() + 2, static_cast<uint16_t>(writer_.written() + following - kHeaderSize));
}

size_t Builder::finish(std::string_view key) {
  if (!writer_.ok()) return 0;
  if (!key.empty()) {
    const size_t at = writer_.written();
    set_length(4 + kIntegritySize);
    const auto digest = integrity_of(BytesView(out_.data(), at), at, key);
    raw(kMessageIntegrity, BytesView(digest.data(), digest.size()));
  }
  const size_t at = writer_.written();
  set_length(8);
  uint8_t bytes[4];
  if (writer_.ok()) store_u32(bytes, fingerprint_of(BytesView(out_.data(), at), at));
  raw(kFingerprint, BytesView(bytes, 4));
  return writer_.ok() ? writer_.written() : 0;
}

}  // namespace tacoma::stun
