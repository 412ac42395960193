#include "core/secure/null_handshake.h"

#include <algorithm>

namespace tacoma {
namespace {

// A DTLS record header, so that the datagram is classified and captured as what it stands for; then flight number (1 to 4,
// 0 for the close), the sender's fingerprint and key; then zeros.
constexpr size_t kRecordHeader = 13;
constexpr size_t kBody = 1 + 32 + 8;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kAlertRecord = 21;
constexpr uint8_t kClose = 0;

void send(uint8_t flight, size_t size, const Fingerprint& fingerprint, uint64_t key, const SocketAddress& to, Outbox& out) {
  PacketRef packet = out.pool().make(size);
  if (!packet) return;  // as if lost
  ByteWriter w(packet.storage());
  w.u8(flight == kClose ? kAlertRecord : kHandshakeRecord);
  w.u16(0xfefd);
  w.zeros(8);  // epoch and sequence number
  w.u16(static_cast<uint16_t>(size - kRecordHeader));
  w.u8(flight);
  if (flight != kClose) w.bytes(BytesView(fingerprint.sha256.data(), fingerprint.sha256.size()));
  w.u64(key);
  TACOMA_ASSERT(w.ok() && w.written() <= size);
  w.zeros(size - w.written());
  packet.resize(size);
  out.send(to, std::move(packet));
}

}  // namespace

NullHandshake::NullHandshake(const Config& config) : local_(config.local), remote_(config.remote), role_(config.role) {
  Rng rng = config.rng;
  fill_random(rng, config.randomness, reinterpret_cast<uint8_t*>(&local_key_), sizeof local_key_);
}

void NullHandshake::start(Instant now, const SocketAddress& to, Outbox& out) {
  if (state_ != DtlsSession::State::idle) return;
  state_ = DtlsSession::State::handshaking;
  give_up_ = now + DtlsSession::kGiveUp;
  if (role_ == DtlsRole::client) send_flight(now, 1, to, out);
}

void NullHandshake::send_flight(Instant now, uint8_t flight, const SocketAddress& to, Outbox& out) {
  if (flight != sent_) timeout_ = DtlsSession::kInitialTimeout;
  sent_ = flight;
  send(flight, kFlightSizes[flight - 1u], local_, local_key_, to, out);
  resend_ = flight < 4 ? now + timeout_ : Instant::never();
}

std::optional<Drop> NullHandshake::on_datagram(Instant now, BytesView datagram, const SocketAddress& to, Outbox& out) {
  using State = DtlsSession::State;
  ByteReader r(datagram);
  const uint8_t type = r.u8();
  const uint16_t version = r.u16();
  r.skip(8);
  const size_t length = r.u16();
  const uint8_t flight = r.u8();
  if (!r.ok() || version != 0xfefd || length + kRecordHeader != datagram.size()) return Drop::dtls_malformed;
  if (state_ != State::handshaking && state_ != State::connected) return Drop::dtls_unexpected;
  if (type == kAlertRecord && flight == kClose) {
    const uint64_t key = r.u64();
    if (!r.ok() || state_ != State::connected || key != remote_key_) return Drop::dtls_unexpected;
    state_ = State::closed;
    return std::nullopt;
  }
  Fingerprint theirs;
  const BytesView fingerprint = r.bytes(theirs.sha256.size());
  const uint64_t key = r.u64();
  // The peer sends the flights of the other parity.
  const bool from_client = flight == 1 || flight == 3;
  if (!r.ok() || type != kHandshakeRecord || flight < 1 || flight > 4) return Drop::dtls_malformed;
  if (from_client == (role_ == DtlsRole::client)) return Drop::dtls_unexpected;
  std::copy(fingerprint.begin(), fingerprint.end(), theirs.sha256.begin());

  if (flight != sent_ + 1 || state_ == State::connected) {
    // A repeat. As in DTLS only the client's last flight is answered at once; the others leave it to the timers.
    if (flight == 3 && sent_ == 4) send(sent_, kFlightSizes[3], local_, local_key_, to, out);
    return flight <= sent_ + 1 ? std::nullopt : std::optional(Drop::dtls_unexpected);
  }
  // Certificates travel in flights 2 and 3.
  if ((flight == 2 || flight == 3) && theirs != remote_) {
    state_ = State::wrong_fingerprint;
    return Drop::dtls_fingerprint;
  }
  remote_key_ = key;
  if (flight < 4) send_flight(now, static_cast<uint8_t>(flight + 1), to, out);
  if (flight >= 3) {
    state_ = State::connected;
    resend_ = give_up_ = Instant::never();
  }
  return std::nullopt;
}

void NullHandshake::on_deadline(Instant now, const SocketAddress& to, Outbox& out) {
  if (now >= give_up_) {
    state_ = DtlsSession::State::timed_out;
    resend_ = give_up_ = Instant::never();
  }
  if (now < resend_) return;
  timeout_ = std::min(timeout_ * 2, DtlsSession::kMaxTimeout);
  send_flight(now, sent_, to, out);
}

Deadline NullHandshake::deadline() const {
  return resend_ < give_up_ ? Deadline{resend_, "DTLS retransmission"} : Deadline{give_up_, "DTLS handshake timeout"};
}

void NullHandshake::close(const SocketAddress& to, Outbox& out) {
  if (state_ == DtlsSession::State::connected) send(kClose, kCloseSize, local_, local_key_, to, out);
  state_ = DtlsSession::State::closed;
  resend_ = give_up_ = Instant::never();
}

SrtpKeys NullHandshake::keys() const {
  SrtpKeys keys;
  const auto key = [](uint64_t sender, uint64_t receiver) { return sender * 3 ^ receiver; };  // one for each direction
  store_u64(keys.outbound.bytes.data(), key(local_key_, remote_key_));
  store_u64(keys.inbound.bytes.data(), key(remote_key_, local_key_));
  return keys;
}

}  // namespace tacoma
