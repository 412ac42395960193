#include "bridge/engine/bridge.h"

#include <algorithm>

#include "bridge/engine/brewery.h"
#include "bridge/engine/colibri.h"
#include "bridge/engine/conference.h"
#include "core/secure/stun.h"

namespace tacoma {

using bridge::Conference;
using bridge::Endpoint;

namespace {
/// JVB's measure of a full bridge, and ours until something better is known.
constexpr double kFullPacketRate = 50'000;
}  // namespace

Bridge::Bridge(BridgeConfig config) : config_(std::move(config)), rng_(config_.rng), feedback_(std::make_unique<bridge::FeedbackScratch>()) {
  identity_ = DtlsIdentity::make(rng_.split("identity"), config_.randomness, config_.crypto);
  for (size_t i = 0; i < config_.logins.size(); ++i) {
    BridgeLogin& login = config_.logins[i];
    if (login.nick.empty()) login.nick = config_.name;
    // Streams are numbered in turn, so that no two breweries ever use the same number.
    breweries_.push_back(std::make_unique<bridge::Brewery>(login, config_.version, i == 0 ? rng_.split("brewery") : rng_.split("brewery", i),
                                                           static_cast<uint32_t>(i), static_cast<uint32_t>(config_.logins.size())));
  }
  Rng ssrcs = rng_.split("feedback");
  feedback_audio_ = Ssrc(ssrcs.u32() | 1);
  do feedback_video_ = Ssrc(ssrcs.u32() | 1);
  while (feedback_video_ == feedback_audio_);
}

Bridge::~Bridge() = default;

void Bridge::start(Instant now, Outbox& out) {
  BridgeStats stats;
  stats.drain = false;
  stats.version = config_.version;
  stats.region = config_.region;
  for (const auto& brewery : breweries_) {
    brewery->set_stats(stats);
    brewery->start(now, out);
  }
  deadlines_.set(kBreweryDeadline, brewery_deadline());
}

// Hop 2: a batch of datagrams, each to its endpoint.
void Bridge::on_datagrams(Instant now, Span<Datagram> in, Outbox& out) {
  for (Datagram& datagram : in) deliver(now, datagram, out);
  pump_data(now, out);
  after_batch(now, out);
}

void Bridge::deliver(Instant now, Datagram& datagram, Outbox& out) {
  Endpoint* endpoint = endpoint_of(datagram);
  if (!endpoint) return;
  const Arrival arrival = endpoint->path.on_datagram(now, datagram, out);
  // Anybody can send garbage, or what looks like DTLS, in its name: only what was authenticated keeps it.
  if (arrival.kind != ArrivalKind::dropped && arrival.kind != ArrivalKind::dtls) endpoint->last_heard = now;
  touch(*endpoint);
  switch (arrival.kind) {
    case ArrivalKind::rtp:
      endpoint->conference->on_rtp(now, *endpoint, datagram, out);
      return;
    case ArrivalKind::rtcp:
      endpoint->conference->on_rtcp(now, *endpoint, datagram, out);
      return;
    case ArrivalKind::stun:
      bind(datagram.from, *endpoint);
      break;
    case ArrivalKind::dtls:
      take_data(now, *endpoint);
      break;
    case ArrivalKind::dropped:
      endpoint->conference->counts.drops.count(arrival.drop);
      break;
  }
  on_path_events(now, *endpoint, out);
}

bridge::Endpoint* Bridge::endpoint_of(const Datagram& datagram) {
  const BytesView bytes = datagram.packet.bytes();
  if (stun::looks_like_stun(bytes)) {
    // A request names whom it is for, whatever is known of its address: people come back from the same one.
    const std::string_view ufrag = stun::local_ufrag_of(bytes);
    if (!ufrag.empty()) {
      Endpoint** found = by_ufrag_.find(std::string(ufrag));
      if (!found) totals_.counts.drops.count(Drop::stun_unknown_user);
      return found ? *found : nullptr;
    }
  }
  Endpoint** found = by_address_.find(datagram.from);
  if (!found) totals_.counts.drops.count(Drop::unknown_peer);
  return found ? *found : nullptr;
}

void Bridge::bind(const SocketAddress& address, Endpoint& endpoint) {
  Endpoint** bound = by_address_.find(address);
  if (bound && *bound == &endpoint) return;
  if (bound) {
    auto& theirs = (*bound)->addresses;
    theirs.erase(std::remove(theirs.begin(), theirs.end(), address), theirs.end());
  }
  if (endpoint.addresses.size() >= config_.limits.addresses_per_endpoint) {
    // The oldest goes, but never the one in use.
    const bool in_use = endpoint.path.ready() && endpoint.addresses.front() == endpoint.path.remote();
    const auto oldest = endpoint.addresses.begin() + (in_use && endpoint.addresses.size() > 1 ? 1 : 0);
    by_address_.erase(*oldest);
    endpoint.addresses.erase(oldest);
  }
  endpoint.addresses.push_back(address);
  by_address_.set(address, &endpoint);
}

void Bridge::unbind(Endpoint& endpoint) {
  for (const SocketAddress& address : endpoint.addresses) by_address_.erase(address);
  by_ufrag_.erase(endpoint.ufrag);
}

void Bridge::on_path_events(Instant now, Endpoint& endpoint, Outbox& out) {
  for (PathEvent event; endpoint.path.poll_event(event);) {
    switch (event.kind) {
      case PathEvent::Kind::ice_connected:
        ++totals_.ice_succeeded;
        break;
      case PathEvent::Kind::keyed:
        endpoint.was_up = true;
        if (endpoint.data) endpoint.data->start(now);
        endpoint.conference->on_receiver_ready(now, endpoint, out);
        break;
      case PathEvent::Kind::failed:
        if (event.reason == PathEvent::Reason::ice_timeout) ++totals_.ice_failed;
        else ++totals_.dtls_failed;
        break;
      case PathEvent::Kind::consent_lost:
      case PathEvent::Kind::closed:
        break;  // the idle limit ends it, or the focus does
    }
  }
}

void Bridge::touch(Endpoint& endpoint) {
  if (endpoint.touched) return;
  endpoint.touched = true;
  touched_.push_back(&endpoint);
}

void Bridge::after_batch(Instant now, Outbox& out) {
  for (Endpoint* endpoint : touched_) {
    endpoint->touched = false;
    if (endpoint->receiver.deadline() <= now) {
      Conference& c = *endpoint->conference;
      endpoint->receiver.report(now, endpoint->sender, c.feedback_video, c.cname, c.counts, out);
    }
    // Earlier than armed matters at once; later will be seen when the armed one fires.
    if (endpoint_deadline(*endpoint) < endpoint->armed) rearm(*endpoint);
  }
  touched_.clear();
}

Instant Bridge::endpoint_deadline(const Endpoint& endpoint) const {
  const Instant expiry = endpoint.was_up ? endpoint.last_heard + config_.limits.endpoint_idle : endpoint.created + config_.limits.endpoint_connect;
  return std::min({expiry, endpoint.path.deadline().at, endpoint.receiver.deadline(), endpoint.downlink.side.deadline()});
}

void Bridge::rearm(Endpoint& endpoint) {
  endpoint.armed = endpoint_deadline(endpoint);
  deadlines_.set(kFirstEndpoint + endpoint.index, endpoint.armed);
}

void Bridge::on_endpoint_deadline(Instant now, Endpoint& endpoint, Outbox& out) {
  if (endpoint.path.deadline().at <= now) {
    endpoint.path.on_deadline(now, out);
    on_path_events(now, endpoint, out);
  }
  Conference& conference = *endpoint.conference;
  if (endpoint.receiver.deadline() <= now)
    endpoint.receiver.report(now, endpoint.sender, conference.feedback_video, conference.cname, conference.counts, out);
  if (endpoint.downlink.side.deadline() <= now) conference.on_downlink_deadline(now, endpoint, out);
  const bool idle = endpoint.was_up ? now - endpoint.last_heard >= config_.limits.endpoint_idle
                                    : now - endpoint.created >= config_.limits.endpoint_connect;
  if (idle) {
    ++totals_.endpoints_expired;
    remove_endpoint(now, endpoint, out);
    return;
  }
  rearm(endpoint);
}

void Bridge::on_deadline(Instant now, Outbox& out) {
  for (uint32_t object = 0; deadlines_.pop_due(now, object);) {
    if (object == kBreweryDeadline) {
      for (const auto& brewery : breweries_) {
        if (brewery->wants_presence(now)) publish(now, *brewery, out);
        brewery->on_deadline(now, out);
      }
      deadlines_.set(kBreweryDeadline, brewery_deadline());
    } else if (object == kEmptyConferences) {
      end_empty_conferences(now);
      deadlines_.set(kEmptyConferences, next_empty_conference());
    } else if (object == kSharing) {
      share(now, out);
    } else if (object == kChannels) {
      check_channels(now, out);
    } else if (object == kDataChannels) {
      sctp_.on_deadline(now);
      data_due_ = Instant::never();  // pump_data sets the next
    } else if (const auto& endpoint = endpoints_[object - kFirstEndpoint]) {
      on_endpoint_deadline(now, *endpoint, out);
    }
  }
  pump_data(now, out);
}

/// The ways out are shared anew where that is due.
void Bridge::share(Instant now, Outbox& out) {
  for (const auto& conference : conferences_) conference->on_tick(now, out);
  deadlines_.set(kSharing, endpoints_.size() == free_.size() ? Instant::never() : now + Conference::kTick);
}

Deadline Bridge::deadline() const { return {deadlines_.earliest(), "bridge: brewery, path, report, downlink, sharing or expiry"}; }

void Bridge::on_stream(Instant now, const StreamEvent& event, Outbox& out) {
  if (event.kind == StreamEvent::Kind::accepted) return open_channel(now, event, out);
  if (Endpoint** found = by_channel_.find(event.id)) {
    Endpoint& endpoint = **found;
    if (event.kind == StreamEvent::Kind::data) {
      endpoint.conference->on_channel_message(now, endpoint, event.data, out);
      return pump_data(now, out);
    }
    by_channel_.erase(event.id);
    endpoint.channel.stream = StreamId(0);
    return;
  }
  for (const auto& brewery : breweries_) {
    brewery->on_stream(now, event, out);
    on_requests(now, *brewery, out);
  }
  deadlines_.set(kBreweryDeadline, brewery_deadline());
}

Instant Bridge::brewery_deadline() const {
  Instant next = Instant::never();
  for (const auto& brewery : breweries_) next = std::min(next, brewery->deadline());
  return next;
}

void Bridge::on_requests(Instant now, bridge::Brewery& brewery, Outbox& out) {
  while (const auto iq = brewery.next_request()) {
    const auto request = colibri2::parse_request(*iq);
    if (!request) {
      brewery.drops().count(Drop::signalling_malformed);
      colibri2::Error error;
      error.text = request.error();
      brewery.send(colibri2::make_error(*iq, error), out);
      continue;
    }
    const auto answer = modify(now, *request, out);
    brewery.send(answer ? colibri2::make_answer(*iq, *answer) : colibri2::make_error(*iq, answer.error()), out);
  }
}

Result<colibri2::ConferenceModified, colibri2::Error> Bridge::modify(Instant now, const colibri2::ConferenceModify& request, Outbox& out) {
  auto answer = bridge::ColibriRequest(*this, now, out).handle(request);
  if (Conference* conference = answer ? find_conference(request.meeting_id) : nullptr) conference->tell_forwarded(out);
  pump_data(now, out);
  return answer;
}

/// The stress level is the packet rate of the time between two presences.
void Bridge::measure(Instant now) {
  if (now - measured_at_ < bridge::Brewery::kPresenceInterval) return;
  const BridgeStatsNow now_stats = this->stats();
  const uint64_t packets = now_stats.counts.packets_in + now_stats.counts.packets_out;
  const double rate = static_cast<double>(packets - measured_packets_) / (now - measured_at_).to_seconds();
  measured_packets_ = packets;
  measured_at_ = now;
  stress_ = std::min(1.0, rate / kFullPacketRate);
  if (config_.congestion.reduce_last_n) reduce_last_n(now);
}

void Bridge::reduce_last_n(Instant now) {
  size_t most = 0;
  for (const auto& conference : conferences_) most = std::max(most, conference->most_forwarded());
  const int32_t last_n = last_n_reducer_.update(now, stress_, most);
  for (const auto& conference : conferences_) conference->set_load_last_n(last_n);
}

std::vector<DataRate> Bridge::estimates() const {
  std::vector<DataRate> all;
  for (const auto& endpoint : endpoints_) {
    if (!endpoint || !endpoint->sender.ready()) continue;
    const DataRate estimate = endpoint->downlink.estimate(std::nullopt);
    if (!estimate.is_infinite()) all.push_back(estimate);
  }
  return all;
}

void Bridge::publish(Instant now, bridge::Brewery& brewery, Outbox& out) {
  measure(now);
  BridgeStats stats;
  stats.stress = stress_;
  stats.drain = draining_;
  stats.graceful_shutdown = shutting_down_;
  stats.healthy = true;
  stats.version = config_.version;
  stats.region = config_.region;
  stats.endpoints = static_cast<uint32_t>(endpoints_.size() - free_.size());
  stats.conferences = static_cast<uint32_t>(conferences_.size());
  brewery.publish(now, stats, out);
}

void Bridge::publish_everywhere(Instant now, Outbox& out) {
  for (const auto& brewery : breweries_)
    if (brewery->joined()) publish(now, *brewery, out);
  deadlines_.set(kBreweryDeadline, brewery_deadline());
}

void Bridge::shut_down_gracefully(Instant now, Outbox& out) {
  shutting_down_ = true;
  publish_everywhere(now, out);
}

void Bridge::set_drain(Instant now, bool on, Outbox& out) {
  draining_ = on;
  publish_everywhere(now, out);
}

void Bridge::leave(Instant, Outbox& out) {
  for (const auto& brewery : breweries_) brewery->leave(out);
  deadlines_.set(kBreweryDeadline, Instant::never());
}

size_t Bridge::breweries_joined() const {
  return static_cast<size_t>(std::count_if(breweries_.begin(), breweries_.end(), [](const auto& b) { return b->joined(); }));
}

bridge::Conference* Bridge::find_conference(std::string_view meeting_id) {
  for (const auto& conference : conferences_)
    if (conference->meeting_id == meeting_id) return conference.get();
  return nullptr;
}

bridge::Conference& Bridge::add_conference(Instant now, const std::string& meeting_id, const std::string& name) {
  conferences_.push_back(std::make_unique<Conference>(meeting_id, name, feedback_video_, config_.name, config_.congestion, *feedback_, now));
  conferences_.back()->channel_id = std::to_string(++last_channel_id_);
  ++totals_.conferences_created;
  deadlines_.set(kEmptyConferences, next_empty_conference());
  return *conferences_.back();
}

IceCredentials Bridge::fresh_credentials() {
  for (;;) {
    Rng rng = rng_.split("ice", made_++);
    IceCredentials credentials = IceCredentials::make(rng, config_.randomness);
    if (!by_ufrag_.find(credentials.ufrag)) return credentials;
  }
}

bridge::Endpoint& Bridge::add_endpoint(Instant now, Conference& conference, const std::string& id) {
  uint32_t index = static_cast<uint32_t>(endpoints_.size());
  if (free_.empty()) {
    endpoints_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  SecurePath::Config path;
  path.ice_role = IceRole::controlling;
  path.dtls_role = DtlsRole::server;
  path.credentials = fresh_credentials();
  path.local_addresses = config_.candidates;
  path.identity = identity_;
  path.crypto = config_.crypto;
  path.randomness = config_.randomness;
  path.rng = rng_.split("path", made_);
  endpoints_[index] = std::make_unique<Endpoint>(id, index, conference, std::move(path), config_.congestion, now);
  Endpoint& endpoint = *endpoints_[index];
  endpoint.ufrag = endpoint.path.credentials().ufrag;
  by_ufrag_.set(endpoint.ufrag, &endpoint);
  if (!config_.channel_url_prefix.empty()) {
    Rng rng = rng_.split("channel", made_);
    uint8_t secret[16];
    fill_random(rng, config_.randomness, secret, sizeof secret);
    endpoint.channel.password = hex_encode(as_text(BytesView(secret)));
  }
  if (endpoints_.size() - free_.size() == 1) deadlines_.set(kSharing, now + Conference::kTick);
  ++totals_.endpoints_created;
  rearm(endpoint);
  return endpoint;
}

/// The endpoint is to get every source under SSRCs of the bridge's own.
void Bridge::rewrite_ssrcs(Endpoint& endpoint) {
  endpoint.pools = std::make_unique<Endpoint::SsrcPools>(
      Endpoint::SsrcPools{bridge::SsrcPool(rng_.split("audio-ssrcs", made_), config_.limits.audio_ssrcs),
                          bridge::SsrcPool(rng_.split("video-ssrcs", made_), config_.limits.video_ssrcs)});
}

void Bridge::remove_endpoint(Instant now, Endpoint& endpoint, Outbox& out) {
  Conference& conference = *endpoint.conference;
  endpoint.path.close(now, out);
  close_channel(endpoint, out);
  conference.leave(endpoint);
  conference.tell_forwarded(out);
  unbind(endpoint);
  touched_.erase(std::remove(touched_.begin(), touched_.end(), &endpoint), touched_.end());
  deadlines_.set(kFirstEndpoint + endpoint.index, Instant::never());
  free_.push_back(endpoint.index);
  endpoints_[endpoint.index].reset();
  if (conference.endpoints.empty()) forget(conference);
}

void Bridge::remove_conference(Instant now, Conference& conference, Outbox& out) {
  if (conference.endpoints.empty()) return forget(conference);
  for (size_t left = conference.endpoints.size(); left > 0; --left) {
    Endpoint& endpoint = *conference.endpoints.back();
    remove_endpoint(now, endpoint, out);  // with the last one goes the conference
  }
}

void Bridge::forget(Conference& conference) {
  totals_.counts += conference.counts;
  conference.audit(violations_);
  const auto at = std::find_if(conferences_.begin(), conferences_.end(), [&](const auto& c) { return c.get() == &conference; });
  conferences_.erase(at);
}

void Bridge::end_empty_conferences(Instant now) {
  for (size_t i = conferences_.size(); i-- > 0;) {
    Conference& c = *conferences_[i];
    if (c.endpoints.empty() && now - c.created >= config_.limits.conference_empty) forget(c);
  }
}

Instant Bridge::next_empty_conference() const {
  Instant next = Instant::never();
  for (const auto& c : conferences_)
    if (c->endpoints.empty()) next = std::min(next, c->created + config_.limits.conference_empty);
  return next;
}

BridgeStatsNow Bridge::stats() const {
  BridgeStatsNow s = totals_;
  s.conferences = static_cast<uint32_t>(conferences_.size());
  s.endpoints = static_cast<uint32_t>(endpoints_.size() - free_.size());
  s.channels = open_channels();
  for (const auto& brewery : breweries_) {
    s.xmpp_disconnects += brewery->disconnects();
    s.counts.drops += brewery->drops();
  }
  for (const auto& conference : conferences_) s.counts += conference->counts;
  return s;
}

std::vector<ConferenceStats> Bridge::conferences() const {
  std::vector<ConferenceStats> result;
  for (const auto& conference : conferences_) result.push_back(conference->stats());
  return result;
}

BridgeAudit Bridge::audit() const {
  BridgeAudit audit;
  audit.violations = violations_;
  const auto law = [&](const std::string& where, const BridgeCounts& c) {
    if (c.fan_out != c.packets_out + c.route_drops)
      audit.violations.push_back(where + ": packets in times their fan-out " + std::to_string(c.fan_out) + " is not sends " +
                                 std::to_string(c.packets_out) + " plus drops " + std::to_string(c.route_drops));
    if (c.rtp_in != c.packets_in + c.ingest_drops)
      audit.violations.push_back(where + ": RTP in " + std::to_string(c.rtp_in) + " is not routed " + std::to_string(c.packets_in) +
                                 " plus drops " + std::to_string(c.ingest_drops));
  };
  law(config_.name + ", what has ended", totals_.counts);
  for (const auto& conference : conferences_) {
    law(conference->name, conference->counts);
    conference->audit(audit.violations);
  }
  return audit;
}

}  // namespace tacoma
