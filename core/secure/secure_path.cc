#include "core/secure/secure_path.h"

namespace tacoma {
namespace {

// RFC 7983 section 7.
enum class Protocol : uint8_t { stun, dtls, media, unknown };
Protocol protocol_of(uint8_t first) {
  if (first <= 3) return Protocol::stun;
  if (first >= 20 && first <= 63) return Protocol::dtls;
  if (first >= 128 && first <= 191) return Protocol::media;
  return Protocol::unknown;
}

// RFC 5761 section 4: payload types 64 to 95 with the marker are RTCP packet types 192 to 223.
bool is_rtcp(BytesView packet) { return packet.size() >= 2 && packet.data()[1] >= 192 && packet.data()[1] <= 223; }

IceAgent::Config ice_config(SecurePath::Config& config) {
  IceAgent::Config ice;
  ice.role = config.ice_role;
  ice.randomness = config.randomness;
  ice.rng = config.rng.split("ice");
  ice.local_addresses = config.local_addresses;
  Rng credentials = config.rng.split("ice credentials");
  ice.local = std::move(config.credentials);
  if (ice.local.ufrag.empty()) ice.local = IceCredentials::make(credentials, config.randomness);
  return ice;
}

}  // namespace

const char* name_of(PathEvent::Kind kind) {
  switch (kind) {
    case PathEvent::Kind::ice_connected: return "ice_connected";
    case PathEvent::Kind::keyed: return "keyed";
    case PathEvent::Kind::failed: return "failed";
    case PathEvent::Kind::consent_lost: return "consent_lost";
    case PathEvent::Kind::closed: return "closed";
  }
  return "?";
}

const char* name_of(PathEvent::Reason reason) {
  switch (reason) {
    case PathEvent::Reason::none: return "none";
    case PathEvent::Reason::ice_timeout: return "ice_timeout";
    case PathEvent::Reason::dtls_timeout: return "dtls_timeout";
    case PathEvent::Reason::dtls_fingerprint: return "dtls_fingerprint";
    case PathEvent::Reason::dtls_error: return "dtls_error";
    case PathEvent::Reason::srtp_error: return "srtp_error";
  }
  return "?";
}

SecurePath::SecurePath(Config config)
    : ice_(ice_config(config)), identity_(std::move(config.identity)), local_addresses_(std::move(config.local_addresses)),
      rng_(config.rng.split("path")), dtls_role_(config.dtls_role), crypto_(config.crypto), randomness_(config.randomness) {
  TACOMA_ASSERT(identity_ && identity_->crypto() == crypto_);
}
SecurePath::~SecurePath() = default;

std::vector<IceCandidate> SecurePath::candidates() const {
  std::vector<IceCandidate> candidates;
  for (const SocketAddress& address : local_addresses_)
    candidates.push_back({address, IceCandidate::host_priority(static_cast<uint32_t>(candidates.size()))});
  return candidates;
}

bool SecurePath::set_remote(Instant now, const IceCredentials& remote, Span<const IceCandidate> candidates,
                            const Fingerprint& fingerprint, DtlsSetup setup, Outbox& out) {
  if (ended_ || !ice_.set_remote(now, remote, candidates)) return false;
  if (!dtls_ && !null_dtls_) {
    remote_fingerprint_ = fingerprint;
    if (setup == DtlsSetup::active) dtls_role_ = DtlsRole::server;
    if (setup == DtlsSetup::passive) dtls_role_ = DtlsRole::client;
  }
  ice_.on_deadline(now, out);  // the first check goes at once
  take_ice_events(now, out);
  return true;
}

void SecurePath::restart_ice(Instant now, IceCredentials local) {
  if (ended_) return;
  if (local.ufrag.empty()) local = IceCredentials::make(rng_, randomness_);
  ice_.restart(now, std::move(local));
}

Arrival SecurePath::on_datagram(Instant now, Datagram& datagram, Outbox& out) {
  const auto dropped = [](Drop drop) { return Arrival{ArrivalKind::dropped, drop}; };
  const BytesView bytes = datagram.packet.bytes();
  if (bytes.empty()) return dropped(Drop::unknown_first_byte);
  switch (protocol_of(bytes[0])) {
    case Protocol::media: return on_media(now, datagram.packet, datagram.from);
    case Protocol::stun: {
      if (ended_) return dropped(Drop::stun_unexpected);
      const std::optional<Drop> drop = ice_.on_stun(now, bytes, datagram.from, out);
      take_ice_events(now, out);
      return drop ? dropped(*drop) : Arrival{ArrivalKind::stun, {}};
    }
    case Protocol::dtls: {
      if (ended_) return dropped(Drop::dtls_unexpected);
      const std::optional<Drop> drop = on_dtls(now, bytes, datagram.from, out);
      return drop ? dropped(*drop) : Arrival{ArrivalKind::dtls, {}};
    }
    case Protocol::unknown: break;
  }
  return dropped(Drop::unknown_first_byte);
}

Arrival SecurePath::on_media(Instant now, PacketRef& packet, const SocketAddress& from) {
  if (!srtp_ || ended_) return {ArrivalKind::dropped, Drop::srtp_not_ready};
  const bool rtcp = is_rtcp(packet.bytes());
  const MutableBytes bytes = packet.mutable_bytes();
  const Result<size_t, Drop> size = rtcp ? srtp_->unprotect_rtcp(bytes) : srtp_->unprotect_rtp(bytes);
  if (!size) return {ArrivalKind::dropped, size.error()};
  packet.resize(*size);
  ice_.on_data(now, from);
  return {rtcp ? ArrivalKind::rtcp : ArrivalKind::rtp, {}};
}

std::optional<Drop> SecurePath::on_dtls(Instant now, BytesView bytes, const SocketAddress& from, Outbox& out) {
  // Only from where ICE has heard the peer: nobody else can start, disturb or have us answer a handshake.
  if (!ice_.knows(from)) return Drop::unknown_peer;
  if (!dtls_ && !null_dtls_) {
    // The peer's way is proven before ours, or its description has not come yet. Its timer would repeat this, but later.
    if (early_.size() == kMaxEarlyDtls) return Drop::dtls_unexpected;
    early_.emplace_back(bytes.begin(), bytes.end());
    return std::nullopt;
  }
  const SocketAddress to = ice_.selected().value_or(from);
  const std::optional<Drop> drop = dtls_ ? dtls_->on_datagram(now, bytes, to, out) : null_dtls_->on_datagram(now, bytes, to, out);
  check_dtls();
  return drop;
}

void SecurePath::take_ice_events(Instant now, Outbox& out) {
  for (IceAgent::Event event; !ended_ && ice_.poll_event(event);) {
    switch (event) {
      case IceAgent::Event::connected:
        raise(PathEvent::Kind::ice_connected);
        if (!dtls_ && !null_dtls_) start_dtls(now, out);
        break;
      case IceAgent::Event::failed: end(PathEvent::Kind::failed, PathEvent::Reason::ice_timeout); break;
      case IceAgent::Event::consent_lost:
        raise(PathEvent::Kind::consent_lost);
        // A handshake has no right to be sent any more, and it has had as long as it gets.
        if (!srtp_) end(PathEvent::Kind::failed, PathEvent::Reason::dtls_timeout);
        break;
    }
  }
}

void SecurePath::start_dtls(Instant now, Outbox& out) {
  TACOMA_ASSERT(remote_fingerprint_);  // set together with the credentials without which no pair is selected
  if (crypto_ == Crypto::real) {
    dtls_ = std::make_unique<DtlsSession>(
        DtlsSession::Config{dtls_role_, identity_, *remote_fingerprint_, carries_data_, randomness_, rng_.split("dtls")});
    dtls_->start(now, remote(), out);
  } else {
    null_dtls_ = std::make_unique<NullHandshake>(
        NullHandshake::Config{dtls_role_, identity_->fingerprint(), *remote_fingerprint_, randomness_, rng_.split("dtls")});
    null_dtls_->start(now, remote(), out);
  }
  check_dtls();
  const std::vector<std::vector<uint8_t>> early = std::exchange(early_, {});
  for (const std::vector<uint8_t>& bytes : early)
    if (!ended_) (void)on_dtls(now, bytes, remote(), out);
}

void SecurePath::check_dtls() {
  using State = DtlsSession::State;
  switch (dtls_ ? dtls_->state() : null_dtls_->state()) {
    case State::idle:
    case State::handshaking: return;
    case State::connected: break;
    case State::closed: return end(PathEvent::Kind::closed, PathEvent::Reason::none);
    case State::wrong_fingerprint: return end(PathEvent::Kind::failed, PathEvent::Reason::dtls_fingerprint);
    case State::timed_out: return end(PathEvent::Kind::failed, PathEvent::Reason::dtls_timeout);
    case State::failed: return end(PathEvent::Kind::failed, PathEvent::Reason::dtls_error);
  }
  if (srtp_) return;
  const SrtpKeys keys = dtls_ ? dtls_->keys() : null_dtls_->keys();
  Result<SrtpSession> session = SrtpSession::make(keys.profile, keys.outbound, keys.inbound);
  if (!session) return end(PathEvent::Kind::failed, PathEvent::Reason::srtp_error);
  srtp_.emplace(*std::move(session));
  raise(PathEvent::Kind::keyed);
}

void SecurePath::on_deadline(Instant now, Outbox& out) {
  if (ended_) return;
  if (ice_.deadline().at <= now) {
    ice_.on_deadline(now, out);
    take_ice_events(now, out);
  }
  if (ended_ || (!dtls_ && !null_dtls_)) return;
  // Without a selected pair (consent lost) only the linger timer of a finished handshake runs, which sends nothing.
  const SocketAddress to = ice_.selected().value_or(SocketAddress());
  if (dtls_ && dtls_->deadline().at <= now) dtls_->on_deadline(now, to, out);
  if (null_dtls_ && null_dtls_->deadline().at <= now) null_dtls_->on_deadline(now, to, out);
  check_dtls();
}

Deadline SecurePath::deadline() const {
  if (ended_) return {};
  Deadline next = ice_.deadline();
  const Deadline dtls = dtls_ ? dtls_->deadline() : null_dtls_ ? null_dtls_->deadline() : Deadline();
  return dtls.at < next.at ? dtls : next;
}

bool SecurePath::poll_event(PathEvent& event) {
  if (events_.empty()) return false;
  event = events_.front();
  events_.erase(events_.begin());
  return true;
}

bool SecurePath::carry_data() {
  TACOMA_ASSERT(crypto_ == Crypto::real);
  carries_data_ = true;
  return !ended_ && (!dtls_ || dtls_->carry_data());
}

bool SecurePath::send_data(Instant now, BytesView data, Outbox& out) { return ready() && dtls_ && dtls_->send(now, data, remote(), out); }

void SecurePath::close(Instant now, Outbox& out) {
  if (ended_) return;
  if (ice_.selected()) {
    if (dtls_) dtls_->close(now, remote(), out);
    if (null_dtls_) null_dtls_->close(remote(), out);
  }
  ended_ = true;
}

void SecurePath::end(PathEvent::Kind kind, PathEvent::Reason reason) {
  ended_ = true;
  raise(kind, reason);
}

void SecurePath::raise(PathEvent::Kind kind, PathEvent::Reason reason) {
  if (events_.size() < kMaxEvents) events_.push_back({kind, reason});
}

}  // namespace tacoma
