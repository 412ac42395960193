#include "focus/app/service.h"

#include <nlohmann/json.hpp>

#include "host/daemon/metrics.h"

namespace tacoma::focus {

namespace {
using host::HttpAnswer;
using host::HttpRequest;
using host::HttpResponse;
using Json = nlohmann::ordered_json;

constexpr size_t kMaxWaiting = 10'000;
constexpr size_t kMaxText = 4096;

HttpResponse pretty(const Json& json) { return HttpResponse::json(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"); }

template <typename What>
void with_focus(host::ProcessHost& host, What what) {
  host.look([&](Process& process, Instant now, Outbox& out) { what(static_cast<Focus&>(process), now, out); });
}

/// The request in a body, or what is wrong with it.
Result<ConferenceRequest> parse_body(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return fail("the body is no JSON object");
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() && found->get_ref<const std::string&>().size() <= kMaxText ? found->get<std::string>() : std::string();
  };
  ConferenceRequest request;
  const auto room = Jid::parse(text("room"));
  if (!room || !room->is_bare() || room->node.empty()) return fail("room is missing or no room, such as name@conference.example.org");
  request.room = *room;
  request.machine_uid = text("machineUid");
  request.session_id = text("sessionId");
  if (const auto properties = json.find("properties"); properties != json.end() && properties->is_object()) {
    if (properties->size() > kMaxConferenceProperties) return fail("too many properties");
    for (const auto& [name, value] : properties->items())
      request.properties.emplace_back(name.substr(0, kMaxText), value.is_string() ? value.get<std::string>().substr(0, kMaxText) : value.dump());
  }
  return request;
}

HttpResponse to_response(const ConferenceAnswer& answer) {
  if (!answer.answer) {
    const StanzaError& error = answer.answer.error();
    const unsigned status = error.condition == Condition::bad_request        ? 400
                            : error.condition == Condition::not_authorized   ? 403
                            : error.condition == Condition::forbidden        ? 403
                            : error.condition == Condition::not_acceptable   ? 400
                            : error.condition == Condition::resource_constraint ? 503
                            : error.condition == Condition::service_unavailable ? 503
                                                                             : 500;
    return HttpResponse::error(status, error.text.empty() ? name_of(error.condition) : error.text);
  }
  const ConferenceRequest& said = *answer.answer;
  Json json;
  json["ready"] = said.ready;
  json["focusJid"] = said.focus_jid;
  if (!said.session_id.empty()) json["sessionId"] = said.session_id;
  if (!said.identity.empty()) json["identity"] = said.identity;
  if (!said.vnode.empty()) json["vnode"] = said.vnode;
  Json& properties = json["properties"] = Json::object();
  for (const auto& [name, value] : said.properties) properties[name] = value;
  return pretty(json);
}

HttpResponse metrics(const Focus& focus) {
  const FocusStats s = focus.stats();
  host::Metrics m("tacoma_focus_");
  m.gauge("conferences", "Rooms now", static_cast<double>(s.conferences));
  m.gauge("participants", "People in them now", static_cast<double>(s.participants));
  m.gauge("sessions", "People with a media session now", static_cast<double>(s.sessions));
  m.gauge("bridges", "Bridges in the brewery now", static_cast<double>(s.bridges));
  m.gauge("healthy", "1: connected and in the brewery", focus.ready());
  const auto counter = [&](const char* name, const char* help, uint64_t value) { m.counter(name, help, static_cast<double>(value)); };
  counter("conferences_created", "Rooms since the start", s.conferences_created);
  counter("participants_seen", "People since the start", s.participants_seen);
  counter("invites", "Sessions offered", s.invites);
  counter("accepts", "Sessions accepted", s.accepts);
  counter("re_invites", "Offers that were not a person's first", s.re_invites);
  counter("participants_moved", "Offers because a bridge was lost", s.moved);
  counter("restarts_requested", "Sessions that clients wanted anew", s.restarts_requested);
  counter("restarts_refused", "Of those, too many in too short a time", s.restarts_refused);
  counter("ice_restarts_requested", "ICE restarts in place that clients wanted", s.ice_restarts_requested);
  counter("ice_restarts_refused", "Of those, too many in too short a time", s.ice_restarts_refused);
  counter("ice_restarts_relayed", "Of those, the bridge's new side that clients were told", s.ice_restarts_relayed);
  counter("rooms_found", "Rooms entered because people were there, after a restart", s.rooms_found);
  counter("participants_ice_failed", "Clients whose path failed", s.ice_failed);
  counter("lost_bridges", "Bridges that left, failed or fell silent", s.lost_bridges);
  counter("invite_failures", "Invitations given up", s.invite_failures);
  counter("source_errors", "Changes of sources that were refused", s.source_errors);
  counter("xmpp_disconnects", "Streams to the XMPP server that were lost", s.reconnects);
  std::vector<std::pair<std::string, double>> drops;
  s.drops.each([&](Drop drop, uint64_t count) { drops.emplace_back(name_of(drop), static_cast<double>(count)); });
  m.counters("dropped", "Stanzas that went no further, by reason", "reason", drops);
  return m.response();
}
}  // namespace

void Desk::on_request(const HttpRequest& request, HttpAnswer answer) {
  const auto wanted = parse_body(request.body);
  if (!wanted) return answer(HttpResponse::error(400, wanted.error()));
  if (waiting_.size() >= kMaxWaiting) return answer(HttpResponse::error(503, "too many requests wait for an answer"));
  with_focus(host_, [&](Focus& focus, Instant now, Outbox& out) { waiting_[focus.request_conference(now, *wanted, out)] = std::move(answer); });
  with_focus(host_, [&](Focus& focus, Instant, Outbox&) { collect(focus); });
}

void Desk::collect(Focus& focus) {
  while (const auto answer = focus.poll_answer()) {
    const auto waiting = waiting_.find(answer->number);
    if (waiting == waiting_.end()) continue;
    waiting->second(to_response(*answer));
    waiting_.erase(waiting);
  }
}

std::vector<host::HttpRoute> routes(host::ProcessHost& host, Desk& desk) {
  std::vector<host::HttpRoute> routes;
  const auto route = [&](const char* method, const char* path, host::HttpHandler handler) { routes.push_back({method, path, std::move(handler)}); };
  route("POST", "/conference-request/v1", [&desk](const HttpRequest& request, HttpAnswer answer) { desk.on_request(request, std::move(answer)); });
  route("GET", "/about/health", [&host](const HttpRequest&, HttpAnswer answer) {
    with_focus(host, [&](Focus& focus, Instant, Outbox&) {
      if (!focus.ready()) answer(HttpResponse::error(503, "not connected to the XMPP server"));
      else answer(HttpResponse::json("{\"healthy\":true,\"bridges\":" + std::to_string(focus.stats().bridges) + "}\n"));
    });
  });
  route("GET", "/about/version", [](const HttpRequest&, HttpAnswer answer) { answer(pretty({{"name", "tacoma-focus"}, {"version", kVersion}, {"os", "Linux"}})); });
  route("GET", "/metrics", [&host](const HttpRequest&, HttpAnswer answer) {
    with_focus(host, [&](Focus& focus, Instant, Outbox&) { answer(metrics(focus)); });
  });
  return routes;
}

}  // namespace tacoma::focus
