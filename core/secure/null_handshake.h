// Crypto::null: what stands in for DTLS. The same datagrams as a real handshake in number, order, direction and (to a few
// bytes) size, the same timers, and the fingerprint is checked, but nothing is computed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/secure/credentials.h"
#include "core/secure/dtls.h"

namespace tacoma {

class NullHandshake {
 public:
  /// UDP payload bytes of the four flights, as measured of DtlsSession (a test compares them): ClientHello; ServerHello,
  /// Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone; Certificate, ClientKeyExchange, CertificateVerify,
  /// ChangeCipherSpec, Finished; ChangeCipherSpec, Finished.
  static constexpr std::array<uint16_t, 4> kFlightSizes = {162, 642, 550, 75};
  static constexpr size_t kCloseSize = 39;  // an encrypted alert

  struct Config {
    DtlsRole role = DtlsRole::client;
    Fingerprint local, remote;
    SecureRandomness randomness = SecureRandomness::seeded;
    Rng rng{0};
  };
  explicit NullHandshake(const Config& config);

  void start(Instant now, const SocketAddress& to, Outbox& out);
  std::optional<Drop> on_datagram(Instant now, BytesView datagram, const SocketAddress& to, Outbox& out);
  void on_deadline(Instant now, const SocketAddress& to, Outbox& out);
  Deadline deadline() const;
  void close(const SocketAddress& to, Outbox& out);

  DtlsSession::State state() const { return state_; }
  SrtpKeys keys() const;

 private:
  void send_flight(Instant now, uint8_t flight, const SocketAddress& to, Outbox& out);

  Fingerprint local_, remote_;
  uint64_t local_key_ = 0, remote_key_ = 0;
  Instant resend_ = Instant::never();
  Instant give_up_ = Instant::never();
  Duration timeout_ = DtlsSession::kInitialTimeout;
  DtlsRole role_;
  DtlsSession::State state_ = DtlsSession::State::idle;
  uint8_t sent_ = 0;  // last flight sent, 1 to 4
};

}  // namespace tacoma
