// AEAD_AES_128_GCM of SRTP and SRTCP (RFC 7714) on OpenSSL's cipher: Debian builds libsrtp2 on NSS, whose contexts take ten times
// the memory (36 KB a path) and twice the time. A test holds the two together byte for byte.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/drop.h"
#include "core/base/flat_map.h"
#include "core/base/result.h"
#include "core/secure/replay_window.h"

struct evp_cipher_ctx_st;  // OpenSSL's EVP_CIPHER_CTX

namespace tacoma {

/// Both directions of one path. Packets have been checked to be RTP or RTCP, and buffers to have room, by the caller.
class GcmSrtp {
 public:
  static constexpr size_t kTag = 16;
  static constexpr size_t kReplayWindow = 1024;

  /// Master keys: 16 bytes of key, 12 of salt. Null when memory is short.
  static std::unique_ptr<GcmSrtp> make(const uint8_t* outbound, const uint8_t* inbound, size_t max_inbound_ssrcs);

  /// Writes header, encrypted payload and tag to `out`. header and payload may lie in `out` already, in their places.
  Result<size_t, Drop> protect_rtp(BytesView header, BytesView payload, uint8_t* out);
  /// In place, `size` plain bytes; 20 more are written.
  Result<size_t, Drop> protect_rtcp(uint8_t* packet, size_t size);
  /// In place. When it fails the bytes behind the header are void.
  Result<size_t, Drop> unprotect_rtp(MutableBytes packet, size_t header_size);
  Result<size_t, Drop> unprotect_rtcp(MutableBytes packet);

 private:
  struct FreeCipher {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  /// A derived key in its cipher context, with its salt.
  struct Cipher {
    std::unique_ptr<evp_cipher_ctx_st, FreeCipher> context;
    std::array<uint8_t, 12> salt{};
    bool derive(const uint8_t* master, uint8_t label, bool encrypt);
    std::array<uint8_t, 12> iv(uint32_t ssrc, uint64_t index) const;
    bool seal(const std::array<uint8_t, 12>& iv, BytesView aad, BytesView more_aad, BytesView plain, uint8_t* out);
    bool open(const std::array<uint8_t, 12>& iv, BytesView aad, BytesView more_aad, MutableBytes cipher_and_tag);
  };
  /// The highest index of one SSRC's packets, RFC 3711 section 3.3.1; small, since a large room looks up another with each packet.
  struct Outbound {
    uint32_t rollovers = 0;
    uint16_t sequence = 0;
  };
  struct Inbound {
    ReplayWindow<kReplayWindow> rtp;
    ReplayWindow<128> rtcp;
  };
  Inbound* inbound_of(uint32_t ssrc);
  Inbound* add_inbound(uint32_t ssrc);

  Cipher rtp_out_, rtcp_out_, rtp_in_, rtcp_in_;
  FlatMap<uint32_t, Outbound> outbound_;
  FlatMap<uint32_t, uint32_t> outbound_rtcp_;  // the newest SRTCP index
  FlatMap<uint32_t, uint32_t> inbound_index_;
  std::vector<std::unique_ptr<Inbound>> inbound_;
  size_t max_inbound_ssrcs_ = 0;
};

}  // namespace tacoma
