// Bridges that fail, clients that start over, limits that are reached.
#include <catch2/catch.hpp>

#include "tests/unit/focus/conference_fixture.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {

struct Pair : Conference {
  explicit Pair(FocusConfig config = FocusConfig::embedded(Rng(3))) : Conference(std::move(config)) {}
  void come() {
    alice.come();
    bob.come();
    take_log();
  }
  Person& alice = add_person("aaaaaaaa");
  Person& bob = add_person("bbbbbbbb");
};

colibri2::Error make_refusal(Condition condition, colibri2::Reason reason = colibri2::Reason::none, std::string endpoint = {}) {
  colibri2::Error error;
  error.condition = condition;
  error.reason = reason;
  error.endpoint = std::move(endpoint);
  return error;
}

}  // namespace

TEST_CASE("without a bridge the focus says so, and invites when one comes") {
  Pair c;
  c.come();
  CHECK(c.alice.offers == 0);
  CHECK(c.alice.focus_presence.bridge_not_available);
  c.add_bridge();
  CHECK(c.alice.offers == 1);
  CHECK(c.bob.offers == 1);
  CHECK_FALSE(c.alice.focus_presence.bridge_not_available);
  CHECK(c.alice.focus_presence.properties.at(1) == std::pair<std::string, std::string>("bridge-count", "1"));
}

TEST_CASE("a bridge that is draining or going down is not used until it says otherwise") {
  for (bool BridgeStats::*flag : {&BridgeStats::drain, &BridgeStats::graceful_shutdown}) {
    Pair c;
    FakeBridge& bridge = c.add_bridge();
    bridge.stats.*flag = true;
    bridge.publish();
    c.come();
    CHECK(c.alice.offers == 0);
    bridge.stats.*flag = false;
    bridge.publish();
    CHECK(c.alice.offers == 1);
    bridge.stats.*flag = true;  // those on it stay
    bridge.publish();
    CHECK(c.alice.offers == 1);
  }
}

TEST_CASE("when a bridge leaves, all of it move to another") {
  Pair c;
  FakeBridge& first = c.add_bridge("eu-1");
  FakeBridge& second = c.add_bridge("eu-2");
  c.come();
  REQUIRE(second.requests.empty());
  REQUIRE(c.alice.offer.bridge_session);
  const std::string old_session = c.alice.offer.bridge_session->id, old_sid = c.alice.offer.sid;
  first.leave();
  const Log log = c.take_log();
  CHECK(only(log, "aaaaaaaa") == Log{"aaaaaaaa < session-terminate success moving", "aaaaaaaa < session-initiate", "aaaaaaaa < result accept",
                                     "aaaaaaaa < source-add bbbbbbbb"});
  CHECK(only(log, "eu-2") == Log{"eu-2 < create aaaaaaaa new conference", "eu-2 < create bbbbbbbb", "eu-2 < transport aaaaaaaa",
                                 "eu-2 < transport bbbbbbbb"});
  CHECK(c.alice.offer.bridge_session->id != old_session);
  CHECK(c.alice.offer.sid != old_sid);
  const FocusStats stats = c.focus.stats();
  CHECK(stats.lost_bridges == 1);
  CHECK(stats.re_invites == 2);
  CHECK(stats.moved == 2);
  CHECK(stats.sessions == 2);
}

TEST_CASE("a bridge whose stream breaks is lost; when it comes back those who wait are invited") {
  Pair c;
  FakeBridge& bridge = c.add_bridge();
  c.come();
  c.wires.detach(bridge.client);
  c.wires.run();
  CHECK(only(c.take_log(), "bbbbbbbb") == Log{"bbbbbbbb < session-terminate success moving"});
  CHECK(c.alice.focus_presence.bridge_not_available);
  CHECK(c.focus.stats().sessions == 0);
  c.add_bridge("eu-1");  // fresh, with no memory of before
  CHECK(c.alice.offers == 2);
  CHECK(c.bob.offers == 2);
  CHECK(c.focus.stats().moved == 2);
}

TEST_CASE("health is checked every 10 s; a bridge that is ill loses its people and gets none for a minute") {
  Pair c;
  FakeBridge& first = c.add_bridge("eu-1");
  FakeBridge& second = c.add_bridge("eu-2");
  c.come();
  c.wires.run(Duration::seconds(21));
  CHECK(only(c.take_log(), "eu-1 < healthcheck").size() == 2);
  CHECK(c.alice.offers == 1);
  first.is_ill = true;
  c.wires.run(Duration::seconds(10));
  CHECK(c.alice.offers == 2);
  CHECK(c.focus.stats().lost_bridges == 1);
  CHECK_FALSE(second.requests.empty());
  first.is_ill = false;
  second.leave();
  CHECK(c.alice.offers == 2);  // the first is not trusted yet
  c.wires.run(Duration::seconds(61));
  CHECK(c.alice.offers == 3);
}

TEST_CASE("a bridge that is silent to two health checks gets nobody new, but keeps its people") {
  Pair c;
  FakeBridge& bridge = c.add_bridge();
  c.come();
  bridge.is_silent = true;
  c.wires.run(Duration::seconds(10 + 15 + 15 + 1));
  CHECK(c.focus.stats().lost_bridges == 1);
  CHECK(c.alice.offers == 1);
  CHECK(only(c.take_log(), "eu-1 < healthcheck").size() >= 2);
  bridge.is_silent = false;
  Person& carol = c.add_person("cccccccc");
  carol.come();
  CHECK(carol.offers == 1);  // to the conference's bridge: it has one only
}

TEST_CASE("a bridge that does not answer an allocation in 15 s is left for another") {
  Pair c;
  FakeBridge& first = c.add_bridge("eu-1");
  FakeBridge& second = c.add_bridge("eu-2");
  first.is_silent = true;
  c.come();
  CHECK(c.alice.offers == 0);
  c.wires.run(Duration::seconds(15));
  CHECK(c.alice.offers == 1);
  CHECK(c.bob.offers == 1);
  CHECK(second.requests.size() == 4);
  CHECK(c.focus.stats().lost_bridges == 1);
}

TEST_CASE("refused allocations are read as the table has them") {
  using colibri2::Reason;
  struct Row {
    Condition condition;
    Reason reason;
    int offers_to_alice;
    const char* bridge;    // where the conference ends up
    uint64_t failures;     // invitations given up
  };
  for (const Row& row : {Row{Condition::internal_server_error, Reason::none, 1, "eu-2", 0},
                         Row{Condition::service_unavailable, Reason::graceful_shutdown, 1, "eu-2", 0},
                         Row{Condition::item_not_found, Reason::conference_not_found, 1, "eu-1", 0},
                         Row{Condition::conflict, Reason::conference_already_exists, 1, "eu-1", 0},
                         Row{Condition::bad_request, Reason::none, 0, "eu-1", 1}}) {
    Pair c;
    FakeBridge& first = c.add_bridge("eu-1");
    c.add_bridge("eu-2");
    if (std::string_view(row.bridge) == "eu-1") c.bridges[1]->stats.drain = true, c.bridges[1]->publish();
    first.refuse_allocations.push_back(make_refusal(row.condition, row.reason));
    INFO(name_of(row.condition) << " " << colibri2::name_of(row.reason));
    c.alice.come();
    c.bob.come();
    const Log log = c.take_log();
    CHECK(c.alice.offers == row.offers_to_alice);
    CHECK(c.bob.offers == 1);
    CHECK(c.focus.stats().invite_failures == row.failures);
    CHECK_FALSE(only(log, std::string(row.bridge) + " < transport").empty());
  }
}

TEST_CASE("an answer without a transport fails that invitation for good") {
  Pair c;
  c.add_bridge().without_transport = true;
  c.come();
  c.wires.run(Duration::seconds(60));
  CHECK(c.alice.offers == 0);
  CHECK(c.focus.stats().invite_failures == 2);
}

TEST_CASE("a bridge that loses the conference three times in a row counts as failed") {
  Pair c;
  FakeBridge& bridge = c.add_bridge();
  bridge.refuse_allocations.assign(100, make_refusal(Condition::conflict));
  c.come();
  CHECK(bridge.requests.size() <= 8);
  CHECK(c.focus.stats().lost_bridges == 1);
  CHECK(c.alice.focus_presence.bridge_not_available);
  bridge.refuse_allocations.clear();
  c.wires.run(Duration::seconds(61));
  CHECK(c.alice.offers == 1);
}

TEST_CASE("refused updates: an unknown endpoint is invited again, anything else moves the conference") {
  {
    Pair c;
    FakeBridge& bridge = c.add_bridge();
    c.alice.come();
    bridge.refuse_updates.push_back(make_refusal(Condition::item_not_found, colibri2::Reason::unknown_endpoint, "aaaaaaaa"));
    c.bob.come();
    CHECK(c.alice.offers == 2);
    CHECK(c.bob.offers == 1);
    CHECK(c.focus.stats().sessions == 2);
  }
  {
    Pair c;
    FakeBridge& bridge = c.add_bridge();
    c.alice.come();
    bridge.refuse_updates.push_back(make_refusal(Condition::item_not_found, colibri2::Reason::conference_not_found));
    c.bob.come();
    CHECK(c.alice.offers == 2);
    CHECK(c.bob.offers == 2);
    CHECK(c.focus.stats().sessions == 2);
  }
}

TEST_CASE("an update that is never answered changes nothing") {
  Pair c;
  FakeBridge& bridge = c.add_bridge();
  c.come();
  bridge.is_silent = true;
  c.alice.change_sources(jingle::Action::source_remove, c.alice.sources);
  c.wires.run(Duration::seconds(20));
  CHECK(c.alice.offers == 1);
  CHECK(c.focus.stats().sessions == 2);
}

TEST_CASE("a client may be invited again, with 5 s between and five times a minute") {
  Pair c;
  c.add_bridge();
  c.come();
  c.alice.restart();
  CHECK(c.take_log() == Log{"aaaaaaaa < result restart", "eu-1 < expire aaaaaaaa", "eu-1 < create aaaaaaaa",
                            "bbbbbbbb < source-remove aaaaaaaa", "aaaaaaaa < session-initiate", "aaaaaaaa < result accept",
                            "eu-1 < transport aaaaaaaa", "bbbbbbbb < source-add aaaaaaaa"});
  c.wires.run(Duration::seconds(4));
  c.alice.restart();
  CHECK(c.alice.last_error == "resource-constraint");
  CHECK(c.alice.offers == 2);
  for (int i = 0; i < 4; ++i) {
    c.wires.run(Duration::seconds(5));
    c.alice.restart();
  }
  CHECK(c.alice.offers == 6);
  c.alice.last_error.clear();
  c.wires.run(Duration::seconds(5));
  c.alice.restart();
  CHECK(c.alice.last_error == "resource-constraint");
  c.wires.run(Duration::seconds(60));
  c.alice.restart();
  CHECK(c.alice.offers == 7);
  const FocusStats stats = c.focus.stats();
  CHECK(stats.restarts_requested == 8);
  CHECK(stats.restarts_refused == 2);
  CHECK(stats.re_invites == 6);
  CHECK(stats.moved == 0);
}

TEST_CASE("a restart must name the current bridge session") {
  Pair c;
  c.add_bridge();
  c.come();
  c.alice.restart("0badf00d");
  CHECK(c.alice.last_error == "item-not-found");
  CHECK(c.alice.offers == 1);
}

TEST_CASE("who hangs up is not invited again, and its sources are gone") {
  Pair c;
  c.add_bridge();
  c.come();
  jingle::Jingle bye;
  bye.action = jingle::Action::session_terminate;
  bye.sid = c.alice.offer.sid;
  bye.reason = jingle::Reason{"success", ""};
  c.alice.send(bye, "bye");
  CHECK(c.take_log() == Log{"aaaaaaaa < result bye", "eu-1 < expire aaaaaaaa", "bbbbbbbb < source-remove aaaaaaaa"});
  c.add_person("cccccccc").come();
  CHECK(c.alice.offers == 1);
}

TEST_CASE("who refuses the offer is given up; its endpoint is freed") {
  Pair c;
  c.add_bridge();
  c.alice.come();
  c.bob.refuses = true;
  c.bob.come();
  CHECK(only(c.take_log(), "eu-1 < expire") == Log{"eu-1 < expire bbbbbbbb"});
  CHECK(c.focus.stats().invite_failures == 1);
  CHECK(c.focus.stats().sessions == 1);
}

TEST_CASE("a failed ICE is counted and acknowledged") {
  Pair c;
  c.add_bridge();
  c.come();
  REQUIRE(c.alice.offer.bridge_session);
  jingle::Jingle info;
  info.action = jingle::Action::session_info;
  info.sid = c.alice.offer.sid;
  info.ice_state = "failed";
  info.bridge_session = jingle::BridgeSession{c.alice.offer.bridge_session->id, ""};
  c.alice.send(info, "ice");
  CHECK(c.take_log() == Log{"aaaaaaaa < result ice"});
  CHECK(c.focus.stats().ice_failed == 1);
}

TEST_CASE("Jingle of no session, out of turn, or unreadable is refused") {
  Pair c;
  c.add_bridge();
  c.bob.accepts = false;
  c.come();
  jingle::Jingle message;
  message.action = jingle::Action::session_info;
  message.sid = "stale";
  c.alice.send(message, "x");
  CHECK(c.alice.last_error == "item-not-found");
  c.alice.accept();  // a second time
  CHECK(c.alice.last_error == "unexpected-request");
  c.bob.change_sources(jingle::Action::source_add, c.bob.sources);  // before its accept
  CHECK(c.bob.last_error == "unexpected-request");
  Element iq = make_iq("set", kRoom.with_resource("focus"), "y");
  iq.add("jingle", ns::kJingle).set("action", "dance").set("sid", c.alice.offer.sid);
  c.alice.send(iq);
  CHECK(c.alice.last_error == "bad-request");
  message.action = jingle::Action::transport_info;
  message.sid = c.alice.offer.sid;
  c.alice.send(message, "z");
  CHECK(c.alice.last_error == "bad-request");
  message.action = jingle::Action::session_initiate;
  message.contents.emplace_back().name = "audio";
  c.alice.send(message, "i");
  CHECK(c.alice.last_error == "feature-not-implemented");
  Element odd = make_iq("get", kRoom.with_resource("focus"), "o");
  odd.add("query", "urn:example");
  c.alice.send(odd);
  CHECK(c.alice.last_error == "service-unavailable");
  CHECK(c.focus.stats().sessions == 2);
}

TEST_CASE("a client without a usable transport is refused, and costs the others nothing") {
  Pair c;
  c.add_bridge();
  c.bob.accepts = false;
  c.come();
  c.take_log();
  jingle::Jingle message;
  message.action = jingle::Action::session_accept;
  message.sid = c.bob.offer.sid;
  jingle::Content& content = message.contents.emplace_back();
  content.name = "audio";
  content.media = jingle::Media::audio;
  content.transport = make_transport("pbob", jingle::Setup::active);
  std::vector<jingle::IceTransport> unusable(3, *content.transport);
  unusable[0].fingerprints.clear();
  unusable[1].fingerprints[0].hash = "sha-1";
  unusable[1].fingerprints[0].value.resize(59);  // 20 octets
  unusable[2].ufrag = unusable[2].pwd = "";
  for (const jingle::IceTransport& transport : unusable) {
    jingle::Jingle spoilt = message;
    spoilt.contents[0].transport = transport;
    c.bob.send(spoilt, "bad");
    CHECK(c.bob.last_error == "bad-request");
    c.bob.last_error.clear();
  }
  for (const std::string& line : c.take_log()) CHECK(line.find("bbbbbbbb") == 0);
  CHECK(c.focus.stats().sessions == 2);
  c.bob.send(message, "good");
  CHECK(c.focus.stats().accepts == 2);
}

TEST_CASE("when the server goes away the focus comes back to it, and conferences begin anew") {
  Pair c;
  c.add_bridge();
  c.come();
  c.wires.detach(c.router);
  c.wires.run();
  CHECK_FALSE(c.focus.ready());
  CHECK(c.focus.stats().conferences == 0);
  CHECK(c.focus.stats().sessions == 0);
  CHECK(c.focus.stats().participants == 0);
  c.wires.run(Duration::seconds(10));  // 1 s, 2 s, 4 s: refused
  StanzaRouter fresh(Deployment::make_config());
  c.wires.attach(fresh);
  c.wires.listen(fresh, "xmpp");
  c.wires.listen(fresh, "xmpp-component");
  c.wires.run(Duration::seconds(10));
  CHECK(c.focus.ready());
  CHECK(c.focus.stats().reconnects == 4);
}

TEST_CASE("conferences, members and bridges are limited") {
  FocusConfig config = FocusConfig::embedded(Rng(3));
  config.limits.conferences = 1;
  config.limits.members_per_conference = 2;
  config.limits.bridges = 1;
  Conference c(config);
  c.add_bridge("eu-1");
  c.add_bridge("eu-2");
  CHECK(c.focus.stats().bridges == 1);
  for (const char* nick : {"aaaaaaaa", "bbbbbbbb", "cccccccc"}) c.add_person(nick).come();
  CHECK(c.people[1]->offers == 1);
  CHECK(c.people[2]->offers == 0);
  ConferenceRequest other;
  other.room = jid("other@conference.tacoma.test");
  c.people[0]->client.send(make_conference_request(jid(deployment::kFocusDomain), "more", other));
  c.wires.run();
  CHECK(c.people[0]->last_error == "resource-constraint");
}

TEST_CASE("more people than a bridge may take wait until one leaves") {
  FocusConfig config = FocusConfig::embedded(Rng(3));
  config.max_participants_per_bridge = 2;
  Conference c(config);
  c.add_bridge();
  for (const char* nick : {"aaaaaaaa", "bbbbbbbb", "cccccccc"}) c.add_person(nick).come();
  CHECK(c.people[2]->offers == 0);
  c.people[0]->leave();
  CHECK(c.people[2]->offers == 1);
}

TEST_CASE("the region of the first people decides the bridge") {
  Pair c;
  c.add_bridge("eu-1", "eu").stats.stress = 0.1;
  FakeBridge& american = c.add_bridge("us-1", "us");
  american.stats.stress = 0.5;
  american.publish();
  c.alice.presence.region = c.bob.presence.region = "us";
  c.come();
  CHECK(american.requests.size() == 4);
  CHECK(c.alice.offer.bridge_session->region == "us");
}

TEST_CASE("people who send nothing are invited too") {
  Pair c;
  c.add_bridge();
  c.bob.sources = {};
  c.come();
  CHECK(c.focus.stats().accepts == 2);
  CHECK(c.alice.last_change.empty());
  const bool was_offered = jingle::sources_of(c.bob.offer, "?")->contains("aaaaaaaa");
  CHECK((was_offered || c.bob.last_change.contains("aaaaaaaa")));
}

TEST_CASE("a server that takes the connection and stays silent is left after ten seconds, and the focus tries again") {
  struct SilentServer : Process {
    void start(Instant, Outbox&) override {}
    void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
    void on_stream(Instant now, const StreamEvent& event, Outbox&) override {
      if (event.kind == StreamEvent::Kind::accepted) accepted.push_back(now);
      if (event.kind == StreamEvent::Kind::closed) closed.push_back(now);
    }
    void on_deadline(Instant, Outbox&) override {}
    Deadline deadline() const override { return {Instant::never(), "silent"}; }
    std::vector<Instant> accepted, closed;
  };
  const auto at = [](int64_t seconds) { return Instant::at(Duration::seconds(seconds)); };
  SilentServer silent;
  StanzaRouter router(Deployment::make_config());
  Focus focus(FocusConfig::embedded(Rng(3)));
  Wires wires;
  wires.attach(silent);
  wires.listen(silent, "xmpp-component");
  wires.attach(focus);
  wires.run(Duration::seconds(22));
  CHECK(silent.accepted == std::vector<Instant>{at(0), at(11)});  // 10 s, then 1 s until the next attempt
  CHECK(silent.closed == std::vector<Instant>{at(10), at(21)});
  CHECK(focus.stats().reconnects == 2);
  CHECK_FALSE(focus.ready());
  wires.attach(router);
  wires.listen(router, "xmpp-component");
  wires.run(Duration::seconds(30));
  CHECK(focus.ready());
  CHECK(focus.stats().reconnects == 2);
}
