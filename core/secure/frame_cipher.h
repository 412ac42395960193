// End-to-end encryption of media frames, below the packets and above the codec: what a bridge forwards it cannot read. The format is
// that of lib-jitsi-meet's frame transform: the first bytes stay clear, so that a bridge finds key frames and a decoder its header;
// then AES-256-GCM text and tag, the IV (SSRC, RTP timestamp, a counter), the IV's length and the key's index, one byte each.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/bytes.h"

struct evp_cipher_ctx_st;  // OpenSSL's EVP_CIPHER_CTX

namespace tacoma {

/// One key, for all frames of a room. Keys are derived as lib-jitsi-meet does: HKDF-SHA-256 (RFC 5869) over key material, with salt
/// "JFrameEncryptionKey" and info "JFrameInfo".
class FrameCipher {
 public:
  /// How many bytes stay clear: of VP8 the frame tag, with the picture's size in key frames (RFC 6386 section 9.1); of Opus its TOC.
  enum class Kind : uint8_t { audio = 1, delta_frame = 3, key_frame = 10 };
  static constexpr size_t kIv = 12, kTag = 16;
  static constexpr size_t kOverhead = kTag + kIv + 2;
  static constexpr uint8_t kKeys = 16;             // of a ring; an index is below
  static constexpr int kPasswordRounds = 100'000;  // of PBKDF2

  using Material = std::array<uint8_t, 32>;
  /// `material`: secret bytes of any length. Null when memory is short.
  static std::unique_ptr<FrameCipher> from_material(BytesView material, uint8_t key_index = 0);
  /// Material from a password that everybody in the room knows: PBKDF2-HMAC-SHA-256 (RFC 8018), 32 bytes, salt "tacoma-e2ee:" and the
  /// room's address. Slow on purpose: some 30 ms.
  static std::optional<Material> material_of_password(std::string_view password, std::string_view room);
  static std::unique_ptr<FrameCipher> from_password(std::string_view password, std::string_view room);
  FrameCipher(const FrameCipher&) = delete;
  ~FrameCipher();

  /// Writes the encrypted frame to `out`, which has room for frame.size() + kOverhead and does not overlap, and returns that size;
  /// 0 when the frame is shorter than what has to stay clear. No two frames may have the same SSRC, timestamp and counter.
  size_t seal(Kind kind, uint32_t ssrc, uint32_t timestamp, uint32_t counter, BytesView frame, uint8_t* out);
  /// In place; returns the frame's size. nullopt: not encrypted with this key, cut or changed; its bytes are void then.
  std::optional<size_t> open(Kind kind, MutableBytes frame);

 private:
  FrameCipher() = default;
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> seal_, open_;
  uint8_t key_index_ = 0;
};

}  // namespace tacoma
