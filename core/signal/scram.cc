#include "core/signal/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <optional>

#include "core/base/assert.h"

namespace tacoma {

namespace {
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr size_t kMaxMessage = 4096;

const EVP_MD* digest_of(ScramHash hash) { return hash == ScramHash::sha1 ? EVP_sha1() : EVP_sha256(); }
const unsigned char* raw(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string digest(const EVP_MD* md, std::string_view data) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(md)), '\0');
  unsigned length = 0;
  const int ok = EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), &length, md, nullptr);
  TACOMA_ASSERT(ok == 1 && length == out.size());
  return out;
}
std::string hash_of(ScramHash hash, std::string_view data) { return digest(digest_of(hash), data); }

std::string hmac(ScramHash hash, std::string_view key, std::string_view data) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(digest_of(hash))), '\0');
  unsigned length = 0;
  const auto* done = HMAC(digest_of(hash), key.data(), static_cast<int>(key.size()), raw(data), data.size(),
                          reinterpret_cast<unsigned char*>(out.data()), &length);
  TACOMA_ASSERT(done && length == out.size());
  return out;
}

/// Hi() of RFC 5802 section 2.2 is PBKDF2 with HMAC.
std::string salted_password(ScramHash hash, std::string_view password, std::string_view salt, uint32_t iterations) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(digest_of(hash))), '\0');
  const int ok = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt), static_cast<int>(salt.size()),
                                   static_cast<int>(iterations), digest_of(hash), static_cast<int>(out.size()),
                                   reinterpret_cast<unsigned char*>(out.data()));
  TACOMA_ASSERT(ok == 1);
  return out;
}

std::string exclusive_or(std::string a, std::string_view b) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) a[i] = static_cast<char>(a[i] ^ b[i]);
  return a;
}

/// The value of the attribute that the message must have here ("r=..."); moves past it and its comma.
std::optional<std::string_view> take(std::string_view& message, char name) {
  if (message.size() < 2 || message[0] != name || message[1] != '=') return std::nullopt;
  const size_t comma = message.find(',');
  const std::string_view value = message.substr(2, comma == std::string_view::npos ? comma : comma - 2);
  message = comma == std::string_view::npos ? std::string_view() : message.substr(comma + 1);
  return value;
}

std::string escape_name(std::string_view name) {  // RFC 5802 section 5.1
  std::string out;
  for (const char c : name) {
    if (c == ',') out += "=2C";
    else if (c == '=') out += "=3D";
    else out += c;
  }
  return out;
}
std::optional<std::string> unescape_name(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') out += text[i];
    else if (text.substr(i, 3) == "=2C") out += ',', i += 2;
    else if (text.substr(i, 3) == "=3D") out += '=', i += 2;
    else return std::nullopt;
  }
  return out;
}

struct ClientFirst {
  std::string_view gs2_header, bare;
  std::string user, nonce;
};
std::optional<ClientFirst> parse_client_first(std::string_view message) {
  if (message.size() > kMaxMessage) return std::nullopt;
  // "n,,": no channel binding, no authorisation identity; "y,,": the client could bind, we do not offer it.
  if (message.substr(0, 3) != "n,," && message.substr(0, 3) != "y,,") return std::nullopt;
  ClientFirst out;
  out.gs2_header = message.substr(0, 3);
  out.bare = message.substr(3);
  std::string_view rest = out.bare;
  const auto user = take(rest, 'n');
  const auto nonce = user ? take(rest, 'r') : std::nullopt;
  if (!nonce || nonce->empty()) return std::nullopt;
  auto name = unescape_name(*user);
  if (!name || name->empty()) return std::nullopt;
  out.user = std::move(*name);
  out.nonce = *nonce;
  return out;
}
}  // namespace

std::string sha1(std::string_view data) { return digest(EVP_sha1(), data); }

std::string hex_encode(std::string_view data) {
  std::string out;
  for (const char c : data) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string base64_encode(std::string_view data) {
  std::string out;
  for (size_t i = 0; i < data.size(); i += 3) {
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k) word = (word << 8) | (i + k < data.size() ? static_cast<unsigned char>(data[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += i + k <= data.size() ? kBase64[(word >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return fail("base64 length is no multiple of four");
  std::string out;
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t word = 0;
    size_t padding = 0;
    for (size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const size_t value = kBase64.find(c);
      const bool may_pad = i + 4 == text.size() && k >= 2;
      if (c == '=' && may_pad) ++padding;
      else if (value == std::string_view::npos || padding > 0) return fail("character that base64 does not have");
      word = (word << 6) | (c == '=' ? 0u : static_cast<uint32_t>(value));
    }
    for (size_t k = 0; k < 3 - padding; ++k) out += static_cast<char>(word >> (16 - 8 * k));
  }
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

ScramKeys derive_scram_keys(ScramHash hash, std::string_view password, std::string_view salt, uint32_t iterations) {
  const std::string salted = salted_password(hash, password, salt, iterations);
  ScramKeys keys;
  keys.hash = hash;
  keys.salt = salt;
  keys.iterations = iterations;
  keys.stored_key = hash_of(hash, hmac(hash, salted, "Client Key"));
  keys.server_key = hmac(hash, salted, "Server Key");
  return keys;
}

bool verify_password(const ScramKeys& keys, std::string_view password) {
  return equal_constant_time(derive_scram_keys(keys.hash, password, keys.salt, keys.iterations).stored_key, keys.stored_key);
}

ScramClient::ScramClient(ScramHash hash, std::string user, std::string password, std::string nonce)
    : hash_(hash), user_(std::move(user)), password_(std::move(password)), nonce_(std::move(nonce)) {}

std::string ScramClient::first() { return "n,,n=" + escape_name(user_) + ",r=" + nonce_; }

Result<std::string> ScramClient::on_challenge(std::string_view server_first) {
  if (server_first.size() > kMaxMessage) return fail("challenge too long");
  std::string_view rest = server_first;
  const auto nonce = take(rest, 'r');
  const auto salt_text = nonce ? take(rest, 's') : std::nullopt;
  const auto rounds = salt_text ? take(rest, 'i') : std::nullopt;
  if (!rounds || rounds->empty()) return fail("challenge is malformed");
  if (nonce->size() <= nonce_.size() || nonce->substr(0, nonce_.size()) != nonce_) return fail("server's nonce does not begin with ours");
  const auto salt = base64_decode(*salt_text);
  if (!salt) return fail("salt is not base64");
  uint32_t iterations = 0;
  for (const char c : *rounds) {
    if (c < '0' || c > '9' || iterations > kMaxIterations) return fail("iteration count is malformed");
    iterations = iterations * 10 + static_cast<uint32_t>(c - '0');
  }
  if (iterations == 0 || iterations > kMaxIterations) return fail("iteration count is out of range");

  const std::string salted = salted_password(hash_, password_, *salt, iterations);
  const std::string without_proof = "c=biws,r=" + std::string(*nonce);  // biws: base64 of "n,,"
  const std::string auth_message = first().substr(3) + "," + std::string(server_first) + "," + without_proof;
  const std::string client_key = hmac(hash_, salted, "Client Key");
  const std::string proof = exclusive_or(client_key, hmac(hash_, hash_of(hash_, client_key), auth_message));
  server_signature_ = hmac(hash_, hmac(hash_, salted, "Server Key"), auth_message);
  return without_proof + ",p=" + base64_encode(proof);
}

Result<void, std::string> ScramClient::on_success(std::string_view server_final) const {
  std::string_view rest = server_final;
  const auto signature = take(rest, 'v');
  if (!signature || server_signature_.empty()) return fail("server gave no signature");
  const auto bytes = base64_decode(*signature);
  if (!bytes || !equal_constant_time(*bytes, server_signature_)) return fail("server's signature is wrong");
  return {};
}

Result<std::string> ScramServer::user_of(std::string_view client_first) {
  auto parsed = parse_client_first(client_first);
  if (!parsed) return fail("client-first-message is malformed");
  return std::move(parsed->user);
}

ScramServer::ScramServer(ScramKeys keys, std::string nonce) : keys_(std::move(keys)), nonce_(std::move(nonce)) {}

Result<std::string> ScramServer::on_first(std::string_view client_first) {
  const auto parsed = parse_client_first(client_first);
  if (!parsed) return fail("client-first-message is malformed");
  gs2_header_ = parsed->gs2_header;
  client_first_bare_ = parsed->bare;
  nonce_ = parsed->nonce + nonce_;
  server_first_ = "r=" + nonce_ + ",s=" + base64_encode(keys_.salt) + ",i=" + std::to_string(keys_.iterations);
  return server_first_;
}

Result<std::string> ScramServer::on_final(std::string_view client_final) {
  if (client_final.size() > kMaxMessage || server_first_.empty()) return fail("client-final-message is unexpected");
  const size_t proof_at = client_final.rfind(",p=");
  if (proof_at == std::string_view::npos) return fail("client-final-message has no proof");
  const std::string_view without_proof = client_final.substr(0, proof_at);
  std::string_view rest = client_final;
  const auto binding = take(rest, 'c');
  const auto nonce = binding ? take(rest, 'r') : std::nullopt;
  if (!nonce || *binding != base64_encode(gs2_header_) || *nonce != nonce_) return fail("client-final-message does not match the first");
  const auto proof = base64_decode(client_final.substr(proof_at + 3));
  if (!proof || proof->size() != keys_.stored_key.size()) return fail("proof is malformed");

  const std::string auth_message = client_first_bare_ + "," + server_first_ + "," + std::string(without_proof);
  const std::string client_key = exclusive_or(*proof, hmac(keys_.hash, keys_.stored_key, auth_message));
  if (!equal_constant_time(hash_of(keys_.hash, client_key), keys_.stored_key)) return fail("proof does not hold");
  return "v=" + base64_encode(hmac(keys_.hash, keys_.server_key, auth_message));
}

}  // namespace tacoma
