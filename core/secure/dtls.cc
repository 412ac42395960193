#include "core/secure/dtls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/time.h>

#include <algorithm>

#include "core/secure/openssl_scope.h"

namespace tacoma {
namespace {

constexpr size_t kMaxCertificateBytes = 16 * 1024;  // of the peer's chain; bounds what OpenSSL puts together from fragments
constexpr size_t kRecordHeader = 13;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kChangeCipherSpecRecord = 20;

struct FreeKey { void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); } };
struct FreeCertificate { void operator()(X509* p) const { X509_free(p); } };

// Whether the datagram is a row of whole DTLS records (RFC 6347 section 4.1).
bool is_records(BytesView d) {
  if (d.empty()) return false;
  while (!d.empty()) {
    if (d.size() < kRecordHeader || d[0] < 20 || d[0] > 25 || d[1] != 0xfe) return false;
    const size_t length = load_u16(d.data() + 11);
    if (length > d.size() - kRecordHeader) return false;
    d = d.subspan(kRecordHeader + length);
  }
  return true;
}

Fingerprint fingerprint_of(const X509* certificate) {
  Fingerprint fingerprint;
  unsigned size = 0;
  const bool ok = X509_digest(certificate, EVP_sha256(), fingerprint.sha256.data(), &size) == 1;
  TACOMA_ASSERT(ok && size == fingerprint.sha256.size());
  return fingerprint;
}

// DTLS timers (RFC 6347 section 4.2.4.1): OpenSSL passes 0 for the first, then the duration that has run out.
unsigned next_timeout(SSL*, unsigned last_us) {
  const auto first = static_cast<unsigned>(DtlsSession::kInitialTimeout.us());
  return last_us == 0 ? first : std::min(2 * last_us, static_cast<unsigned>(DtlsSession::kMaxTimeout.us()));
}

}  // namespace

struct DtlsIdentity::Parts {
  std::unique_ptr<EVP_PKEY, FreeKey> key;
  std::unique_ptr<X509, FreeCertificate> certificate;
};

DtlsIdentity::DtlsIdentity() = default;
DtlsIdentity::~DtlsIdentity() = default;

std::shared_ptr<const DtlsIdentity> DtlsIdentity::make(Rng rng, SecureRandomness randomness, Crypto crypto) {
  std::shared_ptr<DtlsIdentity> identity(new DtlsIdentity);
  identity->crypto_ = crypto;
  if (crypto == Crypto::null) {
    fill_random(rng, randomness, identity->fingerprint_.sha256.data(), identity->fingerprint_.sha256.size());
    return identity;
  }
  const OpenSslScope scope(Instant(), rng, randomness);
  identity->parts_ = std::make_unique<Parts>();
  Parts& parts = *identity->parts_;
  parts.key.reset(EVP_EC_gen("P-256"));
  parts.certificate.reset(X509_new());
  TACOMA_ASSERT(parts.key && parts.certificate);
  X509* x = parts.certificate.get();
  uint64_t serial = 0;
  fill_random(rng, randomness, reinterpret_cast<uint8_t*>(&serial), sizeof serial);
  bool ok = X509_set_version(x, X509_VERSION_3) == 1;
  ok = ok && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial | (uint64_t{1} << 62)) == 1;  // same length always
  ok = ok && ASN1_TIME_set_string(X509_getm_notBefore(x), "20250101000000Z") == 1;
  ok = ok && ASN1_TIME_set_string(X509_getm_notAfter(x), "20491231235959Z") == 1;
  X509_NAME* name = X509_get_subject_name(x);
  const auto* const common_name = reinterpret_cast<const unsigned char*>("tacoma");
  ok = ok && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1;
  ok = ok && X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, parts.key.get()) == 1;
  ok = ok && X509_sign(x, parts.key.get(), EVP_sha256()) > 0;
  TACOMA_ASSERT(ok);  // only memory can fail here
  identity->fingerprint_ = fingerprint_of(x);
  return identity;
}

// What OpenSSL's callbacks see of a session: the datagram being read and where those written go.
struct DtlsSession::Wire {
  BytesView in;
  Outbox* out = nullptr;
  SocketAddress to;
  std::vector<uint8_t>* keep = nullptr;  // the last datagram written
  Fingerprint expected;
  bool mismatch = false;

  // One write is one datagram: OpenSSL fills a flight into as few as the MTU allows before it writes.
  int write(const char* bytes, int size) {
    if (size <= 0) return 0;
    const BytesView datagram(reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(size));
    if (keep) keep->assign(datagram.begin(), datagram.end());
    PacketRef packet = out ? out->pool().copy(datagram) : PacketRef();
    if (packet) out->send(to, std::move(packet));  // otherwise as if lost: the timer repeats it
    return size;
  }
  int read(char* bytes, int size) {
    if (in.empty() || size <= 0) return -1;
    const size_t count = std::min(in.size(), static_cast<size_t>(size));
    std::memcpy(bytes, in.data(), count);
    in = BytesView();  // a datagram that does not fit is cut, as a socket would
    return static_cast<int>(count);
  }

  static Wire* of(BIO* bio) { return static_cast<Wire*>(BIO_get_data(bio)); }
  static int bio_write(BIO* bio, const char* bytes, int size) { return of(bio)->write(bytes, size); }
  static int bio_read(BIO* bio, char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const int count = of(bio)->read(bytes, size);
    if (count < 0) BIO_set_retry_read(bio);
    return count;
  }
  static long bio_ctrl(BIO*, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH: return 1;
      case BIO_CTRL_DGRAM_QUERY_MTU:
      case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return static_cast<long>(kMtu);
      default: return 0;
    }
  }
  static const BIO_METHOD* method() {
    static const BIO_METHOD* const instance = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
      TACOMA_ASSERT(m);
      BIO_meth_set_write(m, bio_write);
      BIO_meth_set_read(m, bio_read);
      BIO_meth_set_ctrl(m, bio_ctrl);
      return m;
    }();
    return instance;
  }

  // There is no authority to ask: the certificate is right when it is the one whose fingerprint was signalled.
  static int verify(X509_STORE_CTX* store, void*) {
    const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* wire = static_cast<Wire*>(SSL_get_app_data(ssl));
    const X509* certificate = X509_STORE_CTX_get0_cert(store);
    if (certificate && fingerprint_of(certificate) == wire->expected) return 1;
    wire->mismatch = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
  }

  // One for all sessions: it holds no key, and making one takes longer and more memory than a session. Never freed.
  static SSL_CTX* context() {
    static SSL_CTX* const instance = [] {
      SSL_CTX* c = SSL_CTX_new(DTLS_method());
      bool ok = c && SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) == 1;
      ok = ok && SSL_CTX_set_max_proto_version(c, DTLS1_2_VERSION) == 1;
      ok = ok && SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                            "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305") == 1;
      ok = ok && SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384") == 1;
      ok = ok && SSL_CTX_set_tlsext_use_srtp(c, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") == 0;  // sic: 0 is success
      TACOMA_ASSERT(ok);
      // No tickets and no cache: nothing is resumed, and ticket keys would be shared state between sessions.
      SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
      SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
      SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      SSL_CTX_set_cert_verify_callback(c, verify, nullptr);
      SSL_CTX_set_max_cert_list(c, static_cast<long>(kMaxCertificateBytes));
      SSL_CTX_set_read_ahead(c, 1);  // DTLS reads whole datagrams
      return c;
    }();
    return instance;
  }
};

void DtlsSession::FreeSsl::operator()(ssl_st* ssl) const { SSL_free(ssl); }

DtlsSession::DtlsSession(Config config) : config_(std::move(config)), wire_(std::make_unique<Wire>()) {
  TACOMA_ASSERT(config_.identity && config_.identity->crypto() == Crypto::real);
  wire_->expected = config_.remote_fingerprint;
}
DtlsSession::~DtlsSession() = default;

bool DtlsSession::create() {
  ssl_.reset(SSL_new(Wire::context()));
  BIO* bio = ssl_ ? BIO_new(Wire::method()) : nullptr;
  if (!bio) return false;
  BIO_set_data(bio, wire_.get());
  BIO_set_init(bio, 1);
  SSL* ssl = ssl_.get();
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, wire_.get());
  SSL_set_mtu(ssl, kMtu);
  DTLS_set_timer_cb(ssl, next_timeout);
  if (config_.role == DtlsRole::client) {
    SSL_set_connect_state(ssl);
  } else {
    SSL_set_accept_state(ssl);
    wire_->keep = &last_flight_;
  }
  const DtlsIdentity::Parts& identity = *config_.identity->parts_;
  return SSL_use_certificate(ssl, identity.certificate.get()) == 1 && SSL_use_PrivateKey(ssl, identity.key.get()) == 1;
}

void DtlsSession::start(Instant now, const SocketAddress& to, Outbox& out) {
  if (state_ != State::idle) return;
  state_ = State::handshaking;
  give_up_ = now + kGiveUp;
  SSL_CTX* const context = Wire::context();  // outside any scope: its randomness is nobody's
  TACOMA_ASSERT(context);
  const OpenSslScope scope(now, config_.rng, config_.randomness);
  if (!create()) return fail_with(State::failed);
  advance(now, BytesView(), to, out);
}

std::optional<Drop> DtlsSession::on_datagram(Instant now, BytesView datagram, const SocketAddress& to, Outbox& out) {
  if (!is_records(datagram)) return Drop::dtls_malformed;
  if (state_ != State::handshaking && state_ != State::connected) return Drop::dtls_unexpected;
  if (!ssl_) {
    // Long after: the client has not seen our last flight, if it still repeats its own.
    const uint8_t type = datagram[0];
    if (last_flight_.empty() || (type != kHandshakeRecord && type != kChangeCipherSpecRecord)) return Drop::dtls_unexpected;
    if (PacketRef packet = out.pool().copy(last_flight_)) out.send(to, std::move(packet));
    return std::nullopt;
  }
  const OpenSslScope scope(now, config_.rng, config_.randomness);
  advance(now, datagram, to, out);
  return state_ == State::wrong_fingerprint ? std::optional(Drop::dtls_fingerprint) : std::nullopt;
}

void DtlsSession::advance(Instant now, BytesView datagram, const SocketAddress& to, Outbox& out) {
  wire_->in = datagram;
  wire_->out = &out;
  wire_->to = to;
  ERR_clear_error();
  if (state_ == State::handshaking) {
    handshake();
    if (state_ == State::connected) finish(now);
    if (state_ == State::connected && config_.carries_data) read_records();  // data may come in the same datagram
  } else {
    read_records();
  }
  wire_->in = BytesView();
  wire_->out = nullptr;
  schedule(now);
}

void DtlsSession::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    state_ = State::connected;
    return;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  fail_with(wire_->mismatch ? State::wrong_fingerprint : State::failed);
}

void DtlsSession::finish(Instant now) {
  const SRTP_PROTECTION_PROFILE* chosen = SSL_get_selected_srtp_profile(ssl_.get());
  if (!chosen) return fail_with(State::failed);
  keys_.profile = static_cast<SrtpProfile>(chosen->id);
  // RFC 5764 section 4.2: client key, server key, client salt, server salt.
  const size_t salt = srtp_salt_size(keys_.profile);
  std::array<uint8_t, 2 * (16 + 14)> material;
  static constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
  const size_t size = 2 * (16 + salt);
  if (SSL_export_keying_material(ssl_.get(), material.data(), size, kLabel.data(), kLabel.size(), nullptr, 0, 0) != 1) {
    return fail_with(State::failed);
  }
  SrtpKey client, server;
  std::copy_n(material.begin(), 16, client.bytes.begin());
  std::copy_n(material.begin() + 16, 16, server.bytes.begin());
  std::copy_n(material.begin() + 32, salt, client.bytes.begin() + 16);
  std::copy_n(material.begin() + 32 + static_cast<ptrdiff_t>(salt), salt, server.bytes.begin() + 16);
  OPENSSL_cleanse(material.data(), material.size());
  keys_.outbound = config_.role == DtlsRole::client ? client : server;
  keys_.inbound = config_.role == DtlsRole::client ? server : client;
  wire_->keep = nullptr;
  give_up_ = Instant::never();
  linger_until_ = config_.carries_data ? Instant::never() : now + kLinger;
  SSL_free_buffers(ssl_.get());
}

// After the handshake: the peer's repeated last flight (OpenSSL answers it), alerts, and application data, wanted or not.
void DtlsSession::read_records() {
  if (SSL_alloc_buffers(ssl_.get()) != 1) return;
  std::array<uint8_t, 2048> record;
  for (size_t reads = 0; reads < kMtu; ++reads) {  // each takes a byte at least
    const int result = SSL_read(ssl_.get(), record.data(), record.size());
    if (result > 0) {
      if (config_.carries_data && data_.size() < kMaxRecords) data_.emplace_back(record.begin(), record.begin() + result);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) {
      fail_with(State::closed);
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      fail_with(State::failed);
    }
    break;
  }
  if (ssl_) SSL_free_buffers(ssl_.get());
}

void DtlsSession::on_deadline(Instant now, const SocketAddress& to, Outbox& out) {
  if (now >= linger_until_) {
    linger_until_ = Instant::never();
    ssl_.reset();
    wire_.reset();
    last_flight_.shrink_to_fit();
  }
  if (state_ == State::handshaking && now >= give_up_) fail_with(State::timed_out);
  if (ssl_ && state_ == State::handshaking) {
    const OpenSslScope scope(now, config_.rng, config_.randomness);
    wire_->out = &out;
    wire_->to = to;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(ssl_.get()) < 0) fail_with(State::timed_out);
    if (wire_) wire_->out = nullptr;
    schedule(now);
    return;
  }
  deadline_ = {linger_until_, "DTLS linger"};
}

bool DtlsSession::carry_data() {
  if (state_ != State::idle && !ssl_) return false;
  config_.carries_data = true;
  if (state_ == State::connected) {
    linger_until_ = Instant::never();
    deadline_ = Deadline();
  }
  return true;
}

bool DtlsSession::send(Instant now, BytesView data, const SocketAddress& to, Outbox& out) {
  if (!ssl_ || state_ != State::connected || !config_.carries_data || data.empty() || data.size() > kMaxData) return false;
  const OpenSslScope scope(now, config_.rng, config_.randomness);
  wire_->out = &out;
  wire_->to = to;
  ERR_clear_error();
  const bool sent = SSL_alloc_buffers(ssl_.get()) == 1 && SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size())) > 0;
  SSL_free_buffers(ssl_.get());
  wire_->out = nullptr;
  ERR_clear_error();
  return sent;
}

bool DtlsSession::poll_data(std::vector<uint8_t>& data) {
  if (data_.empty()) return false;
  data = std::move(data_.front());
  data_.erase(data_.begin());
  return true;
}

void DtlsSession::close(Instant now, const SocketAddress& to, Outbox& out) {
  if (ssl_ && state_ == State::connected) {
    const OpenSslScope scope(now, config_.rng, config_.randomness);
    wire_->out = &out;
    wire_->to = to;
    ERR_clear_error();
    if (SSL_alloc_buffers(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  fail_with(State::closed);
}

void DtlsSession::fail_with(State state) {
  state_ = state;
  ssl_.reset();
  give_up_ = linger_until_ = Instant::never();
  deadline_ = Deadline();
  ERR_clear_error();
}

// Inside a scope: the time left depends on now.
void DtlsSession::schedule(Instant now) {
  const bool handshaking = state_ == State::handshaking;
  deadline_ = handshaking ? Deadline{give_up_, "DTLS handshake timeout"} : Deadline{linger_until_, "DTLS linger"};
  timeval left;
  if (!ssl_ || !handshaking || DTLSv1_get_timeout(ssl_.get(), &left) != 1) return;
  const Duration wait = Duration::seconds(left.tv_sec) + Duration::microseconds(left.tv_usec);
  const Instant at = now + std::max(wait, Duration::milliseconds(1));
  if (at < deadline_.at) deadline_ = {at, "DTLS retransmission"};
}

}  // namespace tacoma
