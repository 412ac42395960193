// SRTP and SRTCP (RFC 3711, RFC 7714) for both directions of one path. Any SSRC may appear: all of a direction share the
// keys that DTLS exported (RFC 5764 section 4.1). AES-CM/SHA1 is libsrtp2's work, AES-GCM that of core/secure/gcm_srtp.h.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/drop.h"
#include "core/base/result.h"

namespace tacoma {

class GcmSrtp;

/// In order of preference. The values of the first two are those of the use_srtp extension (RFC 7714 section 14.2, RFC 5764
/// section 4.1.2); `null` never goes over a real wire.
enum class SrtpProfile : uint16_t { aead_aes_128_gcm = 0x0007, aes128_cm_sha1_80 = 0x0001, null = 0xffff };

/// Keying material of one direction: 16 bytes of key, then 12 (GCM) or 14 bytes (AES-CM) of salt.
struct SrtpKey {
  std::array<uint8_t, 30> bytes{};
};

/// What protecting adds to a packet, in bytes.
constexpr size_t srtp_overhead(SrtpProfile p) { return p == SrtpProfile::aes128_cm_sha1_80 ? 10 : 16; }
constexpr size_t srtcp_overhead(SrtpProfile p) { return srtp_overhead(p) + 4; }
inline constexpr size_t kMaxSrtpOverhead = 20;
constexpr size_t srtp_salt_size(SrtpProfile p) { return p == SrtpProfile::aes128_cm_sha1_80 ? 14 : 12; }

/// Both directions of one keyed path. Made by make(); moves, does not copy.
///
/// `null` keeps the sizes of AES-128-GCM and the refusal of repeats, of changed headers and of packets made with another
/// key; it encrypts nothing and does not read the payload (tens of nanoseconds a packet).
class SrtpSession {
 public:
  /// Packets up to this far behind the newest of their SSRC are taken, once each (null: kNullWindow).
  static constexpr size_t kReplayWindow = 1024;
  static constexpr size_t kNullWindow = 256;
  /// SSRCs that one inbound direction keeps state for. A stranger cannot add any: each takes an authenticated packet.
  static constexpr size_t kMaxInboundSsrcs = 1024;

  SrtpSession();
  ~SrtpSession();
  SrtpSession(SrtpSession&&) noexcept;
  SrtpSession& operator=(SrtpSession&&) noexcept;

  /// Fails only when a library lacks the profile or memory.
  static Result<SrtpSession> make(SrtpProfile profile, const SrtpKey& outbound, const SrtpKey& inbound);
  SrtpProfile profile() const { return profile_; }

  /// Copies header and payload to `out` and protects them there: one copy. `header` is a whole RTP header (with CSRCs and
  /// extensions). Gives the size written. The same sequence number may be protected again (retransmission without RTX).
  /// Errors: over_mtu when `out` lacks room for header + payload + srtp_overhead, rtp_malformed, srtp_error.
  Result<size_t, Drop> protect_rtp(BytesView header, BytesView payload, MutableBytes out);
  /// The same in place: the packet's first `size` bytes of `buffer`.
  Result<size_t, Drop> protect_rtp(MutableBytes buffer, size_t size);
  /// SRTCP in place. Adds srtcp_overhead.
  Result<size_t, Drop> protect_rtcp(MutableBytes buffer, size_t size);
  /// Opens in place, gives the plain size. After an error the bytes behind the header are void.
  /// Errors: rtp_malformed or rtcp_malformed, srtp_auth, srtp_replay, srtp_error.
  Result<size_t, Drop> unprotect_rtp(MutableBytes packet);
  Result<size_t, Drop> unprotect_rtcp(MutableBytes packet);

 private:
  struct Libsrtp;
  struct Null;
  SrtpProfile profile_ = SrtpProfile::null;
  std::unique_ptr<Libsrtp> real_;
  std::unique_ptr<GcmSrtp> gcm_;
  std::unique_ptr<Null> null_;
};

}  // namespace tacoma
