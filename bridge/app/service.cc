#include "bridge/app/service.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "core/signal/colibri2_json.h"
#include "host/daemon/metrics.h"

namespace tacoma::bridge {

namespace {
using host::HttpAnswer;
using host::HttpRequest;
using host::HttpResponse;
using Json = nlohmann::ordered_json;

/// Calls `what` with the bridge between two of its calls.
template <typename What>
void with_bridge(host::ProcessHost& host, What what) {
  host.look([&](Process& process, Instant now, Outbox& out) { what(static_cast<Bridge&>(process), now, out); });
}

HttpResponse pretty(const Json& json) { return HttpResponse::json(json.dump(2) + "\n"); }

/// Rates since the last time that somebody asked, at the earliest a second ago.
class Rates {
 public:
  struct Now {
    double packets_in = 0, packets_out = 0, bits_in = 0, bits_out = 0;
  };
  Now update(Instant now, const host::HostStats& stats) {
    const double seconds = (now - at_).to_seconds();
    if (seconds < 1) return last_;
    last_.packets_in = static_cast<double>(stats.datagrams_in - packets_in_) / seconds;
    last_.packets_out = static_cast<double>(stats.datagrams_out - packets_out_) / seconds;
    last_.bits_in = 8 * static_cast<double>(stats.bytes_in - bytes_in_) / seconds;
    last_.bits_out = 8 * static_cast<double>(stats.bytes_out - bytes_out_) / seconds;
    at_ = now;
    packets_in_ = stats.datagrams_in;
    packets_out_ = stats.datagrams_out;
    bytes_in_ = stats.bytes_in;
    bytes_out_ = stats.bytes_out;
    return last_;
  }

 private:
  Now last_;
  Instant at_;
  uint64_t packets_in_ = 0, packets_out_ = 0, bytes_in_ = 0, bytes_out_ = 0;
};

/// The keys of Jitsi Videobridge's statistics that mean something here.
Json stats_json(const Bridge& bridge, const BridgeConfig& config, Instant now, const host::HostStats& host, Rates& rates) {
  const BridgeStatsNow s = bridge.stats();
  const Rates::Now rate = rates.update(now, host);
  size_t largest = 0;
  for (const ConferenceStats& c : bridge.conferences()) largest = std::max(largest, c.endpoints.size());
  Json json;
  json["conferences"] = s.conferences;
  json["participants"] = s.endpoints;
  json["endpoints"] = s.endpoints;
  json["local_endpoints"] = s.endpoints;
  json["largest_conference"] = largest;
  json["bridge_channels"] = s.channels;
  json["bit_rate_download"] = static_cast<int64_t>(rate.bits_in / 1000);
  json["bit_rate_upload"] = static_cast<int64_t>(rate.bits_out / 1000);
  json["packet_rate_download"] = static_cast<int64_t>(rate.packets_in);
  json["packet_rate_upload"] = static_cast<int64_t>(rate.packets_out);
  json["stress_level"] = bridge.stress();
  json["total_conferences_created"] = s.conferences_created;
  json["total_participants"] = s.endpoints_created;
  json["total_ice_succeeded"] = s.ice_succeeded;
  json["total_ice_failed"] = s.ice_failed;
  json["dtls_failed_endpoints"] = s.dtls_failed;
  json["total_bytes_received"] = host.bytes_in;
  json["total_bytes_sent"] = host.bytes_out;
  json["total_packets_received"] = host.datagrams_in;
  json["total_packets_sent"] = host.datagrams_out;
  json["total_dominant_speaker_changes"] = s.counts.dominant_speaker_changes;
  json["graceful_shutdown"] = bridge.is_shutting_down();
  json["shutting_down"] = false;
  json["drain"] = bridge.is_draining();
  json["healthy"] = bridge.breweries_joined() > 0;
  json["mucs_joined"] = bridge.breweries_joined();
  json["version"] = config.version;
  json["region"] = config.region;
  return json;
}

HttpResponse metrics(const Bridge& bridge, Instant now, const host::HostStats& host, Rates& rates) {
  const BridgeStatsNow s = bridge.stats();
  const Rates::Now rate = rates.update(now, host);
  host::Metrics m("tacoma_bridge_");
  m.gauge("conferences", "Conferences now", s.conferences);
  m.gauge("endpoints", "Endpoints now", s.endpoints);
  m.gauge("channels", "Endpoints whose bridge channel is open", s.channels);
  m.gauge("stress", "Load, 0 to 1", bridge.stress());
  m.gauge("healthy", "1: logged in to a brewery", bridge.breweries_joined() > 0);
  m.gauge("drain_mode", "1: no new conferences wanted", bridge.is_draining());
  m.gauge("graceful_shutdown", "1: ends when its last conference does", bridge.is_shutting_down());
  m.gauge("incoming_bitrate", "Bits per second received, lately", rate.bits_in);
  m.gauge("outgoing_bitrate", "Bits per second sent, lately", rate.bits_out);
  m.counter("conferences_created", "Conferences since the start", static_cast<double>(s.conferences_created));
  m.counter("endpoints_created", "Endpoints since the start", static_cast<double>(s.endpoints_created));
  m.counter("endpoints_expired", "Endpoints that fell silent or never came", static_cast<double>(s.endpoints_expired));
  m.counter("ice_succeeded", "Paths that ICE found", static_cast<double>(s.ice_succeeded));
  m.counter("ice_failed", "Endpoints for which ICE found none", static_cast<double>(s.ice_failed));
  m.counter("dtls_failed", "Handshakes that failed", static_cast<double>(s.dtls_failed));
  m.counter("xmpp_disconnects", "Streams to the XMPP server that were lost", static_cast<double>(s.xmpp_disconnects));
  m.counter("packets_received", "Datagrams received", static_cast<double>(host.datagrams_in));
  m.counter("packets_sent", "Datagrams sent", static_cast<double>(host.datagrams_out));
  m.counter("bytes_received", "Bytes received", static_cast<double>(host.bytes_in));
  m.counter("bytes_sent", "Bytes sent", static_cast<double>(host.bytes_out));
  m.counter("media_packets_in", "RTP packets routed", static_cast<double>(s.counts.packets_in));
  m.counter("media_packets_out", "RTP packets forwarded", static_cast<double>(s.counts.packets_out));
  m.counter("retransmitted", "Packets sent again for a NACK", static_cast<double>(s.counts.retransmitted));
  m.counter("allocations", "Times that a receiver's estimate was shared out", static_cast<double>(s.counts.allocations));
  m.counter("feedback_received", "Transport-wide feedback packets from receivers", static_cast<double>(s.counts.feedback_in));
  m.counter("ecn_marked_packets", "Packets that they report as marked with congestion experienced", static_cast<double>(s.counts.ecn_marked));
  m.counter("ecn_bleached_paths", "Receivers whose path takes ECN codepoints away", static_cast<double>(s.counts.ecn_bleached));
  m.counter("feedback_lost_packets", "Packets that they report as lost", static_cast<double>(s.counts.feedback_lost));
  m.counter("probe_packets", "Packets sent for bandwidth probes only", static_cast<double>(s.counts.probe_packets_out));
  m.counter("probe_bytes", "Bytes sent for bandwidth probes only", static_cast<double>(s.counts.probe_bytes_out));
  std::vector<DataRate> estimates = bridge.estimates();
  std::sort(estimates.begin(), estimates.end());
  const auto estimate_at = [&](double share) {
    return estimates.empty() ? 0.0 : static_cast<double>(estimates[static_cast<size_t>(share * static_cast<double>(estimates.size() - 1))].bps());
  };
  m.gauge("estimate_bps_p10", "What the way to a receiver carries as estimated: a tenth of them has less, bits per second", estimate_at(0.1));
  m.gauge("estimate_bps_p50", "The same, half of them", estimate_at(0.5));
  m.counter("keyframes_requested", "PLIs sent to senders", static_cast<double>(s.counts.plis_out));
  m.counter("channel_messages_received", "Messages on bridge channels", static_cast<double>(s.counts.channel_messages_in));
  m.counter("dominant_speaker_changes", "Changes of the dominant speaker", static_cast<double>(s.counts.dominant_speaker_changes));
  std::vector<std::pair<std::string, double>> drops;
  DropCounts all = s.counts.drops;
  all += host.drops;
  all.each([&](Drop drop, uint64_t count) { drops.emplace_back(name_of(drop), static_cast<double>(count)); });
  m.counters("dropped", "What went no further, by reason", "reason", drops);
  m.histogram("batch_packets", "Datagrams received by one call of the kernel", host.batch_packets);
  m.histogram("forwarding_seconds", "From the receipt of a batch until all that follows from it is sent", host.call_seconds);
  return m.response();
}
unsigned status_of(Condition condition) {
  switch (condition) {
    case Condition::item_not_found: return 404;
    case Condition::conflict: return 409;
    case Condition::service_unavailable: return 503;
    case Condition::feature_not_implemented: return 501;
    case Condition::resource_constraint: return 503;
    default: return 400;
  }
}

/// colibri2 by REST: the body as the stanza would say it. `meeting_id`: of PATCH, from its path.
void modify(host::ProcessHost& host, const std::string& body, const std::string& meeting_id, const HttpAnswer& answer) {
  auto request = colibri2::parse_json_request(body, meeting_id);
  if (!request) return answer(HttpResponse::error(400, request.error()));
  with_bridge(host, [&](Bridge& bridge, Instant now, Outbox& out) {
    const auto done = bridge.modify(now, *request, out);
    if (done) return answer(HttpResponse::json(colibri2::write_json(*done) + "\n"));
    const colibri2::Error& error = done.error();
    const std::string reason = error.reason == colibri2::Reason::none ? name_of(error.condition) : colibri2::name_of(error.reason);
    answer(HttpResponse::error(status_of(error.condition), error.text.empty() ? reason : reason + ": " + error.text));
  });
}

Json conference_json(const ConferenceStats& c) {
  Json endpoints = Json::array();
  for (const std::string& id : c.endpoints) endpoints.push_back({{"id", id}});
  return {{"meeting-id", c.meeting_id}, {"name", c.name}, {"endpoints", std::move(endpoints)}};
}

void add_colibri_routes(host::ProcessHost& host, std::vector<host::HttpRoute>& routes) {
  const std::string all = "/colibri/v2/conferences", one = all + "/";
  routes.push_back({"POST", all, [&host](const HttpRequest& request, HttpAnswer answer) { modify(host, request.body, "", answer); }});
  routes.push_back({"GET", all, [&host](const HttpRequest&, HttpAnswer answer) {
    with_bridge(host, [&](Bridge& bridge, Instant, Outbox&) {
      Json list = Json::array();
      for (const ConferenceStats& c : bridge.conferences()) list.push_back(conference_json(c));
      answer(pretty(list));
    });
  }});
  routes.push_back({"PATCH", one + "*", [&host, one](const HttpRequest& request, HttpAnswer answer) {
    modify(host, request.body, request.path.substr(one.size()), answer);
  }});
  routes.push_back({"GET", one + "*", [&host, one](const HttpRequest& request, HttpAnswer answer) {
    const std::string id = request.path.substr(one.size());
    constexpr std::string_view kSpeaker = "/dominant-speaker-identification";
    with_bridge(host, [&](Bridge& bridge, Instant, Outbox&) {
      for (const ConferenceStats& c : bridge.conferences()) {
        if (id == c.meeting_id) return answer(pretty(conference_json(c)));
        if (id == c.meeting_id + std::string(kSpeaker)) return answer(pretty({{"dominantEndpoint", c.dominant_speaker}}));
      }
      answer(HttpResponse::error(404, "there is no such conference"));
    });
  }});
}
}  // namespace

std::vector<host::HttpRoute> private_routes(host::ProcessHost& host, const Settings& settings, std::function<void()> shut_down) {
  const auto rates = std::make_shared<Rates>();
  std::vector<host::HttpRoute> routes;
  const auto route = [&](const char* method, const char* path, host::HttpHandler handler) { routes.push_back({method, path, std::move(handler)}); };
  route("GET", "/about/health", [&host](const HttpRequest&, HttpAnswer answer) {
    with_bridge(host, [&](Bridge& bridge, Instant, Outbox&) {
      if (bridge.breweries_joined() > 0) answer(HttpResponse::json("{\"healthy\":true}\n"));
      else answer(HttpResponse::error(503, "not logged in to any XMPP server"));
    });
  });
  route("GET", "/about/version", [&settings](const HttpRequest&, HttpAnswer answer) {
    answer(pretty({{"name", "tacoma-bridge"}, {"version", settings.bridge.version}, {"os", "Linux"}}));
  });
  route("GET", "/colibri/stats", [&host, &settings, rates](const HttpRequest&, HttpAnswer answer) {
    with_bridge(host, [&](Bridge& bridge, Instant now, Outbox&) { answer(pretty(stats_json(bridge, settings.bridge, now, host.stats(), *rates))); });
  });
  route("GET", "/metrics", [&host, rates](const HttpRequest&, HttpAnswer answer) {
    with_bridge(host, [&](Bridge& bridge, Instant now, Outbox&) {
      answer(metrics(bridge, now, host.stats(), *rates));
    });
  });
  route("GET", "/colibri/drain", [&host](const HttpRequest&, HttpAnswer answer) {
    with_bridge(host, [&](Bridge& bridge, Instant, Outbox&) { answer(pretty({{"drain", bridge.is_draining()}})); });
  });
  for (const bool on : {true, false}) {
    route("POST", on ? "/colibri/drain/enable" : "/colibri/drain/disable", [&host, on](const HttpRequest&, HttpAnswer answer) {
      with_bridge(host, [&](Bridge& bridge, Instant now, Outbox& out) {
        bridge.set_drain(now, on, out);
        answer(pretty({{"drain", on}}));
      });
    });
  }
  if (settings.allow_rest) add_colibri_routes(host, routes);
  if (settings.allow_shutdown) {
    route("POST", "/colibri/shutdown", [&host, shut_down = std::move(shut_down)](const HttpRequest& request, HttpAnswer answer) {
      const Json body = Json::parse(request.body, nullptr, false);
      if (!body.is_object()) return answer(HttpResponse::error(400, "the body is no JSON object"));
      const bool graceful = body.value("graceful-shutdown", false);
      if (!graceful && !body.value("force-shutdown", false))
        return answer(HttpResponse::error(400, "the body asks neither for graceful-shutdown nor for force-shutdown"));
      answer(pretty({{"shutdown", graceful ? "graceful" : "now"}}));
      if (!graceful) return shut_down();
      with_bridge(host, [&](Bridge& bridge, Instant now, Outbox& out) { bridge.shut_down_gracefully(now, out); });
    });
  }
  return routes;
}

}  // namespace tacoma::bridge
