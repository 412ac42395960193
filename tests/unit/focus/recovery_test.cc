// What goes on in place: ICE restarts, rooms that a new focus finds, and clients for which the bridge rewrites SSRCs.
#include <catch2/catch.hpp>

#include "tests/unit/focus/conference_fixture.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
struct Pair : Conference {
  explicit Pair(FocusConfig config = FocusConfig::embedded(Rng(3))) : Conference(std::move(config)) {
    add_bridge();
  }
  void come() {
    alice.come();
    bob.come();
    take_log();
  }
  Person& alice = add_person("aaaaaaaa");
  Person& bob = add_person("bbbbbbbb");
};

void lock(Person& owner, std::string_view secret) { owner.send(muc::make_config(kRoom, "lock", secret)); }

/// The focus is killed, and another takes its place.
Focus& replace_focus(Pair& c, std::unique_ptr<Focus>& next, uint64_t seed) {
  c.wires.detach(next ? *next : c.focus);
  c.wires.run();
  static std::vector<std::unique_ptr<Focus>> gone;  // the wires know them
  if (next) gone.push_back(std::move(next));
  next = std::make_unique<Focus>(FocusConfig::embedded(Rng(seed)));
  c.wires.attach(*next);
  c.wires.run(Duration::seconds(3));
  return *next;
}
}  // namespace

TEST_CASE("an ICE restart in place: new credentials of the bridge, then the client's, within the session") {
  Pair c;
  c.come();
  const std::string sid = c.alice.offer.sid;
  c.alice.restart_ice();
  CHECK(c.take_log() == Log{"aaaaaaaa < result ice-restart", "eu-1 < ice-restart aaaaaaaa", "aaaaaaaa < transport-info"});
  CHECK(c.bridges[0]->last_was_get);
  const jingle::Jingle& told = c.alice.last_transport;
  CHECK(told.sid == sid);
  REQUIRE(told.contents.size() == 1);
  CHECK(told.contents[0].name == "audio");
  REQUIRE(told.transport());
  CHECK(told.transport()->ice_generation == 1u);
  CHECK(told.transport()->ufrag == "baaaaaaaa1");
  CHECK(told.transport()->fingerprints.size() == 1);

  c.alice.send_transport(1, "again");
  CHECK(c.take_log() == Log{"aaaaaaaa < result transport", "eu-1 < transport aaaaaaaa"});
  const colibri2::ConferenceModify& update = c.bridges[0]->requests.back();
  REQUIRE((update.endpoints[0].transport && update.endpoints[0].transport->ice));
  CHECK(update.endpoints[0].transport->ice->ufrag == "again");
  CHECK_FALSE(update.endpoints[0].transport->ice_restart);
  CHECK_FALSE(update.endpoints[0].sources);  // those stay
  CHECK(c.alice.offers == 1);
  CHECK(c.focus.stats().ice_restarts_requested == 1);
  CHECK(c.focus.stats().ice_restarts_relayed == 1);
}

TEST_CASE("of two ICE restarts the answers to the first are not passed on") {
  Pair c;
  c.come();
  c.alice.restart_ice();
  c.wires.run(Duration::seconds(5));
  c.alice.restart_ice();
  CHECK(c.alice.last_transport.transport()->ice_generation == 2u);
  c.take_log();
  c.alice.send_transport(1, "stale");
  CHECK(c.take_log() == Log{"aaaaaaaa < result transport"});
  c.alice.send_transport(2, "fresh");
  CHECK(c.take_log() == Log{"aaaaaaaa < result transport", "eu-1 < transport aaaaaaaa"});
  c.bridges[0]->generations["aaaaaaaa"] = 0;  // its answer of before comes late
  c.wires.run(Duration::seconds(5));
  c.alice.restart_ice();
  CHECK(only(c.take_log(), "aaaaaaaa") == Log{"aaaaaaaa < result ice-restart"});
}

TEST_CASE("ICE restarts are refused out of turn, for another session, and too often") {
  Pair c;
  c.bob.accepts = false;
  c.come();
  c.bob.restart_ice();
  CHECK(c.bob.last_error == "unexpected-request");
  c.bob.send_transport(1, "bob1");
  CHECK(c.bob.last_error == "unexpected-request");
  c.alice.restart_ice("elsewhere");
  CHECK(c.alice.last_error == "item-not-found");
  c.alice.restart_ice();
  c.take_log();
  c.alice.restart_ice();  // within 5 s
  CHECK(c.alice.last_error == "resource-constraint");
  CHECK(c.take_log() == Log{"aaaaaaaa < error resource-constraint"});
  for (int i = 0; i < 4; ++i) {
    c.wires.run(Duration::seconds(6));
    c.alice.restart_ice();
  }
  CHECK(c.alice.last_transport.transport()->ice_generation == 5u);
  c.wires.run(Duration::seconds(6));
  c.alice.restart_ice();  // the sixth in a minute
  CHECK(c.alice.last_transport.transport()->ice_generation == 5u);
  CHECK(c.focus.stats().ice_restarts_refused == 2);
  // Restarts of the session have a budget of their own.
  c.alice.restart();
  CHECK(c.alice.offers == 2);
}

TEST_CASE("a transport that no bridge could use is refused, and costs the others nothing") {
  Pair c;
  c.come();
  const auto say = [&](jingle::IceTransport transport) {
    jingle::Jingle message;
    message.action = jingle::Action::transport_info;
    message.sid = c.alice.offer.sid;
    message.contents.emplace_back().name = "audio";
    message.contents[0].transport = std::move(transport);
    c.alice.last_error.clear();
    c.alice.send(message, "t");
    return c.alice.last_error;
  };
  jingle::IceTransport transport = make_transport("goodufrag", jingle::Setup::active);
  transport.pwd = "short";
  CHECK(say(transport) == "bad-request");
  transport = make_transport("no", jingle::Setup::active);
  CHECK(say(transport) == "bad-request");
  transport = make_transport("goodufrag", jingle::Setup::active);
  transport.fingerprints[0].hash = "sha-512";
  CHECK(say(transport) == "bad-request");
  CHECK(say({}) == "bad-request");
  CHECK(only(c.take_log(), "eu-1").empty());
  CHECK(say(make_transport("goodufrag", jingle::Setup::active)).empty());
  CHECK(only(c.take_log(), "eu-1") == Log{"eu-1 < transport aaaaaaaa"});
  CHECK(c.bob.offers == 1);
}

TEST_CASE("a bridge that does not restart ICE: kept, a new invitation, or judged as for any update") {
  {
    Pair c;  // not connected yet: it keeps what it has, and there is nothing to be told
    c.bridges[0]->keeps_ice = true;
    c.come();
    c.alice.restart_ice();
    CHECK(only(c.take_log(), "aaaaaaaa") == Log{"aaaaaaaa < result ice-restart"});
    CHECK(c.alice.offers == 1);
  }
  {
    Pair c;  // no transport in its answer: declined
    c.come();
    c.bridges[0]->without_transport = true;
    c.alice.restart_ice();
    CHECK(only(c.take_log(), "aaaaaaaa").at(1) == "aaaaaaaa < session-terminate success moving");
  }
  {
    Pair c;
    c.come();
    colibri2::Error error;
    error.condition = Condition::item_not_found;
    error.reason = colibri2::Reason::unknown_endpoint;
    error.endpoint = "aaaaaaaa";
    c.bridges[0]->refuse_updates = {error};
    c.alice.restart_ice();
    CHECK(c.alice.offers == 2);
    CHECK(c.bob.offers == 1);
  }
  {
    Pair c;  // silence: the client helps itself
    c.come();
    c.bridges[0]->is_silent = true;
    c.alice.restart_ice();
    c.wires.run(Duration::seconds(16));
    CHECK(c.alice.offers == 1);
  }
}

TEST_CASE("a focus that was killed finds its rooms again, though nobody asks") {
  Pair c;
  c.come();
  std::unique_ptr<Focus> next;
  Focus& focus = replace_focus(c, next, 4);
  CHECK(focus.stats().rooms_found == 1);
  CHECK(c.alice.offers == 2);
  CHECK(c.bob.offers == 2);
  CHECK(focus.stats().accepts == 2);
  CHECK(c.alice.focus_is_here);
}

TEST_CASE("a room that people have locked is found again, too") {
  Pair c;
  c.come();
  lock(c.alice, "sesame");
  std::unique_ptr<Focus> next;
  Focus& focus = replace_focus(c, next, 4);
  CHECK(focus.stats().rooms_found == 1);
  CHECK(c.alice.offers == 2);
  CHECK(focus.stats().sessions == 2);
  // It stays locked.
  Person& carol = c.add_person("cccccccc");
  carol.come();
  CHECK(carol.role == muc::Role::none);
  CHECK(carol.offers == 0);
}

TEST_CASE("rooms are found again after the stream to the server broke, once each") {
  Pair c;
  c.come();
  std::unique_ptr<Focus> next;
  replace_focus(c, next, 4);
  Focus& third = replace_focus(c, next, 5);
  CHECK(third.stats().conferences_created == 1);
  CHECK(c.alice.offers == 3);
}

TEST_CASE("no more rooms are found than the focus may have") {
  Pair c;
  c.come();
  c.wires.detach(c.focus);
  c.wires.run();
  FocusConfig config = FocusConfig::embedded(Rng(4));
  config.limits.conferences = 0;
  Focus next(config);
  c.wires.attach(next);
  c.wires.run(Duration::seconds(3));
  CHECK(next.ready());
  CHECK(next.stats().conferences == 0);
  CHECK(c.alice.offers == 1);
  c.wires.detach(next);
}

TEST_CASE("for a client that can do SSRC rewriting the bridge does it, and only its own sources are signalled") {
  Pair c;
  c.alice.features.features.emplace_back(kFeatureSsrcRewriting);
  c.come();
  const colibri2::Endpoint& created = c.bridges[0]->requests.at(0).endpoints[0];
  CHECK(created.capabilities == std::vector<std::string>{"source-names", "ssrc-rewriting"});
  for (const colibri2::ConferenceModify& request : c.bridges[0]->requests)
    if (request.endpoints[0].create && request.endpoints[0].id == "bbbbbbbb")
      CHECK(request.endpoints[0].capabilities == std::vector<std::string>{"source-names"});
  c.alice.restart();  // while Bob is there
  const auto offered = jingle::sources_of(c.alice.offer, "?");
  REQUIRE(offered);
  REQUIRE(offered->size() == 1);
  CHECK(offered->begin()->first == jingle::kBridgeOwner);
  CHECK(only(c.take_log(), "bbbbbbbb") == Log{"bbbbbbbb < source-remove aaaaaaaa", "bbbbbbbb < source-add aaaaaaaa"});
  // What others do reaches her by the bridge, what she does reaches the others by us.
  c.take_log();
  jingle::SourceSet screen;
  screen.video = jingle::make_sources("bbbbbbbb", Ssrc(501), Ssrc(502), Ssrc(503)).video;
  screen.video.sources[0].name = screen.video.sources[1].name = "bbbbbbbb-v1";
  for (auto& source : screen.video.sources) source.msid = "screen-1 track-1";
  c.bob.change_sources(jingle::Action::source_add, screen);
  CHECK(c.take_log() == Log{"bbbbbbbb < result sources", "eu-1 < sources bbbbbbbb"});
  c.bob.leave();
  CHECK(only(c.take_log(), "aaaaaaaa").empty());
}

TEST_CASE("SSRC rewriting is left alone where the configuration says so") {
  FocusConfig config = FocusConfig::embedded(Rng(3));
  config.use_ssrc_rewriting = false;
  Pair c(config);
  c.alice.features.features.emplace_back(kFeatureSsrcRewriting);
  c.come();
  CHECK(c.bridges[0]->requests.at(0).endpoints[0].capabilities == std::vector<std::string>{"source-names"});
  c.alice.restart();
  CHECK(jingle::sources_of(c.alice.offer, "?")->contains("bbbbbbbb"));
}

TEST_CASE("rooms that a focus before was in are looked at, and entered where people are") {
  Pair c;
  c.come();
  CHECK(c.focus.rooms() == std::vector<std::string>{"r@conference.tacoma.test"});
  c.wires.detach(c.focus);
  c.wires.run();
  FocusConfig config = FocusConfig::embedded(Rng(4));
  config.rooms_before = {"r@conference.tacoma.test", "gone@conference.tacoma.test", "", "x@elsewhere.example", "r@conference.tacoma.test/aaaaaaaa", "conference.tacoma.test"};
  Focus next(config);
  c.wires.attach(next);
  c.wires.run(Duration::seconds(3));
  CHECK(next.rooms() == std::vector<std::string>{"r@conference.tacoma.test"});
  CHECK(next.stats().conferences_created == 1);
  CHECK(c.alice.offers == 2);
  c.wires.detach(next);
}
