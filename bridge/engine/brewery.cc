#include "bridge/engine/brewery.h"

#include <algorithm>

#include "core/signal/colibri2.h"
#include "core/signal/disco.h"
#include "core/signal/muc.h"
#include "core/signal/namespaces.h"

namespace tacoma::bridge {

namespace {
constexpr std::string_view kVersionNs = "jabber:iq:version";  // XEP-0092
}  // namespace

Brewery::Brewery(BridgeLogin login, std::string version, Rng rng, uint32_t index, uint32_t count)
    : login_(std::move(login)), version_(std::move(version)), rng_(rng), index_(index), count_(count) {
  room_ = Jid::parse(login_.brewery).value_or(Jid());
  occupant_ = room_.with_resource(login_.nick);
}

void Brewery::start(Instant now, Outbox& out) { connect(now, out); }

void Brewery::connect(Instant now, Outbox& out) {
  stream_ = StreamId(index_ + 1 + streams_++ * count_);
  XmppClient::Config config;
  config.domain = login_.domain;
  config.mechanism = SaslMechanism::scram_sha_1;
  config.user = login_.user;
  config.password = login_.password;
  client_ = std::make_unique<XmppClient>(config, rng_.split("stream", streams_));
  state_ = State::connecting;
  next_ = now + kLoginTimeout;
  out.open_stream(stream_, login_.service);
}

void Brewery::disconnect(Instant now, bool still_open, Outbox& out) {
  if (still_open) {
    flush(out);
    out.close_stream(stream_);
  }
  client_.reset();
  ++disconnects_;
  state_ = State::waiting;
  presence_at_ = Instant::never();
  next_ = now + backoff_ + rng_.uniform(Duration::zero(), backoff_ / 4);
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
}

void Brewery::on_deadline(Instant now, Outbox& out) {
  if (next_ > now) return;
  if (state_ == State::waiting) connect(now, out);
  else if (state_ != State::joined) disconnect(now, true, out);
}

void Brewery::on_stream(Instant now, const StreamEvent& event, Outbox& out) {
  if (event.id != stream_ || !client_) return;
  switch (event.kind) {
    case StreamEvent::Kind::opened:
      client_->start();
      flush(out);
      break;
    case StreamEvent::Kind::data:
      client_->on_bytes(event.data);
      read(now, out);
      break;
    case StreamEvent::Kind::closed:
      disconnect(now, false, out);
      break;
    case StreamEvent::Kind::accepted:
      break;  // a bridge offers no service
  }
}

void Brewery::read(Instant now, Outbox& out) {
  while (client_) {
    auto event = client_->poll();
    if (!event) break;
    switch (event->kind) {
      case XmppEvent::Kind::ready: {
        state_ = State::joining;
        Element join = muc::make_join(occupant_);
        add_bridge_stats(join, stats_);
        client_->send(join);
        break;
      }
      case XmppEvent::Kind::stanza:
        on_stanza(now, event->stanza, out);
        break;
      case XmppEvent::Kind::failed:
        drops_.count(Drop::signalling_malformed);
        [[fallthrough]];
      case XmppEvent::Kind::closed:
        disconnect(now, true, out);
        break;
    }
  }
  flush(out);
}

void Brewery::on_stanza(Instant now, Element& stanza, Outbox& out) {
  if (is_presence(stanza)) on_presence(now, stanza, out);
  else if (is_iq(stanza)) on_iq(stanza);
}

void Brewery::on_presence(Instant now, const Element& presence, Outbox& out) {
  if (from_of(presence).bare() != room_) return;
  if (presence.attr("type") == "error") {
    // The room would not have us: nick taken by our own ghost, room not there yet. Later perhaps.
    disconnect(now, true, out);
    return;
  }
  const auto info = muc::parse_user_info(presence);
  const bool self = (info && info->has_status(muc::kStatusSelf)) || from_of(presence) == occupant_;
  if (!self) return;
  if (presence.attr("type") == "unavailable") {
    disconnect(now, true, out);
    return;
  }
  if (state_ != State::joining) return;
  state_ = State::joined;
  backoff_ = kFirstBackoff;
  presence_at_ = next_ = now + kPresenceInterval;
}

void Brewery::on_iq(Element& iq) {
  if (!is_request(iq)) return;
  const Jid from = from_of(iq);
  const bool occupant = !from.is_bare() && from.bare() == room_;
  if (is_ping(iq)) {
    client_->send(make_result(iq));
  } else if (is_disco_query(iq)) {
    DiscoInfo info;
    info.identities.push_back({"component", "generic", "Tacoma bridge"});
    info.features = {std::string(ns::kHealthcheck), std::string(ns::kDtls), std::string(ns::kIceUdp), std::string(ns::kDiscoInfo),
                     std::string(ns::kPing), std::string(kVersionNs)};
    client_->send(make_disco_result(iq, info));
  } else if (iq.child("query", kVersionNs)) {
    Element result = make_result(iq);
    Element& query = result.add("query", kVersionNs);
    query.add_text("name", kVersionNs, "Tacoma bridge");
    query.add_text("version", kVersionNs, version_);
    client_->send(result);
  } else if (!occupant) {
    drops_.count(Drop::signalling_unexpected);
    client_->send(make_error(iq, Condition::forbidden));
  } else if (is_healthcheck(iq)) {
    client_->send(make_result(iq));
  } else if (colibri2::is_request(iq)) {
    requests_.push_back(std::move(iq));
  } else {
    client_->send(make_error(iq, Condition::feature_not_implemented));
  }
}

void Brewery::leave(Outbox& out) {
  if (client_) {
    if (state_ == State::joined) client_->send(muc::make_leave(occupant_));
    client_->close();
    flush(out);
    out.close_stream(stream_);
    client_.reset();
  }
  state_ = State::waiting;
  next_ = Instant::never();
}

std::optional<Element> Brewery::next_request() {
  if (next_request_ == requests_.size()) {
    requests_.clear();
    next_request_ = 0;
    return std::nullopt;
  }
  return std::move(requests_[next_request_++]);
}

void Brewery::send(const Element& stanza, Outbox& out) {
  if (!client_) return;
  client_->send(stanza);
  flush(out);
}

void Brewery::publish(Instant now, const BridgeStats& stats, Outbox& out) {
  stats_ = stats;
  Element presence = make_presence({}, occupant_);
  add_bridge_stats(presence, stats_);
  send(presence, out);
  presence_at_ = next_ = now + kPresenceInterval;
}

void Brewery::flush(Outbox& out) {
  if (client_ && client_->has_output()) out.write_stream(stream_, std::string_view(client_->take_output()));
}

}  // namespace tacoma::bridge
