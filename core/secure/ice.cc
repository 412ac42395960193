#include "core/secure/ice.h"

#include <algorithm>

namespace tacoma {
namespace {

// All attributes of a check but USERNAME, with room to spare.
constexpr size_t kRequestSize = 128;
constexpr size_t kAnswerSize = 160;

}  // namespace

IceAgent::IceAgent(Config config)
    : local_(std::move(config.local)), rng_(config.rng), role_(config.role), randomness_(config.randomness) {
  TACOMA_ASSERT(local_.valid());
  for (const SocketAddress& address : config.local_addresses) {
    (address.ip.family == IpFamily::v4 ? has_v4_ : has_v6_) = true;
  }
  fill_random(rng_, randomness_, reinterpret_cast<uint8_t*>(&tie_breaker_), sizeof tie_breaker_);
}

bool IceAgent::set_remote(Instant now, IceCredentials remote, Span<const IceCandidate> candidates) {
  if (!remote.valid()) return false;
  const bool is_new = awaiting_remote_ || !(remote == remote_);
  if (is_new && !awaiting_remote_) {
    // The peer restarted and we did not: its old pairs mean nothing to its new credentials.
    pairs_.clear();
    restarting_ = true;
  }
  if (is_new) {
    awaiting_remote_ = false;
    remote_ = std::move(remote);
    give_up_ = now + kConnectTimeout;
  }
  uint32_t index = 0;
  for (const IceCandidate& candidate : candidates) {
    const uint32_t priority = candidate.priority ? candidate.priority : IceCandidate::host_priority(index);
    if (Pair* known = find(candidate.address)) {
      known->priority = pair_priority(known->remote_priority = priority);
    } else {
      add_pair(candidate.address, priority);
    }
    ++index;
  }
  // Checks that came before we knew whom they were from: RFC 8445 section 7.3.1.4 for each, now that it can be done.
  for (Pair& pair : pairs_)
    if (is_new && pair.heard) trigger(now, pair);
  schedule(now);
  return true;
}

void IceAgent::restart(Instant now, IceCredentials local) {
  TACOMA_ASSERT(local.valid());
  local_ = std::move(local);
  pairs_.clear();
  restarting_ = awaiting_remote_ = true;
  give_up_ = Instant::never();
  schedule(now);
}

std::optional<Drop> IceAgent::on_stun(Instant now, BytesView datagram, const SocketAddress& from, Outbox& out) {
  const Result<stun::Message, Drop> parsed = stun::parse(datagram);
  if (!parsed) return parsed.error();
  const stun::Message& m = *parsed;
  // RFC 8445 section 7.1.1: ICE messages carry FINGERPRINT.
  if (m.method != stun::kBinding || !m.has_fingerprint) return Drop::stun_unexpected;
  std::optional<Drop> drop;
  switch (m.kind) {
    case stun::Class::request: drop = on_request(now, datagram, m, from, out); break;
    case stun::Class::success:
    case stun::Class::error: drop = on_answer(now, datagram, m, from); break;
    case stun::Class::indication: return std::nullopt;  // a keepalive (RFC 8445 section 11): nothing to do, nothing to believe
  }
  schedule(now);
  return drop;
}

std::optional<Drop> IceAgent::on_request(Instant now, BytesView datagram, const stun::Message& m, const SocketAddress& from,
                                         Outbox& out) {
  // A stranger gets no answer at all, so that nobody can be flooded by way of us (RFC 8489 would send 400 or 401).
  if (!m.username) return Drop::stun_bad_integrity;
  const size_t colon = m.username->find(':');
  if (colon == std::string_view::npos || m.username->substr(0, colon) != local_.ufrag) return Drop::stun_unknown_user;
  if (!stun::has_integrity(datagram, m, local_.pwd)) return Drop::stun_bad_integrity;
  if (m.unknown_count > 0) {
    answer(m, from, 420, "Unknown Attribute", out);
    return std::nullopt;
  }
  if (!m.priority) return Drop::stun_malformed;
  if (!keeps_role(m)) {
    answer(m, from, 487, "Role Conflict", out);
    return std::nullopt;
  }
  Pair* pair = find(from);
  if (!pair) pair = add_pair(from, *m.priority);
  if (!pair) return Drop::stun_unexpected;  // kMaxPairs, or a family without a local address
  pair->heard = true;
  pair->heard_at = now;
  if (selected_ == from) heard_selected_ = now;
  answer(m, from, 0, {}, out);
  if (m.use_candidate && role_ == IceRole::controlled) pair->nominated_by_peer = true;
  if (pair->state != State::succeeded) {
    if (!awaiting_remote_) trigger(now, *pair);
  } else if (pair->nominated_by_peer && (restarting_ || selected_ != pair->remote)) {
    select(now, *pair);
  }
  if (selected_ && selected_ != from && !restarting_) follow(now, from, kSilentOfChecks);
  if (selected_ == from && consent_until_ - now < kConsentExpiry - kConsentDoubt) ask_again(now, *pair);
  return std::nullopt;
}

// RFC 8445 section 7.3.1.1. False: the peer has to change its role; true: it need not, and ours may have changed.
bool IceAgent::keeps_role(const stun::Message& m) {
  if (role_ == IceRole::controlling && m.ice_controlling) {
    if (tie_breaker_ >= *m.ice_controlling) return false;
    switch_role();
  } else if (role_ == IceRole::controlled && m.ice_controlled) {
    if (tie_breaker_ < *m.ice_controlled) return false;
    switch_role();
  }
  return true;
}

void IceAgent::switch_role() {
  role_ = role_ == IceRole::controlling ? IceRole::controlled : IceRole::controlling;
  for (Pair& pair : pairs_) {
    pair.priority = pair_priority(pair.remote_priority);
    pair.nominate = pair.nominated_by_peer = false;
  }
  nominate_best();
}

void IceAgent::answer(const stun::Message& m, const SocketAddress& to, uint16_t error, std::string_view reason, Outbox& out) {
  PacketRef packet = out.pool().make(kAnswerSize);
  if (!packet) return;  // as if lost; the peer asks again
  stun::Builder builder(packet.storage(), error ? stun::Class::error : stun::Class::success, m.id);
  if (error) {
    builder.error(error, reason);
    if (m.unknown_count > 0) builder.unknown_attributes(m);
  } else {
    builder.xor_mapped_address(to);
  }
  packet.resize(builder.finish(local_.pwd));
  out.send(to, std::move(packet));
}

std::optional<Drop> IceAgent::on_answer(Instant now, BytesView datagram, const stun::Message& m, const SocketAddress& from) {
  if (!has_remote()) return Drop::stun_unexpected;
  const auto asked = std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& p) {
    return p.state == State::in_progress && p.transmissions > 0 && p.transaction == m.id;
  });
  if (asked == pairs_.end()) return on_consent_answer(now, datagram, m, from);
  if (!stun::has_integrity(datagram, m, remote_.pwd)) return Drop::stun_bad_integrity;
  Pair& pair = *asked;
  if (m.kind == stun::Class::error) {
    if (m.error_code == 487) {
      if (role_ == pair.asked_as) switch_role();  // unless another answer has told us already
      pair.state = State::waiting;
      trigger(now, pair);
    } else {
      check_failed(pair);
    }
    return std::nullopt;
  }
  // Section 7.2.5.2.1: the answer must come from where the check went. Unknown attributes here fail it as well.
  if (from != pair.remote || !m.mapped || m.unknown_count > 0) {
    check_failed(pair);
    return Drop::stun_unexpected;
  }
  check_succeeded(now, pair);
  return std::nullopt;
}

std::optional<Drop> IceAgent::on_consent_answer(Instant now, BytesView datagram, const stun::Message& m,
                                                const SocketAddress& from) {
  const uint32_t window = std::min<uint32_t>(consent_sent_, kMaxConsentChecks);
  const bool ours = std::find(consent_ids_.begin(), consent_ids_.begin() + window, m.id) != consent_ids_.begin() + window;
  if (!ours || m.kind != stun::Class::success || !selected_ || from != *selected_) return Drop::stun_unexpected;
  if (!stun::has_integrity(datagram, m, remote_.pwd)) return Drop::stun_bad_integrity;
  consent_until_ = now + kConsentExpiry;
  heard_selected_ = now;
  return std::nullopt;
}

IceAgent::Pair* IceAgent::find(const SocketAddress& remote) {
  for (Pair& pair : pairs_)
    if (pair.remote == remote) return &pair;
  return nullptr;
}

IceAgent::Pair* IceAgent::add_pair(const SocketAddress& remote, uint32_t priority) {
  if (!(remote.ip.family == IpFamily::v4 ? has_v4_ : has_v6_)) return nullptr;
  if (pairs_.size() >= kMaxPairs) {
    // While one is selected, a peer may go on to change its address: what it has left longest ago is forgotten.
    if (!selected_ || restarting_) return nullptr;
    const auto oldest = std::min_element(pairs_.begin(), pairs_.end(), [&](const Pair& a, const Pair& b) {
      const auto rank = [&](const Pair& p) { return std::pair(selected_ == p.remote, p.heard_at); };
      return rank(a) < rank(b);
    });
    pairs_.erase(oldest);
  }
  Pair pair;
  pair.remote = remote;
  pair.remote_priority = priority;
  pair.priority = pair_priority(priority);
  pairs_.push_back(pair);
  return &pairs_.back();
}

// Section 6.1.2.3: G is the controlling agent's candidate, D the other's.
uint64_t IceAgent::pair_priority(uint32_t remote_priority) const {
  const uint64_t local_priority = IceCandidate::host_priority(0);
  const uint64_t g = role_ == IceRole::controlling ? local_priority : remote_priority;
  const uint64_t d = role_ == IceRole::controlling ? remote_priority : local_priority;
  return (std::min(g, d) << 32) + 2 * std::max(g, d) + (g > d ? 1 : 0);
}

// Section 7.3.1.4. A check under way that has been sent once is left alone: its answer is likely on the wire. One that waits
// in a long back-off is sent again now, because the peer has just shown that the way is open.
void IceAgent::trigger(Instant now, Pair& pair) {
  if (pair.state == State::in_progress) {
    const bool backing_off = pair.transmissions > 1 && pair.transmissions < kMaxTransmissions;
    if (backing_off) pair.next_send = std::min(pair.next_send, now + kPacing);
    return;
  }
  pair.state = State::waiting;
  if (pair.triggered == 0) pair.triggered = ++trigger_count_;
}

IceAgent::Pair* IceAgent::next_to_check() {
  if (awaiting_remote_) return nullptr;
  Pair* best = nullptr;
  for (Pair& pair : pairs_) {
    // With a pair selected (nothing to give up any more) only checks that the peer asks for still go out.
    if (pair.state != State::waiting || (give_up_.is_never() && pair.triggered == 0)) continue;
    if (!best) {
      best = &pair;
    } else if ((pair.triggered != 0) != (best->triggered != 0)) {
      if (pair.triggered != 0) best = &pair;
    } else if (pair.triggered != 0 ? pair.triggered < best->triggered : pair.priority > best->priority) {
      best = &pair;
    }
  }
  return best;
}

void IceAgent::start_check(Instant now, Pair& pair, Outbox& out) {
  const auto active = std::count_if(pairs_.begin(), pairs_.end(), [](const Pair& p) {
    return p.state == State::waiting || p.state == State::in_progress;
  });
  fill_random(rng_, randomness_, pair.transaction.data(), pair.transaction.size());
  pair.state = State::in_progress;
  pair.asked_as = role_;
  pair.triggered = 0;
  pair.transmissions = 0;
  pair.rto = std::max(kInitialRto, kPacing * active);
  last_check_ = now;
  retransmit(now, pair, out);
}

void IceAgent::retransmit(Instant now, Pair& pair, Outbox& out) {
  if (pair.transmissions == kMaxTransmissions) {
    check_failed(pair);
    return;
  }
  send_request(pair.remote, pair.transaction, pair.nominate, out);
  ++pair.transmissions;
  pair.next_send = now + pair.rto;
  pair.rto = std::max(pair.rto, std::min(pair.rto * 2, kMaxRto));
}

void IceAgent::send_request(const SocketAddress& to, const stun::TransactionId& id, bool use_candidate, Outbox& out) {
  PacketRef packet = out.pool().make(kRequestSize + remote_.ufrag.size() + local_.ufrag.size());
  if (!packet) return;  // as if lost: the timers go on
  std::array<char, 2 * IceCredentials::kMaxLength + 1> username;
  char* end = std::copy(remote_.ufrag.begin(), remote_.ufrag.end(), username.data());
  *end++ = ':';
  end = std::copy(local_.ufrag.begin(), local_.ufrag.end(), end);
  stun::Builder builder(packet.storage(), stun::Class::request, id);
  builder.username(std::string_view(username.data(), static_cast<size_t>(end - username.data())));
  if (role_ == IceRole::controlling) {
    builder.ice_controlling(tie_breaker_);
  } else {
    builder.ice_controlled(tie_breaker_);
  }
  builder.priority(IceCandidate::peer_reflexive_priority(0));
  if (use_candidate && role_ == IceRole::controlling) builder.use_candidate();
  packet.resize(builder.finish(remote_.pwd));
  out.send(to, std::move(packet));
}

void IceAgent::check_succeeded(Instant now, Pair& pair) {
  pair.state = State::succeeded;
  pair.heard = true;
  if (pair.nominate || pair.nominated_by_peer) {
    select(now, pair);
  } else {
    nominate_best();
  }
}

void IceAgent::check_failed(Pair& pair) {
  pair.state = State::failed;
  pair.nominate = false;
  nominate_best();
}

// Section 8.1.1: the first valid pair is good enough; among several the one of highest priority.
void IceAgent::nominate_best() {
  if (role_ != IceRole::controlling || give_up_.is_never()) return;
  Pair* best = nullptr;
  for (Pair& pair : pairs_) {
    if (pair.nominate) return;
    if (pair.state == State::succeeded && (!best || pair.priority > best->priority)) best = &pair;
  }
  if (!best) return;
  best->nominate = true;
  best->state = State::waiting;
  best->triggered = ++trigger_count_;
}

void IceAgent::select(Instant now, Pair& pair) {
  const bool was_connected = selected_.has_value() && !restarting_;
  selected_ = pair.remote;
  heard_selected_ = now;
  restarting_ = false;
  give_up_ = Instant::never();
  consent_until_ = now + kConsentExpiry;
  next_consent_ = now + rng_.uniform(kConsentInterval * 8 / 10, kConsentInterval * 12 / 10);
  // Section 8.1.2: the checks of other pairs end. A check of the peer may take one up again.
  for (Pair& other : pairs_) {
    if (other.remote != pair.remote) other.nominate = false;
    if (other.state != State::in_progress && other.state != State::waiting) continue;
    other.state = State::failed;
    other.triggered = 0;
  }
  if (!was_connected) raise(Event::connected);
}

// The peer sends from an address that was not nominated, and has been silent at the one that was: it has moved. It may not know
// that, so the controlling side nominates what it finds; the other takes it, once the address has answered.
void IceAgent::follow(Instant now, const SocketAddress& from, Duration silent) {
  if (now - heard_selected_ < silent) return;
  Pair* pair = find(from);
  if (!pair || !pair->heard || pair->nominate) return;
  if (role_ == IceRole::controlled) {
    if (pair->state == State::succeeded) select(now, *pair);
  } else if (pair->state != State::in_progress) {
    pair->nominate = true;
    trigger(now, *pair);
    schedule(now);
  }
}

// The peer is heard, but its answers stayed away. The answer to a check is consent too (RFC 7675 section 5.1: an authenticated one). Once
// consent is lost there is no way back but an ICE restart.
void IceAgent::ask_again(Instant now, Pair& pair) {
  if (restarting_ || awaiting_remote_) return;
  (role_ == IceRole::controlling ? pair.nominate : pair.nominated_by_peer) = true;
  trigger(now, pair);
}

void IceAgent::send_consent(Instant now, Outbox& out) {
  stun::TransactionId& id = consent_ids_[consent_sent_ % kMaxConsentChecks];
  fill_random(rng_, randomness_, id.data(), id.size());
  ++consent_sent_;
  // Not sent again (RFC 7675 section 5.1): the next one follows soon enough. USE-CANDIDATE only nominates.
  send_request(*selected_, id, false, out);
  next_consent_ = now + rng_.uniform(kConsentInterval * 8 / 10, kConsentInterval * 12 / 10);
}

void IceAgent::on_deadline(Instant now, Outbox& out) {
  if (now >= give_up_) give_up();
  if (now >= consent_until_) {
    selected_.reset();
    consent_until_ = next_consent_ = Instant::never();
    raise(Event::consent_lost);
  }
  if (now >= next_consent_) send_consent(now, out);
  for (Pair& pair : pairs_)
    if (pair.state == State::in_progress && now >= pair.next_send) retransmit(now, pair, out);
  if (now >= last_check_ + kPacing)
    if (Pair* pair = next_to_check()) start_check(now, *pair, out);
  schedule(now);
}

void IceAgent::give_up() {
  give_up_ = Instant::never();
  pairs_.clear();
  raise(Event::failed);
}

bool IceAgent::knows(const SocketAddress& remote) const {
  if (selected_ == remote) return true;
  return std::any_of(pairs_.begin(), pairs_.end(), [&](const Pair& p) { return p.heard && p.remote == remote; });
}

void IceAgent::raise(Event event) {
  TACOMA_ASSERT(event_count_ < events_.size());
  events_[event_count_++] = event;
}

bool IceAgent::poll_event(Event& event) {
  if (event_count_ == 0) return false;
  event = events_[0];
  std::copy(events_.begin() + 1, events_.begin() + event_count_, events_.begin());
  --event_count_;
  return true;
}

void IceAgent::schedule(Instant now) {
  deadline_ = {give_up_, "ICE connect timeout"};
  const auto consider = [&](Instant at, const char* reason) {
    if (at < deadline_.at) deadline_ = {at, reason};
  };
  consider(consent_until_, "ICE consent expiry");
  consider(next_consent_, "ICE consent check");
  for (const Pair& pair : pairs_)
    if (pair.state == State::in_progress) consider(pair.next_send, "ICE check retransmission");
  // A time that has passed already is due at once; after on_deadline there is none such, because a check has just gone.
  if (next_to_check()) consider(std::max(now, last_check_ + kPacing), "ICE check");
}

}  // namespace tacoma
