#include "core/secure/frame_cipher.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstring>
#include <string>

namespace tacoma {
namespace {

constexpr size_t kKeySize = 32;
using Key = std::array<uint8_t, kKeySize>;

bool derive(BytesView material, Key& key) {
  constexpr std::string_view kSalt = "JFrameEncryptionKey", kInfo = "JFrameInfo";
  const std::unique_ptr<EVP_KDF, void (*)(EVP_KDF*)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  if (!kdf) return false;
  const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  if (!context) return false;
  char digest[] = "SHA256";
  const auto octets = [](const char* name, const void* data, size_t size) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(data), size);
  };
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                   octets(OSSL_KDF_PARAM_KEY, material.data(), material.size()),
                                   octets(OSSL_KDF_PARAM_SALT, kSalt.data(), kSalt.size()),
                                   octets(OSSL_KDF_PARAM_INFO, kInfo.data(), kInfo.size()), OSSL_PARAM_construct_end()};
  return EVP_KDF_derive(context.get(), key.data(), key.size(), parameters) == 1;
}

}  // namespace

void FrameCipher::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }
FrameCipher::~FrameCipher() = default;

std::unique_ptr<FrameCipher> FrameCipher::from_material(BytesView material, uint8_t key_index) {
  Key key;
  if (key_index >= kKeys || !derive(material, key)) return nullptr;
  std::unique_ptr<FrameCipher> made(new FrameCipher);
  made->key_index_ = key_index;
  made->seal_.reset(EVP_CIPHER_CTX_new());
  made->open_.reset(EVP_CIPHER_CTX_new());
  const bool ready = made->seal_ && made->open_ && EVP_EncryptInit_ex(made->seal_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1 &&
                     EVP_DecryptInit_ex(made->open_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1;
  OPENSSL_cleanse(key.data(), key.size());
  if (!ready) return nullptr;
  return made;
}

std::optional<FrameCipher::Material> FrameCipher::material_of_password(std::string_view password, std::string_view room) {
  const std::string salt = "tacoma-e2ee:" + std::string(room);
  Material material;
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), reinterpret_cast<const unsigned char*>(salt.data()),
                        static_cast<int>(salt.size()), kPasswordRounds, EVP_sha256(), static_cast<int>(material.size()), material.data()) != 1)
    return std::nullopt;
  return material;
}

std::unique_ptr<FrameCipher> FrameCipher::from_password(std::string_view password, std::string_view room) {
  std::optional<Material> material = material_of_password(password, room);
  if (!material) return nullptr;
  auto made = from_material(BytesView(material->data(), material->size()));
  OPENSSL_cleanse(material->data(), material->size());
  return made;
}

size_t FrameCipher::seal(Kind kind, uint32_t ssrc, uint32_t timestamp, uint32_t counter, BytesView frame, uint8_t* out) {
  const size_t clear = static_cast<size_t>(kind);
  if (frame.size() < clear) return 0;
  const BytesView plain = frame.subspan(clear);
  std::memcpy(out, frame.data(), clear);
  uint8_t* const text = out + clear;
  uint8_t* const tag = text + plain.size();
  uint8_t* const iv = tag + kTag;
  store_u32(iv, ssrc);
  store_u32(iv + 4, timestamp);
  store_u32(iv + 8, counter);
  iv[kIv] = static_cast<uint8_t>(kIv);
  iv[kIv + 1] = key_index_;
  int size = 0;
  EVP_CIPHER_CTX* const c = seal_.get();
  const bool done = EVP_EncryptInit_ex(c, nullptr, nullptr, nullptr, iv) == 1 && EVP_EncryptUpdate(c, nullptr, &size, out, static_cast<int>(clear)) == 1 &&
                    EVP_EncryptUpdate(c, text, &size, plain.data(), static_cast<int>(plain.size())) == 1 && EVP_EncryptFinal_ex(c, tag, &size) == 1 &&
                    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTag), tag) == 1;
  return done ? frame.size() + kOverhead : 0;
}

std::optional<size_t> FrameCipher::open(Kind kind, MutableBytes frame) {
  const size_t clear = static_cast<size_t>(kind);
  if (frame.size() < clear + kOverhead) return std::nullopt;
  const size_t text_size = frame.size() - clear - kOverhead;
  uint8_t* const text = frame.data() + clear;
  uint8_t* const tag = text + text_size;
  const uint8_t* const iv = tag + kTag;
  if (iv[kIv] != kIv || iv[kIv + 1] != key_index_) return std::nullopt;
  int size = 0;
  EVP_CIPHER_CTX* const c = open_.get();
  const bool done = EVP_DecryptInit_ex(c, nullptr, nullptr, nullptr, iv) == 1 &&
                    EVP_DecryptUpdate(c, nullptr, &size, frame.data(), static_cast<int>(clear)) == 1 &&
                    EVP_DecryptUpdate(c, text, &size, text, static_cast<int>(text_size)) == 1 &&
                    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTag), tag) == 1 && EVP_DecryptFinal_ex(c, tag, &size) == 1;
  if (!done) return std::nullopt;
  return clear + text_size;
}

}  // namespace tacoma
