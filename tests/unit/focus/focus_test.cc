// The life of a conference in which nothing goes wrong.
#include <catch2/catch.hpp>

#include "tests/unit/focus/conference_fixture.h"

using namespace tacoma;
using namespace tacoma::test;

TEST_CASE("the focus enters the brewery and counts the bridges there") {
  Conference c;
  CHECK(c.focus.ready());
  CHECK(c.focus.stats().bridges == 0);
  FakeBridge& bridge = c.add_bridge();
  CHECK(c.focus.stats().bridges == 1);
  bridge.leave();
  CHECK(c.focus.stats().bridges == 0);
  CHECK(c.focus.stats().lost_bridges == 1);
}

TEST_CASE("the first request makes the focus create the room before it answers ready") {
  Conference c;
  Person& alice = c.add_person("aaaaaaaa");
  c.enter(alice.client);
  alice.ask();
  CHECK(alice.ready);
  CHECK(alice.focus_jid == "focus@focus.tacoma.test");
  CHECK(c.router.stats().rooms_created == 2);  // the brewery too
  alice.enter_room();
  CHECK(alice.focus_is_here);
  CHECK(alice.focus_real_jid == "focus@focus.tacoma.test/focus");
  REQUIRE(alice.focus_presence.properties.size() >= 1);
  CHECK(alice.focus_presence.properties[0] == std::pair<std::string, std::string>("support-terminate-restart", "true"));
  CHECK(c.focus.stats().conferences == 1);
  CHECK(c.focus.stats().participants == 1);
}

TEST_CASE("two people are invited in the order of the protocol") {
  Conference c;
  FakeBridge& bridge = c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  alice.come();
  CHECK(c.take_log() == Log{"aaaaaaaa < conference ready=true", "aaaaaaaa < disco#info"});
  CHECK(alice.role == muc::Role::moderator);  // the first one is made owner
  CHECK(bridge.requests.empty());             // nobody is invited alone

  bob.come();
  CHECK(bob.role == muc::Role::participant);
  const Log log = c.take_log();
  CHECK(only(log, "eu-1") == Log{"eu-1 < create aaaaaaaa new conference", "eu-1 < create bbbbbbbb", "eu-1 < transport aaaaaaaa",
                                 "eu-1 < transport bbbbbbbb"});
  CHECK(only(log, "aaaaaaaa") == Log{"aaaaaaaa < session-initiate", "aaaaaaaa < result accept", "aaaaaaaa < source-add bbbbbbbb"});
  CHECK(only(log, "bbbbbbbb").front() == "bbbbbbbb < conference ready=true");
  const FocusStats stats = c.focus.stats();
  CHECK(stats.sessions == 2);
  CHECK(stats.invites == 2);
  CHECK(stats.accepts == 2);
  CHECK(stats.re_invites == 0);
  CHECK(bridge.last_was_get);
}

TEST_CASE("the offer holds what a stock client looks for") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  Person& carol = c.add_person("cccccccc");
  alice.come();
  bob.come();
  carol.features.features.push_back(std::string(kFeatureJsonSources));
  carol.come();
  const jingle::Jingle& offer = bob.offer;
  CHECK(offer.initiator == "r@conference.tacoma.test/focus");
  CHECK(offer.responder == "r@conference.tacoma.test/bbbbbbbb");
  CHECK(offer.bundle == std::vector<std::string>{"audio", "video"});
  REQUIRE(offer.bridge_session);
  CHECK(offer.bridge_session->region == "eu");
  for (const char* name : {"audio", "video"}) {
    const jingle::Content* content = offer.content(name);
    REQUIRE(content);
    CHECK(content->rtcp_mux);
    REQUIRE(content->transport);
    CHECK(content->transport->ufrag == "bbbbbbbbb");
    CHECK(content->transport->fingerprints.at(0).setup == jingle::Setup::actpass);
    CHECK(content->formats == (content->name == "audio" ? jingle::offered_audio() : jingle::offered_video()));
  }
  const auto in_bobs = jingle::sources_of(offer, "?");
  REQUIRE(in_bobs);
  REQUIRE(in_bobs->contains("jvb"));
  CHECK(in_bobs->at("jvb") == jingle::make_feedback_sources(Ssrc(1), Ssrc(2)));

  REQUIRE(carol.offer.json_sources);
  CHECK(carol.offer.json_sources->size() == 3);  // jvb and the two others
  CHECK(carol.offer.json_sources->at("aaaaaaaa") == alice.sources);
  CHECK_FALSE(carol.offer.json_sources->contains("cccccccc"));
  CHECK(alice.last_change.begin()->first == "cccccccc");
  CHECK(alice.last_change.at("cccccccc") == carol.sources);
  CHECK_FALSE(alice.last_change_was_json);
  CHECK(alice.offer.sid != bob.offer.sid);
}

TEST_CASE("redundant audio is offered to those who say that they take it, and the bridge is told the same") {
  Conference c;
  FakeBridge& bridge = c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  bob.features.features.emplace_back(kFeatureOpusRed);
  alice.come();
  bob.come();
  CHECK(alice.offer.content("audio")->formats == jingle::offered_audio());
  const jingle::MediaFormats& audio = bob.offer.content("audio")->formats;
  REQUIRE(audio == jingle::offered_redundant_audio());
  // Browsers send what comes first, and copies of sound that repeats itself already would be too many.
  CHECK(audio.payload_types.at(0).name == "red");
  CHECK(audio.payload_types.at(0).parameters == std::vector<jingle::Parameter>{{"", "111/111"}});
  CHECK(audio.find("opus")->parameter("useinbandfec").empty());
  size_t told = 0;
  for (const colibri2::ConferenceModify& request : bridge.requests)
    for (const colibri2::Endpoint& endpoint : request.endpoints) {
      if (endpoint.id != "bbbbbbbb" || !endpoint.formats(jingle::Media::audio)) continue;
      CHECK(*endpoint.formats(jingle::Media::audio) == audio);
      ++told;
    }
  CHECK(told > 0);
}

TEST_CASE("feedback by RFC 8888 is offered to those who say that they report so, in place of the transport-wide one") {
  Conference c;
  FakeBridge& bridge = c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  bob.features.features.emplace_back(kFeatureCcfb);
  alice.come();
  bob.come();
  for (const char* name : {"audio", "video"}) {
    CHECK_FALSE(alice.offer.content(name)->formats.has_ccfb());
    const jingle::MediaFormats& formats = bob.offer.content(name)->formats;
    CHECK(formats.has_ccfb());
    for (const jingle::PayloadType& type : formats.payload_types) CHECK_FALSE(type.has_feedback("transport-cc"));
    CHECK(formats.extension(jingle::kExtTransportCc));  // packets are numbered all the same
  }
  for (const colibri2::ConferenceModify& request : bridge.requests)
    for (const colibri2::Endpoint& endpoint : request.endpoints)
      if (const jingle::MediaFormats* video = endpoint.formats(jingle::Media::video)) CHECK(video->has_ccfb() == (endpoint.id == "bbbbbbbb"));
}

TEST_CASE("a client that does not answer disco#info is offered audio and video without extras") {
  Conference c;
  FakeBridge& bridge = c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  bob.answers_disco = false;
  alice.come();
  bob.come();
  CHECK(bob.offers == 0);
  c.wires.run(Duration::seconds(5));
  REQUIRE(bob.offers == 1);
  const jingle::MediaFormats& video = bob.offer.content("video")->formats;
  CHECK(video.find("VP8") != nullptr);
  CHECK(video.find("rtx") == nullptr);
  CHECK_FALSE(video.extension(jingle::kExtTransportCc));
  CHECK_FALSE(video.find("VP8")->has_feedback("transport-cc"));
  // The bridge is told the same.
  const colibri2::Endpoint& endpoint = bridge.requests.at(bridge.requests.size() - 2).endpoints.at(0);
  CHECK(endpoint.id == "bbbbbbbb");
  REQUIRE(endpoint.formats(jingle::Media::video));
  CHECK(*endpoint.formats(jingle::Media::video) == video);
}

TEST_CASE("features are asked for once per capability hash, and only where the hash holds") {
  Conference c;
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  Person& liar = c.add_person("cccccccc");
  Person& victim = c.add_person("dddddddd");
  for (Person* person : {&alice, &bob}) {
    person->presence.caps_node = "https://jitsi.org/jitsi-meet";
    person->presence.caps_ver = caps_verification(person->features);
  }
  for (Person* person : {&liar, &victim}) {
    person->presence.caps_node = "https://jitsi.org/jitsi-meet";
    person->presence.caps_ver = "made-up";
  }
  for (Person* person : {&alice, &bob, &liar, &victim}) person->come();
  const Log log = c.take_log();
  CHECK(only(log, "aaaaaaaa < disco").size() == 1);
  CHECK(only(log, "bbbbbbbb < disco").empty());
  CHECK(only(log, "cccccccc < disco").size() == 1);
  CHECK(only(log, "dddddddd < disco").size() == 1);
}

TEST_CASE("the colibri2 requests carry what a stock bridge wants") {
  Conference c;
  FakeBridge& bridge = c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  alice.presence.stats_id = "Eve-x1";
  alice.come();
  bob.come();
  const colibri2::ConferenceModify& create = bridge.requests.at(0);
  CHECK(create.create);
  CHECK(create.meeting_id.size() == 36);
  CHECK(create.name == "r@conference.tacoma.test");
  const colibri2::Endpoint& endpoint = create.endpoints.at(0);
  CHECK(endpoint.create);
  CHECK(endpoint.stats_id == "Eve-x1");
  CHECK(endpoint.has_capability(colibri2::kCapSourceNames));
  CHECK_FALSE(endpoint.sources);
  REQUIRE(endpoint.transport);
  CHECK(endpoint.transport->ice_controlling == true);
  CHECK_FALSE(endpoint.transport->sctp);
  CHECK(endpoint.media.size() == 2);
  CHECK_FALSE(bridge.requests.at(1).create);
  const colibri2::Endpoint& accepted = bridge.requests.at(2).endpoints.at(0);
  REQUIRE(accepted.transport);
  CHECK(accepted.transport->ice->ufrag == "paaaaaaaa");
  REQUIRE(accepted.sources);
  CHECK(colibri2::to_source_set(*accepted.sources, "aaaaaaaa") == alice.sources);
}

TEST_CASE("who leaves is expired on the bridge and taken from the others") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  Person& carol = c.add_person("cccccccc");
  for (Person* person : {&alice, &bob, &carol}) person->come();
  c.take_log();
  carol.leave();
  CHECK(c.take_log() == Log{"eu-1 < expire cccccccc", "aaaaaaaa < source-remove cccccccc", "bbbbbbbb < source-remove cccccccc"});
  CHECK(alice.last_change.at("cccccccc") == carol.sources);
  c.wires.detach(bob.client);  // vanishes without a word
  c.wires.run();
  CHECK(c.take_log() == Log{"eu-1 < expire bbbbbbbb", "aaaaaaaa < source-remove bbbbbbbb"});
  CHECK(c.focus.stats().participants == 1);
}

TEST_CASE("one left alone is sent away after 20 s and invited again when company comes") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  alice.come();
  bob.come();
  bob.leave();
  c.take_log();
  c.wires.run(Duration::milliseconds(19'900));
  CHECK(only(c.take_log(), "aaaaaaaa").empty());
  c.wires.run(Duration::milliseconds(200));
  const Log log = c.take_log();
  CHECK(only(log, "aaaaaaaa") == Log{"aaaaaaaa < session-terminate expired"});
  CHECK(only(log, "eu-1 < expire") == Log{"eu-1 < expire aaaaaaaa"});
  CHECK(c.focus.stats().expired_alone == 1);
  CHECK(c.focus.stats().sessions == 0);
  bob.enter_room();
  CHECK(alice.offers == 2);
  CHECK(c.focus.stats().sessions == 2);
  CHECK(only(c.take_log(), "eu-1 < create aaaaaaaa") == Log{"eu-1 < create aaaaaaaa new conference"});
}

TEST_CASE("one left alone stays when company comes back in time") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  alice.come();
  bob.come();
  bob.leave();
  c.wires.run(Duration::seconds(15));
  bob.enter_room();
  c.wires.run(Duration::seconds(60));
  CHECK(c.focus.stats().expired_alone == 0);
  CHECK(alice.offers == 1);
  CHECK(bob.offers == 2);
}

TEST_CASE("an empty room is left after 15 s and forgotten, and can begin anew") {
  Conference c;
  Person& alice = c.add_person("aaaaaaaa");
  alice.come();
  alice.leave();
  c.wires.run(Duration::seconds(14));
  CHECK(c.focus.stats().conferences == 1);
  alice.ask();  // the time begins anew
  c.wires.run(Duration::seconds(14));
  CHECK(c.focus.stats().conferences == 1);
  c.wires.run(Duration::seconds(2));
  CHECK(c.focus.stats().conferences == 0);
  CHECK(c.router.stats().rooms == 1);  // the brewery
  alice.ask();
  alice.enter_room();
  CHECK(alice.focus_is_here);
  CHECK(c.focus.stats().conferences_created == 2);
}

TEST_CASE("when the last owner leaves, the next one becomes owner") {
  Conference c;
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  Person& carol = c.add_person("cccccccc");
  for (Person* person : {&alice, &bob, &carol}) person->come();
  CHECK(bob.role == muc::Role::participant);
  alice.leave();
  CHECK(bob.role == muc::Role::moderator);
  CHECK(carol.role == muc::Role::participant);
}

TEST_CASE("moderators mute others, nobody else does, and nobody is unmuted by another") {
  Conference c;
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  alice.come();
  bob.come();
  c.take_log();
  const auto mute = [](Person& sender, std::string_view victim, std::string_view value) {
    Element iq = make_iq("set", kRoom.with_resource("focus"), "mute");
    Element& child = iq.add("mute", "http://jitsi.org/jitmeet/audio");
    child.set("jid", kRoom.with_resource(victim).to_string());
    child.text = value;
    sender.send(iq);
  };
  mute(alice, "bbbbbbbb", "true");
  CHECK(c.take_log() == Log{"aaaaaaaa < result mute", "bbbbbbbb < mute audio by r@conference.tacoma.test/aaaaaaaa"});
  mute(bob, "aaaaaaaa", "true");
  CHECK(bob.last_error == "forbidden");
  mute(alice, "bbbbbbbb", "false");
  CHECK(alice.last_error == "forbidden");
  mute(alice, "nobody", "true");
  CHECK(alice.last_error == "item-not-found");
}

TEST_CASE("who asks outside XMPP is answered as within, once the focus is in the room") {
  Conference c;
  ConferenceRequest request;
  request.room = kRoom;
  const uint64_t number = c.request_outside(request);
  auto answer = c.focus.poll_answer();
  REQUIRE(answer);
  CHECK(answer->number == number);
  REQUIRE(answer->answer);
  CHECK(answer->answer->ready);
  CHECK(answer->answer->focus_jid == "focus@focus.tacoma.test");
  CHECK_FALSE(c.focus.poll_answer());

  request.room = jid("r@elsewhere.example");
  c.request_outside(request);
  answer = c.focus.poll_answer();
  REQUIRE(answer);
  REQUIRE_FALSE(answer->answer);
  CHECK(answer->answer.error().condition == Condition::bad_request);
}

TEST_CASE("wrong conference requests are refused, each for its reason") {
  Conference c;
  Client client(anonymous(), 50);
  c.enter(client);
  const auto ask = [&](std::string_view room) {
    Element iq = make_iq("set", jid(deployment::kFocusDomain), "x");
    iq.add("conference", ns::kFocus).set("room", room);
    client.send(iq);
    c.wires.run();
    return last_error(client);
  };
  CHECK(ask("") == "bad-request");
  CHECK(ask("r@elsewhere.example") == "bad-request");
  CHECK(ask("conference.tacoma.test") == "bad-request");
  CHECK(ask("ok@conference.tacoma.test") == "-");
  client.send(make_ping(jid(deployment::kFocusDomain), "p"));
  c.wires.run();
  CHECK(last_error(client) == "-");
  Element unknown = make_iq("get", jid(deployment::kFocusDomain), "u");
  unknown.add("query", "urn:example");
  client.send(unknown);
  c.wires.run();
  CHECK(last_error(client) == "service-unavailable");
}

TEST_CASE("the same seed gives the same conference") {
  const auto run = [](uint64_t seed) {
    Conference c(FocusConfig::embedded(Rng(seed)));
    FakeBridge& bridge = c.add_bridge();
    c.add_person("aaaaaaaa").come();
    c.add_person("bbbbbbbb").come();
    return bridge.last_meeting + c.people[0]->offer.sid + c.people[1]->offer.sid;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}
