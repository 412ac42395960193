// STUN messages (RFC 8489) as ICE uses them (RFC 8445 section 7.1): Binding requests and their answers over UDP.
// Reading never throws and never allocates; what is read are views into the datagram.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/address.h"
#include "core/base/bytes.h"
#include "core/base/drop.h"
#include "core/base/result.h"

namespace tacoma::stun {

inline constexpr uint32_t kMagicCookie = 0x2112a442;
inline constexpr size_t kHeaderSize = 20;
inline constexpr uint16_t kBinding = 0x001;
/// Attributes of one message beyond this make it malformed.
inline constexpr size_t kMaxAttributes = 24;
/// Unknown comprehension-required attributes that a 420 answer lists; the rest are not named.
inline constexpr size_t kMaxUnknown = 4;

using TransactionId = std::array<uint8_t, 12>;
enum class Class : uint8_t { request, indication, success, error };

/// A parsed message. Views point into the datagram.
struct Message {
  Class kind = Class::request;
  uint16_t method = 0;
  TransactionId id{};
  std::optional<std::string_view> username;
  std::optional<uint32_t> priority;
  std::optional<uint64_t> ice_controlling, ice_controlled;  // tie-breakers
  std::optional<SocketAddress> mapped;                      // XOR-MAPPED-ADDRESS
  bool use_candidate = false;
  uint16_t error_code = 0;                                  // 300 to 699, of error answers
  bool has_fingerprint = false;
  size_t integrity_at = 0;                                  // offset of MESSAGE-INTEGRITY, 0 without one
  std::array<uint16_t, kMaxUnknown> unknown{};              // comprehension-required, not understood
  size_t unknown_count = 0;
};

/// Whether the first bytes look like STUN (first byte 0 to 3, RFC 7983; magic cookie).
bool looks_like_stun(BytesView datagram);

/// Parses one datagram. A FINGERPRINT that is there must be right. Errors: stun_malformed, stun_bad_integrity (FINGERPRINT).
/// Attributes after MESSAGE-INTEGRITY other than FINGERPRINT are ignored (RFC 8489 section 14.5).
Result<Message, Drop> parse(BytesView datagram);

/// Whether MESSAGE-INTEGRITY is there and right for the key (the password; short-term credentials).
bool has_integrity(BytesView datagram, const Message& message, std::string_view key);

/// USERNAME of a STUN datagram without any other check, empty when there is none: enough to find whose it claims to be.
std::string_view username_of(BytesView datagram);
/// The receiver's ufrag: what stands before the colon of username_of().
std::string_view local_ufrag_of(BytesView datagram);

/// Writes one message into a fixed range. finish() gives the size, or 0 when it did not fit.
class Builder {
 public:
  Builder(MutableBytes out, Class kind, const TransactionId& id, uint16_t method = kBinding);
  void username(std::string_view value);
  void priority(uint32_t value);
  void use_candidate();
  void ice_controlling(uint64_t tie_breaker);
  void ice_controlled(uint64_t tie_breaker);
  void xor_mapped_address(const SocketAddress& address);
  /// ERROR-CODE with its reason phrase.
  void error(uint16_t code, std::string_view reason);
  void unknown_attributes(const Message& request);
  /// SOFTWARE or any other attribute of raw bytes, padded with `pad` (RFC 5769 pads with spaces).
  void raw(uint16_t type, BytesView value, uint8_t pad = 0);
  /// Adds MESSAGE-INTEGRITY (unless the key is empty) and FINGERPRINT.
  size_t finish(std::string_view key);

 private:
  void set_length(size_t following);
  ByteWriter writer_;
  MutableBytes out_;
  TransactionId id_;
};

}  // namespace tacoma::stun
