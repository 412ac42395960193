// DTLS 1.2 with mutual certificates and use_srtp (RFC 6347, RFC 5764, RFC 8827 section 6.5), over OpenSSL, which is hidden here:
// datagrams and time in, datagrams out, keys at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/crypto_mode.h"
#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/secure/credentials.h"
#include "core/secure/srtp.h"

struct ssl_st;  // OpenSSL's SSL

namespace tacoma {

/// A self-signed ECDSA P-256 certificate with its key. Make one a process and share it; immutable, so any thread may use it.
/// Seeded: equal seeds give equal keys and certificates (validity dates are fixed: nobody checks them, RFC 8827 section 6.5).
class DtlsIdentity {
 public:
  /// Crypto::null: only a fingerprint, no key.
  static std::shared_ptr<const DtlsIdentity> make(Rng rng, SecureRandomness randomness, Crypto crypto = Crypto::real);
  ~DtlsIdentity();
  DtlsIdentity(const DtlsIdentity&) = delete;
  DtlsIdentity& operator=(const DtlsIdentity&) = delete;
  const Fingerprint& fingerprint() const { return fingerprint_; }
  Crypto crypto() const { return crypto_; }

 private:
  friend class DtlsSession;
  struct Parts;
  DtlsIdentity();
  std::unique_ptr<Parts> parts_;
  Fingerprint fingerprint_;
  Crypto crypto_ = Crypto::real;
};

/// What both kinds of handshake end with.
struct SrtpKeys {
  SrtpProfile profile = SrtpProfile::null;
  SrtpKey outbound, inbound;
};

/// One DTLS association. Datagrams of at most kMtu bytes are sent; lost flights are sent again by the `now` that is passed
/// in: kInitialTimeout, doubled up to kMaxTimeout.
class DtlsSession {
 public:
  static constexpr size_t kMtu = 1200;
  static constexpr size_t kMaxData = kMtu - 37;  // of a record: header, explicit nonce and tag of AES-GCM
  static constexpr size_t kMaxRecords = 64;      // received and not yet polled; more are dropped
  static constexpr Duration kInitialTimeout = Duration::milliseconds(400);
  static constexpr Duration kMaxTimeout = Duration::seconds(3);  // about ten tries before kGiveUp
  static constexpr Duration kGiveUp = Duration::seconds(30);  // after the first datagram of the handshake
  /// The OpenSSL state is kept so long after the handshake for late retransmissions and alerts, then it is freed to save memory
  /// (later a retransmitted last flight is answered from the kept bytes; alerts are no longer read: consent tells of the end).
  static constexpr Duration kLinger = Duration::seconds(20);

  /// A peer whose certificate has another fingerprint never gets to `connected`.
  enum class State : uint8_t { idle, handshaking, connected, closed, wrong_fingerprint, timed_out, failed };

  struct Config {
    DtlsRole role = DtlsRole::client;
    std::shared_ptr<const DtlsIdentity> identity;  // with a key
    Fingerprint remote_fingerprint;                // as signalled
    bool carries_data = false;                     // application data both ways; OpenSSL's state is kept for it
    SecureRandomness randomness = SecureRandomness::seeded;
    Rng rng{0};
  };
  explicit DtlsSession(Config config);
  ~DtlsSession();
  DtlsSession(const DtlsSession&) = delete;
  DtlsSession& operator=(const DtlsSession&) = delete;

  /// The client sends its ClientHello, the server waits.
  void start(Instant now, const SocketAddress& to, Outbox& out);
  std::optional<Drop> on_datagram(Instant now, BytesView datagram, const SocketAddress& to, Outbox& out);
  void on_deadline(Instant now, const SocketAddress& to, Outbox& out);
  Deadline deadline() const { return deadline_; }
  /// Sends close_notify where there is still somebody to hear it.
  void close(Instant now, const SocketAddress& to, Outbox& out);

  /// From now on the session carries data, if it still can: false when it was set up without and its state is gone.
  bool carry_data();
  /// Sends application data in one record, at most kMaxData bytes. False: not connected, or not made to carry data.
  bool send(Instant now, BytesView data, const SocketAddress& to, Outbox& out);
  /// The next record's data that has come; false: none.
  bool poll_data(std::vector<uint8_t>& data);

  State state() const { return state_; }
  /// Of a connected session.
  const SrtpKeys& keys() const { return keys_; }

 private:
  struct Wire;
  struct FreeSsl {
    void operator()(ssl_st* ssl) const;
  };
  void advance(Instant now, BytesView datagram, const SocketAddress& to, Outbox& out);
  bool create();
  void handshake();
  void finish(Instant now);
  void read_records();
  void fail_with(State state);
  void schedule(Instant now);

  Config config_;
  std::unique_ptr<Wire> wire_;  // at a fixed address: OpenSSL's callbacks hold it
  std::unique_ptr<ssl_st, FreeSsl> ssl_;
  std::vector<std::vector<uint8_t>> data_;  // received
  std::vector<uint8_t> last_flight_;  // of the server, for retransmission when ssl_ is gone
  SrtpKeys keys_;
  Instant give_up_ = Instant::never();
  Instant linger_until_ = Instant::never();
  Deadline deadline_;
  State state_ = State::idle;
};

}  // namespace tacoma
