#include "sim/router/stanza_router.h"

#include <utility>

#include "core/signal/deployment.h"
#include "core/signal/disco.h"
#include "sim/router/muc_service.h"
#include "sim/router/streams.h"

namespace tacoma {

RouterConfig RouterConfig::embedded(Rng rng) {
  RouterConfig config;
  config.domain = deployment::kDomain;
  config.accounts = {{std::string(deployment::kBridgeUser), std::string(deployment::kBridgePassword)}};
  config.components = {{std::string(deployment::kFocusDomain), std::string(deployment::kComponentSecret)}};
  config.admins = {std::string(deployment::kFocusJid)};
  config.rng = rng;
  return config;
}

/// Dispatch: which host a stanza is for, and what the server itself answers.
class StanzaRouter::Core {
 public:
  explicit Core(RouterConfig config);
  void on_stream(Instant now, const StreamEvent& event, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Instant deadline() const { return streams_.next_late_login(); }
  const RouterStats& stats() const { return stats_; }

 private:
  static XmppHosts make_hosts(const RouterConfig& config);
  router::MucService::Config muc_config(std::string_view prefix, bool accounts_are_admins) const;
  void flush(Outbox& out);
  void on_data(StreamId id, BytesView data);
  void on_ready(StreamId id, const Jid& jid);
  void on_stanza(StreamId id, Element& stanza);
  void to_user(StreamId id, const Jid& to, const Element& stanza);
  void to_server(StreamId id, const Element& stanza);
  void refuse(StreamId id, const Element& stanza, Condition condition);
  void drop_stream(StreamId id);
  bool is_own_host(std::string_view domain) const { return domain == config_.domain || domain == auth_domain_; }

  RouterConfig config_;
  std::string auth_domain_;
  XmppHosts hosts_;
  RouterStats stats_;
  router::Streams streams_;
  router::MucService rooms_, brewery_;
  std::vector<StreamId> ended_;
};

StanzaRouter::Core::Core(RouterConfig config)
    : config_(std::move(config)),
      auth_domain_("auth." + config_.domain),
      hosts_(make_hosts(config_)),
      streams_(hosts_, config_.limits, config_.rng, stats_),
      rooms_(muc_config("conference.", false), config_.limits, config_.rng, streams_, stats_),
      brewery_(muc_config("internal.auth.", true), config_.limits, config_.rng, streams_, stats_) {}

XmppHosts StanzaRouter::Core::make_hosts(const RouterConfig& config) {
  XmppHosts hosts;
  hosts.allow_anonymous(config.domain);
  Rng rng = config.rng.split("accounts");
  for (const RouterConfig::Account& account : config.accounts)
    hosts.add_account("auth." + config.domain, account.user, account.password, rng, config.scram_iterations);
  for (const RouterConfig::Component& component : config.components) hosts.add_component(component.domain, component.secret);
  return hosts;
}

router::MucService::Config StanzaRouter::Core::muc_config(std::string_view prefix, bool accounts_are_admins) const {
  router::MucService::Config config;
  config.domain = std::string(prefix) + config_.domain;
  config.admins.insert(config_.admins.begin(), config_.admins.end());
  if (accounts_are_admins) config.admin_domain = auth_domain_;
  return config;
}

void StanzaRouter::Core::on_stream(Instant now, const StreamEvent& event, Outbox& out) {
  switch (event.kind) {
    case StreamEvent::Kind::opened: break;  // it opens none
    case StreamEvent::Kind::accepted: {
      const bool is_component = event.service == deployment::kComponentService;
      const bool is_client = event.service == deployment::kClientService;
      using Kind = XmppServerStream::Kind;
      if ((!is_component && !is_client) || !streams_.accept(now, event.id, is_component ? Kind::component : Kind::client))
        out.close_stream(event.id);
      break;
    }
    case StreamEvent::Kind::data: on_data(event.id, event.data); break;
    case StreamEvent::Kind::closed: drop_stream(event.id); break;
  }
  flush(out);
}

void StanzaRouter::Core::on_deadline(Instant now, Outbox& out) {
  streams_.end_late_logins(now);
  flush(out);
}

void StanzaRouter::Core::flush(Outbox& out) {
  // Ending a stream makes others write (a room says who left), so this goes on until all is quiet.
  for (;;) {
    ended_.clear();
    streams_.flush(out, ended_);
    if (ended_.empty()) break;
    for (StreamId id : ended_) {
      out.close_stream(id);
      drop_stream(id);
    }
  }
}

void StanzaRouter::Core::on_data(StreamId id, BytesView data) {
  XmppServerStream* stream = streams_.find(id);
  if (!stream) return;  // bytes that were under way when we closed it
  stream->on_bytes(data);
  streams_.touch(id);
  while (auto event = stream->poll()) {
    switch (event->kind) {
      case XmppEvent::Kind::ready: on_ready(id, event->jid); break;
      case XmppEvent::Kind::stanza: on_stanza(id, event->stanza); break;
      case XmppEvent::Kind::closed: break;  // is_over() says so at the next flush
      case XmppEvent::Kind::failed: stats_.drops.count(Drop::signalling_malformed); break;
    }
  }
}

void StanzaRouter::Core::on_ready(StreamId id, const Jid& jid) {
  const std::optional<StreamId> before = streams_.bind(id, jid);
  if (!before) return;
  // Its rooms go now: the newcomer may join them under the same address in its next stanza.
  rooms_.stream_closed(*before);
  brewery_.stream_closed(*before);
  streams_.end(*before);
}

void StanzaRouter::Core::drop_stream(StreamId id) {
  rooms_.stream_closed(id);
  brewery_.stream_closed(id);
  streams_.erase(id);
}

void StanzaRouter::Core::on_stanza(StreamId id, Element& stanza) {
  ++stats_.stanzas_in;
  const Jid from = from_of(stanza);
  if (!stanza.find_attr("to")) return to_server(id, stanza);
  const Jid to = to_of(stanza);
  if (from.empty() || to.empty()) return refuse(id, stanza, Condition::jid_malformed);
  if (to.domain == rooms_.domain()) return rooms_.handle(id, from, to, stanza);
  if (to.domain == brewery_.domain()) return brewery_.handle(id, from, to, stanza);
  if (is_own_host(to.domain)) return to.node.empty() ? to_server(id, stanza) : to_user(id, to, stanza);
  if (const auto component = streams_.route(to.domain)) return streams_.send(*component, stanza);
  refuse(id, stanza, hosts_.find_component_secret(to.domain) ? Condition::service_unavailable : Condition::remote_server_not_found);
}

void StanzaRouter::Core::to_user(StreamId id, const Jid& to, const Element& stanza) {
  const auto route = to.is_bare() ? std::nullopt : streams_.route(to.to_string());
  if (route) return streams_.send(*route, stanza);
  if (!is_presence(stanza)) refuse(id, stanza, Condition::service_unavailable);  // RFC 6121 section 8.5.3.2
}

void StanzaRouter::Core::to_server(StreamId id, const Element& stanza) {
  if (!is_iq(stanza)) return;  // a client's own availability: nobody subscribes to it here
  if (!is_request(stanza)) return stats_.drops.count(Drop::signalling_unexpected);
  if (is_ping(stanza)) return streams_.send(id, make_result(stanza));
  if (is_disco_query(stanza)) {
    DiscoInfo info;
    info.identities = {{"server", "im", "Tacoma"}};
    info.features = {std::string(ns::kDiscoInfo), std::string(ns::kDiscoItems), std::string(ns::kPing)};
    return streams_.send(id, make_disco_result(stanza, info));
  }
  if (stanza.child("query", ns::kDiscoItems)) {
    Element answer = make_result(stanza);
    Element& query = answer.add("query", ns::kDiscoItems);
    for (const router::MucService* service : {&rooms_, &brewery_}) query.add("item").set("jid", service->domain());
    for (const RouterConfig::Component& component : config_.components) query.add("item").set("jid", component.domain);
    return streams_.send(id, answer);
  }
  refuse(id, stanza, Condition::service_unavailable);
}

void StanzaRouter::Core::refuse(StreamId id, const Element& stanza, Condition condition) {
  if (stanza.attr("type") == "error" || stanza.attr("type") == "result") return stats_.drops.count(Drop::signalling_unexpected);
  streams_.send(id, make_error(stanza, condition));
}

StanzaRouter::StanzaRouter(RouterConfig config) : core_(std::make_unique<Core>(std::move(config))) {}
StanzaRouter::~StanzaRouter() = default;

void StanzaRouter::start(Instant, Outbox&) {}
void StanzaRouter::on_datagrams(Instant, Span<Datagram>, Outbox&) {}  // its port takes no media: what comes is not for it
void StanzaRouter::on_stream(Instant now, const StreamEvent& event, Outbox& out) { core_->on_stream(now, event, out); }
void StanzaRouter::on_deadline(Instant now, Outbox& out) { core_->on_deadline(now, out); }
Deadline StanzaRouter::deadline() const { return {core_->deadline(), "late login"}; }
RouterStats StanzaRouter::stats() const { return core_->stats(); }

}  // namespace tacoma
