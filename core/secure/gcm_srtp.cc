#include "core/secure/gcm_srtp.h"

#include <openssl/evp.h>

namespace tacoma {
namespace {

constexpr uint32_t kEncryptedFlag = 0x80000000;  // E of SRTCP, RFC 3711 section 3.4
constexpr size_t kRtcpHeader = 8;                // what SRTCP leaves in the clear
// Labels of the key derivation, RFC 3711 section 4.3; the salt's is two above its key's.
constexpr uint8_t kRtpLabel = 0, kRtcpLabel = 3, kSaltStep = 2;

// Fetched once: looking a cipher up by name takes longer than encrypting a packet with it. Never freed.
const EVP_CIPHER* gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  return cipher;
}
const EVP_CIPHER* counter_mode() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
  return cipher;
}

// RFC 3711 section 4.3.3 with a key derivation rate of zero; the 12 bytes of salt are followed by two of zero
// (RFC 7714 section 11).
bool derive_bytes(EVP_CIPHER_CTX* context, const uint8_t* master, uint8_t label, uint8_t* out, int size) {
  uint8_t iv[16] = {};
  std::memcpy(iv, master + 16, 12);
  iv[7] ^= label;
  const uint8_t zeros[16] = {};
  int written = 0;
  return EVP_EncryptInit_ex(context, counter_mode(), nullptr, master, iv) == 1 &&
         EVP_EncryptUpdate(context, out, &written, zeros, size) == 1;
}

}  // namespace

void GcmSrtp::FreeCipher::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

bool GcmSrtp::Cipher::derive(const uint8_t* master, uint8_t label, bool encrypt) {
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> derivation(EVP_CIPHER_CTX_new());
  context.reset(EVP_CIPHER_CTX_new());
  if (!derivation || !context || !gcm() || !counter_mode()) return false;
  uint8_t key[16];
  const auto salt_label = static_cast<uint8_t>(label + kSaltStep);
  const bool derived = derive_bytes(derivation.get(), master, label, key, sizeof key) &&
                       derive_bytes(derivation.get(), master, salt_label, salt.data(), static_cast<int>(salt.size()));
  const bool ok = derived && EVP_CipherInit_ex(context.get(), gcm(), nullptr, key, nullptr, encrypt ? 1 : 0) == 1;
  OPENSSL_cleanse(key, sizeof key);
  return ok;
}

// RFC 7714 sections 8.1 and 9.1: two zero bytes, SSRC, then the 48-bit index (for SRTCP 16 zero bits and its 31).
std::array<uint8_t, 12> GcmSrtp::Cipher::iv(uint32_t ssrc, uint64_t index) const {
  std::array<uint8_t, 12> iv{};
  store_u32(iv.data() + 2, ssrc);
  store_u16(iv.data() + 6, static_cast<uint16_t>(index >> 32));
  store_u32(iv.data() + 8, static_cast<uint32_t>(index));
  for (size_t i = 0; i < iv.size(); ++i) iv[i] ^= salt[i];
  return iv;
}

bool GcmSrtp::Cipher::seal(const std::array<uint8_t, 12>& iv, BytesView aad, BytesView more_aad, BytesView plain, uint8_t* out) {
  EVP_CIPHER_CTX* c = context.get();
  int n = 0;
  bool ok = EVP_EncryptInit_ex(c, nullptr, nullptr, nullptr, iv.data()) == 1;
  ok = ok && EVP_EncryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1;
  if (!more_aad.empty()) ok = ok && EVP_EncryptUpdate(c, nullptr, &n, more_aad.data(), static_cast<int>(more_aad.size())) == 1;
  if (!plain.empty()) ok = ok && EVP_EncryptUpdate(c, out, &n, plain.data(), static_cast<int>(plain.size())) == 1;
  uint8_t* const tag = out + plain.size();
  return ok && EVP_EncryptFinal_ex(c, tag, &n) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, kTag, tag) == 1;
}

bool GcmSrtp::Cipher::open(const std::array<uint8_t, 12>& iv, BytesView aad, BytesView more_aad, MutableBytes cipher_and_tag) {
  EVP_CIPHER_CTX* c = context.get();
  const size_t size = cipher_and_tag.size() - kTag;
  uint8_t* const data = cipher_and_tag.data();
  int n = 0;
  bool ok = EVP_DecryptInit_ex(c, nullptr, nullptr, nullptr, iv.data()) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, kTag, data + size) == 1;
  ok = ok && EVP_DecryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1;
  if (!more_aad.empty()) ok = ok && EVP_DecryptUpdate(c, nullptr, &n, more_aad.data(), static_cast<int>(more_aad.size())) == 1;
  if (size > 0) ok = ok && EVP_DecryptUpdate(c, data, &n, data, static_cast<int>(size)) == 1;
  return ok && EVP_DecryptFinal_ex(c, data + size, &n) == 1;
}

std::unique_ptr<GcmSrtp> GcmSrtp::make(const uint8_t* outbound, const uint8_t* inbound, size_t max_inbound_ssrcs) {
  auto srtp = std::make_unique<GcmSrtp>();
  srtp->max_inbound_ssrcs_ = max_inbound_ssrcs;
  const bool ok = srtp->rtp_out_.derive(outbound, kRtpLabel, true) && srtp->rtcp_out_.derive(outbound, kRtcpLabel, true) &&
                  srtp->rtp_in_.derive(inbound, kRtpLabel, false) && srtp->rtcp_in_.derive(inbound, kRtcpLabel, false);
  if (!ok) return nullptr;
  return srtp;
}

Result<size_t, Drop> GcmSrtp::protect_rtp(BytesView header, BytesView payload, uint8_t* out) {
  const uint16_t sequence = load_u16(header.data() + 2);
  const uint32_t ssrc = load_u32(header.data() + 8);
  Outbound* stream = outbound_.find(ssrc);
  if (!stream) stream = &outbound_.set(ssrc, Outbound());
  const uint64_t highest = uint64_t{stream->rollovers} << 16 | stream->sequence;
  const uint64_t index = estimate_index(highest, sequence);
  if (index > highest) *stream = {static_cast<uint32_t>(index >> 16), static_cast<uint16_t>(index)};
  if (out != header.data()) std::memcpy(out, header.data(), header.size());
  if (!rtp_out_.seal(rtp_out_.iv(ssrc, index), header, {}, payload, out + header.size())) return fail(Drop::srtp_error);
  return header.size() + payload.size() + kTag;
}

Result<size_t, Drop> GcmSrtp::protect_rtcp(uint8_t* packet, size_t size) {
  const uint32_t ssrc = load_u32(packet + 4);
  uint32_t* newest = outbound_rtcp_.find(ssrc);
  if (!newest) newest = &outbound_rtcp_.set(ssrc, 0);
  if (*newest == ~kEncryptedFlag) return fail(Drop::srtp_error);  // the key is used up, RFC 3711 section 9.2
  const uint32_t index = ++*newest;
  uint8_t word[4];
  store_u32(word, index | kEncryptedFlag);
  const BytesView header(packet, kRtcpHeader);
  const BytesView plain(packet + kRtcpHeader, size - kRtcpHeader);
  if (!rtcp_out_.seal(rtcp_out_.iv(ssrc, index), header, word, plain, packet + kRtcpHeader)) return fail(Drop::srtp_error);
  std::memcpy(packet + size + kTag, word, sizeof word);
  return size + kTag + sizeof word;
}

GcmSrtp::Inbound* GcmSrtp::inbound_of(uint32_t ssrc) {
  const uint32_t* place = inbound_index_.find(ssrc);
  return place ? inbound_[*place].get() : nullptr;
}

GcmSrtp::Inbound* GcmSrtp::add_inbound(uint32_t ssrc) {
  inbound_index_.set(ssrc, static_cast<uint32_t>(inbound_.size()));
  inbound_.push_back(std::make_unique<Inbound>());
  return inbound_.back().get();
}

Result<size_t, Drop> GcmSrtp::unprotect_rtp(MutableBytes packet, size_t header_size) {
  const uint16_t sequence = load_u16(packet.data() + 2);
  const uint32_t ssrc = load_u32(packet.data() + 8);
  Inbound* stream = inbound_of(ssrc);
  if (!stream && inbound_.size() >= max_inbound_ssrcs_) return fail(Drop::srtp_error);
  const uint64_t index = stream ? estimate_index(stream->rtp.highest(), sequence) : sequence;
  if (stream && !stream->rtp.fresh(index)) return fail(Drop::srtp_replay);
  const BytesView header = packet.subspan(0, header_size);
  if (!rtp_in_.open(rtp_in_.iv(ssrc, index), header, {}, packet.subspan(header_size))) return fail(Drop::srtp_auth);
  // State only for what was authentic.
  if (!stream) stream = add_inbound(ssrc);
  stream->rtp.accept(index);
  return packet.size() - kTag;
}

Result<size_t, Drop> GcmSrtp::unprotect_rtcp(MutableBytes packet) {
  const size_t end = packet.size() - 4;
  const uint32_t word = load_u32(packet.data() + end);
  if (!(word & kEncryptedFlag)) return fail(Drop::srtp_auth);  // both ends encrypt SRTCP
  const uint32_t index = word & ~kEncryptedFlag;
  const uint32_t ssrc = load_u32(packet.data() + 4);
  Inbound* stream = inbound_of(ssrc);
  if (!stream && inbound_.size() >= max_inbound_ssrcs_) return fail(Drop::srtp_error);
  if (stream && !stream->rtcp.fresh(index)) return fail(Drop::srtp_replay);
  uint8_t trailer[4];
  std::memcpy(trailer, packet.data() + end, sizeof trailer);
  const BytesView header = packet.subspan(0, kRtcpHeader);
  const MutableBytes sealed = packet.subspan(kRtcpHeader, end - kRtcpHeader);
  if (!rtcp_in_.open(rtcp_in_.iv(ssrc, index), header, trailer, sealed)) return fail(Drop::srtp_auth);
  if (!stream) stream = add_inbound(ssrc);
  stream->rtcp.accept(index);
  return end - kTag;
}

}  // namespace tacoma
