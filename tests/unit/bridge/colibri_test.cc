// The life of a conference by colibri2, and each way to be refused.
#include <catch2/catch.hpp>

#include "core/signal/disco.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;
using colibri2::Reason;

namespace {
void check_refused(const Result<colibri2::ConferenceModified, colibri2::Error>& answer, Condition condition, Reason reason = Reason::none,
                   std::string_view endpoint = {}) {
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == condition);
  CHECK(answer.error().reason == reason);
  CHECK(answer.error().endpoint == endpoint);
}
}  // namespace

TEST_CASE("the bridge joins its brewery and publishes what a focus reads") {
  Harness h;
  REQUIRE(h.presence);
  CHECK_FALSE(h.presence->drain);
  CHECK(h.presence->version == "7.7");
  CHECK(h.presence->region == "eu");
  CHECK(h.presence->endpoints == 0);
  CHECK(h.presences == 1);
  h.run(Duration::seconds(11));
  CHECK(h.presences == 3);
  h.join("m", "aaaaaaaa");
  h.run(Duration::seconds(5));
  CHECK(h.presence->endpoints == 1);
  CHECK(h.presence->conferences == 1);
  h.shut_down_gracefully();
  h.run(Duration::seconds(5));
  CHECK(h.presence->graceful_shutdown);
}

TEST_CASE("pings, discovery, version and health checks are answered") {
  Harness h;
  CHECK(h.ask(make_ping(Jid(), "x"), "auth.tacoma.test").attr("type") == "result");
  const auto info = parse_disco(h.ask(make_disco_query(Jid(), "x")));
  REQUIRE(info);
  CHECK(info->has("http://jitsi.org/protocol/healthcheck"));
  CHECK(info->has("urn:xmpp:jingle:transports:ice-udp:1"));
  CHECK(info->has("urn:xmpp:jingle:apps:dtls:0"));
  CHECK(info->has("jabber:iq:version"));
  Element version = make_iq("get", Jid(), "x");
  version.add("query", "jabber:iq:version");
  CHECK(h.ask(version).child("query", "jabber:iq:version")->child_text("version", "jabber:iq:version") == "7.7");
  CHECK(h.ask(make_healthcheck(Jid(), "x")).attr("type") == "result");
  Element odd = make_iq("set", Jid(), "x");
  odd.add("whatever", "urn:odd");
  CHECK(parse_error(h.ask(odd)).condition == Condition::feature_not_implemented);
}

TEST_CASE("only occupants of the brewery may ask for anything") {
  Harness h;
  auto request = Harness::conference("m", true);
  request.endpoints = {Harness::new_endpoint("aaaaaaaa")};
  const Element iq = colibri2::make_request(Jid(), "x", request);
  for (const char* stranger : {"mallory@tacoma.test/x", "jvbbrewery@internal.auth.tacoma.test", "other@internal.auth.tacoma.test/focus"}) {
    const Element answer = h.ask(iq, stranger);
    REQUIRE(answer.attr("type") == "error");
    CHECK(parse_error(answer).condition == Condition::forbidden);
    CHECK(parse_error(h.ask(make_healthcheck(Jid(), "x"), stranger)).condition == Condition::forbidden);
  }
  CHECK(h.bridge->stats().conferences == 0);
  CHECK(h.counts().drops[Drop::signalling_unexpected] == 6);
}

TEST_CASE("an allocation answers with transport and feedback sources; type set is taken like get") {
  Harness h;
  auto request = Harness::conference("m", true);
  request.endpoints = {Harness::new_endpoint("aaaaaaaa")};
  Element iq = colibri2::make_request(Jid(), "x", request);
  iq.set("type", "set");
  const auto answer = colibri2::parse_answer(h.ask(iq));
  REQUIRE(answer);
  REQUIRE(answer->endpoints.size() == 1);
  const auto& transport = answer->endpoints[0].transport;
  REQUIRE((transport && transport->ice));
  CHECK(transport->ice->ufrag.size() >= 4);
  CHECK(transport->ice->pwd.size() >= 22);
  CHECK(transport->ice->rtcp_mux);
  REQUIRE(transport->ice->fingerprints.size() == 1);
  CHECK(transport->ice->fingerprints[0].setup == jingle::Setup::actpass);
  REQUIRE(answer->sources.size() == 2);
  CHECK(answer->sources[0].id == "jvb-a0");
  CHECK(answer->sources[1].id == "jvb-v0");

  auto update = Harness::conference("m");
  update.endpoints = {{}};
  update.endpoints[0].id = "aaaaaaaa";
  update.endpoints[0].sources.emplace();
  const auto updated = h.modify(update);
  REQUIRE(updated);
  CHECK_FALSE(updated->endpoints[0].transport);
  CHECK(updated->sources.empty());
}

TEST_CASE("keys follow the seed only where a configuration asks for it") {
  const auto password_with = [](SecureRandomness randomness) {
    Harness h(Crypto::null, [randomness](BridgeConfig& c) { c.randomness = randomness; });
    auto r = Harness::conference("m", true);
    r.endpoints.push_back(Harness::new_endpoint("aaaaaaaa"));
    const auto answer = h.modify(r);
    REQUIRE(answer);
    return answer->endpoints.at(0).transport->ice->pwd;
  };
  CHECK(password_with(SecureRandomness::seeded) == password_with(SecureRandomness::seeded));
  CHECK(password_with(BridgeConfig().randomness) != password_with(BridgeConfig().randomness));
}

TEST_CASE("the table of refusals") {
  Harness h;
  const auto create = [&](std::string_view meeting, std::string_view id, bool new_conference) {
    auto r = Harness::conference(meeting, new_conference);
    r.endpoints = {Harness::new_endpoint(id)};
    return r;
  };
  check_refused(h.modify(create("m", "aaaaaaaa", false)), Condition::item_not_found, Reason::conference_not_found);
  REQUIRE(h.modify(create("m", "aaaaaaaa", true)));
  check_refused(h.modify(create("m", "bbbbbbbb", true)), Condition::conflict, Reason::conference_already_exists);
  check_refused(h.modify(create("m", "aaaaaaaa", false)), Condition::conflict);

  auto r = create("m", "bbbbbbbb", false);
  r.endpoints[0].transport.reset();
  check_refused(h.modify(r), Condition::bad_request);
  r = create("m", "bbbbbbbb", false);
  r.endpoints[0].capabilities.clear();
  check_refused(h.modify(r), Condition::bad_request);
  r = create("m", "bbbbbbbb", false);
  r.endpoints[0].create = false;
  check_refused(h.modify(r), Condition::item_not_found, Reason::unknown_endpoint, "bbbbbbbb");
  r = create("m", "bbbbbbbb", false);
  r.endpoints[0].muc_role = "visitor";
  r.endpoints[0].sources = colibri2::to_media_sources(jingle::make_sources("bbbbbbbb", Ssrc(1), Ssrc(), Ssrc()));
  check_refused(h.modify(r), Condition::bad_request);

  r = create("m", "bbbbbbbb", false);
  r.relays = {{"relay", "mesh", true, false}};
  check_refused(h.modify(r), Condition::feature_not_implemented, Reason::feature_not_implemented);
  r = create("m", "bbbbbbbb", false);
  r.has_connects = true;
  check_refused(h.modify(r), Condition::feature_not_implemented, Reason::feature_not_implemented);
  r = create("m", "bbbbbbbb", false);
  r.endpoints.push_back(Harness::new_endpoint("cccccccc"));
  check_refused(h.modify(r), Condition::feature_not_implemented, Reason::feature_not_implemented);

  r = create("m", "bbbbbbbb", false);
  r.endpoints[0].transport->ice.emplace();
  r.endpoints[0].transport->ice->ufrag = "abcd";
  r.endpoints[0].transport->ice->pwd = "abcdefghijklmnopqrstuvwx";
  r.endpoints[0].transport->ice->fingerprints = {{"md5", "AA:BB", jingle::Setup::active}};
  check_refused(h.modify(r), Condition::bad_request);
  r.endpoints[0].transport->ice->fingerprints.clear();  // and none known from before
  check_refused(h.modify(r), Condition::bad_request);
  r.endpoints[0].transport->ice->fingerprints = {{"sha-256", Fingerprint().to_string(), jingle::Setup::active}};
  r.endpoints[0].transport->ice->pwd = "short";
  check_refused(h.modify(r), Condition::bad_request);
  r = create("m", "bbbbbbbb", false);
  r.endpoints[0].sources = colibri2::to_media_sources(jingle::make_sources("bbbbbbbb", Ssrc(9), Ssrc(9), Ssrc(10)));
  check_refused(h.modify(r), Condition::bad_request);

  Element malformed = make_iq("get", Jid(), "x");
  malformed.add("conference-modify", ns::kColibri2);  // without meeting-id
  CHECK(parse_error(h.ask(malformed)).condition == Condition::bad_request);

  // Nothing of all this left a trace.
  CHECK(h.bridge->stats().conferences == 1);
  CHECK(h.bridge->stats().endpoints == 1);

  h.shut_down_gracefully();
  check_refused(h.modify(create("n", "dddddddd", true)), Condition::service_unavailable, Reason::graceful_shutdown);
  CHECK(h.modify(create("m", "dddddddd", false)));  // what runs may grow

  auto end = Harness::conference("nowhere");
  end.expire = true;
  check_refused(h.modify(end), Condition::item_not_found, Reason::conference_not_found);
}

TEST_CASE("an SSRC belongs to one endpoint of a conference") {
  Harness h;
  h.join("m", "aaaaaaaa");
  h.join("m", "bbbbbbbb");
  auto r = Harness::conference("m");
  r.endpoints = {{}};
  r.endpoints[0].id = "bbbbbbbb";
  r.endpoints[0].sources = colibri2::to_media_sources(jingle::make_sources("bbbbbbbb", h.clients[0]->audio, Ssrc(), Ssrc()));
  check_refused(h.modify(r), Condition::bad_request);
}

TEST_CASE("endpoints expire by request, the last takes the conference with it") {
  Harness h;
  h.join("m", "aaaaaaaa");
  h.join("m", "bbbbbbbb");
  auto both = Harness::conference("m");
  both.endpoints.resize(3);
  both.endpoints[0].id = "aaaaaaaa";
  both.endpoints[1].id = "unknown1";
  both.endpoints[2].id = "bbbbbbbb";
  for (auto& e : both.endpoints) e.expire = true;
  const auto answer = h.modify(both);
  REQUIRE(answer);
  REQUIRE(answer->endpoints.size() == 3);
  for (const auto& e : answer->endpoints) CHECK(e.expire);
  CHECK(h.bridge->stats().conferences == 0);
  CHECK(h.bridge->stats().endpoints == 0);
  CHECK(h.clients[0]->was_closed);

  // One goes while another comes: the conference lives on.
  h.join("o", "dddddddd");
  auto swap = Harness::conference("o");
  swap.endpoints = {{}, Harness::new_endpoint("eeeeeeee")};
  swap.endpoints[0].id = "dddddddd";
  swap.endpoints[0].expire = true;
  const auto swapped = h.modify(swap);
  REQUIRE(swapped);
  CHECK(swapped->endpoints.at(0).expire);
  CHECK(swapped->endpoints.at(1).transport);
  REQUIRE(h.bridge->conferences().size() == 1);
  CHECK(h.bridge->conferences()[0].endpoints == std::vector<std::string>{"eeeeeeee"});
  h.expire("o", "eeeeeeee");

  h.join("n", "cccccccc");
  auto end = Harness::conference("n");
  end.expire = true;
  REQUIRE(h.modify(end));
  CHECK(h.bridge->stats().conferences == 0);
}

TEST_CASE("limits of conferences and endpoints are kept") {
  Harness h(Crypto::null, [](BridgeConfig& c) { c.limits.conferences = 2; c.limits.endpoints = 3; });
  const auto create = [&](std::string_view meeting, std::string_view id, bool new_conference) {
    auto r = Harness::conference(meeting, new_conference);
    r.endpoints = {Harness::new_endpoint(id)};
    return h.modify(r);
  };
  REQUIRE(create("m", "a", true));
  REQUIRE(create("n", "a", true));
  check_refused(create("o", "a", true), Condition::resource_constraint);
  REQUIRE(create("m", "b", false));
  check_refused(create("m", "c", false), Condition::resource_constraint);
}

TEST_CASE("a lost brewery stream is opened again, later and later") {
  Harness h;
  h.join("m", "aaaaaaaa");
  CHECK(h.streams_opened == 1);
  h.refuse_stream = true;
  h.close_stream();
  h.run(Duration::seconds(120));
  CHECK(h.streams_opened >= 6);
  CHECK(h.streams_opened <= 9);
  h.refuse_stream = false;
  h.run(Duration::seconds(40));
  CHECK(h.presence);
  const uint32_t before = h.presences;
  h.run(Duration::seconds(6));
  CHECK(h.presences > before);
  CHECK(h.bridge->stats().xmpp_disconnects >= 6);
}

TEST_CASE("an oversized stanza of the server costs the bridge its stream, not its conferences, and it logs in again") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  h.say_on_stream("<message xmlns='jabber:client' from='jvbbrewery@internal.auth.tacoma.test/focus'><body>" + std::string(300 * 1024, 'x') + "</body></message>");
  CHECK(h.bridge->stats().xmpp_disconnects == 1);
  CHECK(h.counts().drops[Drop::signalling_malformed] == 1);
  a.send_audio(h.now, 20);
  h.settle();
  CHECK(b.of(a.audio).size() == 1);
  h.presence.reset();
  h.run(Duration::seconds(10));
  CHECK(h.streams_opened == 2);
  CHECK(h.presence);
}

TEST_CASE("an ICE restart gives new credentials and the path goes on") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  auto r = Harness::conference("m");
  r.endpoints = {{}};
  r.endpoints[0].id = "aaaaaaaa";
  r.endpoints[0].transport.emplace();
  r.endpoints[0].transport->ice_restart = true;
  const auto answer = h.modify(r);
  REQUIRE(answer);
  REQUIRE((answer->endpoints[0].transport && answer->endpoints[0].transport->ice));
  const auto& ice = *answer->endpoints[0].transport->ice;
  CHECK(ice.ice_generation == 1u);
  a.path.restart_ice(h.now);
  const std::vector<IceCandidate> candidates = {{ice.candidates.at(0).address, ice.candidates[0].priority}};
  a.path.set_remote(h.now, {ice.ufrag, ice.pwd}, candidates, *Fingerprint::parse(ice.fingerprints.at(0).value), DtlsSetup::actpass, a.out);
  auto update = Harness::conference("m");
  update.endpoints = {{}};
  update.endpoints[0].id = "aaaaaaaa";
  update.endpoints[0].transport.emplace();
  update.endpoints[0].transport->ice.emplace();
  update.endpoints[0].transport->ice->ufrag = a.path.credentials().ufrag;
  update.endpoints[0].transport->ice->pwd = a.path.credentials().pwd;
  // No fingerprint: the one from before stands.
  REQUIRE(h.modify(update));
  h.run(Duration::seconds(2));
  CHECK(a.path.ready());
  a.send_audio(h.now, 30);
  h.settle();
  CHECK(b.of(a.audio).size() == 1);
  CHECK(h.bridge->stats().ice_succeeded == 3);
}
