// Which sources are accepted, and who is told of them.
#include <catch2/catch.hpp>

#include "focus/engine/room.h"
#include "focus/engine/sources.h"
#include "tests/unit/focus/conference_fixture.h"

using namespace tacoma;
using namespace tacoma::test;
using tacoma::focus::SourceMap;

namespace {

jingle::Source make_source(uint32_t ssrc, std::string name, std::string msid) {
  jingle::Source source;
  source.ssrc = Ssrc(ssrc);
  source.owner = name.substr(0, name.find('-'));
  source.name = std::move(name);
  source.msid = std::move(msid);
  return source;
}

/// Three layers with their retransmissions: 1 2 3, rtx 11 12 13.
jingle::SourceSet make_simulcast(const std::string& owner, uint32_t base) {
  jingle::SourceSet set;
  for (uint32_t i : {1u, 2u, 3u, 11u, 12u, 13u})
    set.video.sources.push_back(make_source(base + i, owner + "-v0", owner + "-video-0 track"));
  set.video.groups.push_back({jingle::GroupSemantics::sim, {Ssrc(base + 1), Ssrc(base + 2), Ssrc(base + 3)}});
  for (uint32_t i : {1u, 2u, 3u}) set.video.groups.push_back({jingle::GroupSemantics::fid, {Ssrc(base + i), Ssrc(base + 10 + i)}});
  return set;
}

std::string refusal(const Result<void, StanzaError>& result) { return result ? "" : std::string(name_of(result.error().condition)); }

}  // namespace

TEST_CASE("a source map keeps SSRCs and streams unique") {
  SourceMap map(20);
  const jingle::SourceSet alice = jingle::make_sources("alice", Ssrc(1), Ssrc(2), Ssrc(3));
  CHECK(refusal(map.try_add("alice", alice)) == "");
  CHECK(map.of("alice") == alice);
  CHECK(refusal(map.try_add("alice", alice)) == "bad-request");  // again
  jingle::SourceSet same_ssrc;
  same_ssrc.audio.sources.push_back(make_source(2, "bob-a0", "bob-audio track"));
  CHECK(refusal(map.try_add("bob", same_ssrc)) == "bad-request");
  jingle::SourceSet same_stream;
  same_stream.audio.sources.push_back(make_source(9, "bob-a0", alice.audio.sources[0].msid));
  CHECK(refusal(map.try_add("bob", same_stream)) == "bad-request");
  CHECK(map.all().size() == 1);
  map.remove_owner("alice");
  CHECK(refusal(map.try_add("bob", same_ssrc)) == "");
  CHECK(refusal(map.try_add("bob", same_stream)) == "");
  CHECK(map.of("bob").audio.sources.size() == 2);
}

TEST_CASE("groups must name known sources of one stream, and FID groups two") {
  const auto add = [](auto change) {
    SourceMap map(20);
    jingle::SourceSet set = jingle::make_sources("alice", Ssrc(1), Ssrc(2), Ssrc(3));
    change(set);
    const std::string result = refusal(map.try_add("alice", set));
    CHECK(map.all().empty() == !result.empty());  // all or nothing
    return result;
  };
  CHECK(add([](auto&) {}) == "");
  CHECK(add([](auto& s) { s.video.groups[0].ssrcs[1] = Ssrc(77); }) == "bad-request");
  CHECK(add([](auto& s) { s.video.groups[0].ssrcs.push_back(Ssrc(2)); }) == "bad-request");
  CHECK(add([](auto& s) { s.video.sources[1].msid = "another track"; }) == "bad-request");
  CHECK(add([](auto& s) { s.video.sources[0].ssrc = s.audio.sources[0].ssrc; }) == "bad-request");
}

TEST_CASE("an owner's sources and groups are limited") {
  SourceMap map(3);
  CHECK(refusal(map.try_add("alice", jingle::make_sources("alice", Ssrc(1), Ssrc(2), Ssrc(3)))) == "");
  jingle::SourceSet more;
  more.audio.sources.push_back(make_source(4, "alice-a1", "alice-audio-1 track"));
  CHECK(refusal(map.try_add("alice", more)) == "bad-request");
  CHECK(refusal(map.try_add("bob", more)) == "");
}

TEST_CASE("removing needs what is there, and must leave a valid set") {
  SourceMap map(20);
  const jingle::SourceSet alice = jingle::make_sources("alice", Ssrc(1), Ssrc(2), Ssrc(3));
  REQUIRE(map.try_add("alice", alice));
  jingle::SourceSet unknown;
  unknown.audio.sources.push_back(make_source(5, "alice-a1", "x y"));
  CHECK(refusal(map.try_remove("alice", unknown)) == "bad-request");
  CHECK(refusal(map.try_remove("bob", unknown)) == "bad-request");
  jingle::SourceSet half;  // the group would hang in the air
  half.video.sources.push_back(alice.video.sources[1]);
  CHECK(refusal(map.try_remove("alice", half)) == "bad-request");
  CHECK(map.of("alice") == alice);
  jingle::SourceSet video;
  video.video = alice.video;
  CHECK(refusal(map.try_remove("alice", video)) == "");
  CHECK(map.of("alice").video.empty());
  CHECK(refusal(map.try_add("alice", video)) == "");
  CHECK(refusal(map.try_remove("alice", alice)) == "");
  CHECK(map.all().empty());
}

TEST_CASE("others are told of the first simulcast layer and its retransmission") {
  const jingle::SourceSet shown = focus::without_simulcast(make_simulcast("alice", 100));
  REQUIRE(shown.video.sources.size() == 2);
  CHECK(shown.video.sources[0].ssrc == Ssrc(101));
  CHECK(shown.video.sources[1].ssrc == Ssrc(111));
  CHECK(shown.video.groups == std::vector<jingle::SourceGroup>{{jingle::GroupSemantics::fid, {Ssrc(101), Ssrc(111)}}});
}

TEST_CASE("the bridge gets all layers, the others one") {
  Conference c;
  FakeBridge& bridge = c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  bob.sources = make_simulcast("bbbbbbbb", 100);
  alice.come();
  bob.come();
  CHECK(alice.last_change.at("bbbbbbbb") == focus::without_simulcast(bob.sources));
  CHECK(colibri2::to_source_set(*bridge.requests.back().endpoints.at(0).sources, "bbbbbbbb") == bob.sources);
}

TEST_CASE("added and removed sources reach the bridge whole and the others as a change") {
  Conference c;
  FakeBridge& bridge = c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  bob.features.features.push_back(std::string(kFeatureJsonSources));
  alice.come();
  bob.come();
  c.take_log();
  jingle::SourceSet screen;
  screen.video.sources.push_back(make_source(900, "aaaaaaaa-v1", "aaaaaaaa-video-1 track"));
  screen.video.sources[0].video_type = jingle::VideoType::desktop;
  alice.change_sources(jingle::Action::source_add, screen);
  CHECK(c.take_log() == Log{"aaaaaaaa < result sources", "eu-1 < sources aaaaaaaa", "bbbbbbbb < source-add aaaaaaaa"});
  CHECK(bob.last_change.at("aaaaaaaa") == screen);
  CHECK(bob.last_change_was_json);
  const auto on_bridge = colibri2::to_source_set(*bridge.requests.back().endpoints.at(0).sources, "aaaaaaaa");
  CHECK(on_bridge.video.sources.size() == 3);
  CHECK(on_bridge.audio.sources.size() == 1);

  alice.change_sources(jingle::Action::source_remove, screen);
  CHECK(c.take_log() == Log{"aaaaaaaa < result sources", "eu-1 < sources aaaaaaaa", "bbbbbbbb < source-remove aaaaaaaa"});
  CHECK(colibri2::to_source_set(*bridge.requests.back().endpoints.at(0).sources, "aaaaaaaa") == alice.sources);
}

TEST_CASE("a refused source change reaches nobody") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  alice.come();
  bob.come();
  c.take_log();
  alice.change_sources(jingle::Action::source_add, bob.sources);  // another's SSRCs
  CHECK(alice.last_error == "bad-request");
  CHECK(c.take_log() == Log{"aaaaaaaa < error bad-request"});
  CHECK(c.focus.stats().source_errors == 1);
}

TEST_CASE("an accept with sources that clash is refused, and may be sent again") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  alice.come();
  const jingle::SourceSet good = bob.sources;
  bob.sources = alice.sources;
  bob.come();
  CHECK(bob.last_error == "bad-request");
  CHECK(c.focus.stats().accepts == 1);
  bob.sources = good;
  bob.accept();
  CHECK(c.focus.stats().accepts == 2);
  CHECK(alice.last_change.at("bbbbbbbb") == good);
}

TEST_CASE("one that accepts late is told what changed since its offer") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  Person& carol = c.add_person("cccccccc");
  Person& late = c.add_person("dddddddd");
  for (Person* person : {&alice, &bob}) person->come();
  late.accepts = false;
  late.come();                        // is offered alice and bob
  carol.come();                       // new to it
  bob.leave();                        // gone since
  c.take_log();
  late.accept();
  CHECK(only(c.take_log(), "dddddddd") ==
        Log{"dddddddd < result accept", "dddddddd < source-remove bbbbbbbb", "dddddddd < source-add cccccccc"});
}

namespace {
/// Twenty audio sources with streams of long names, each byte a `letter`.
jingle::SourceSet make_long(const std::string& owner, uint32_t base, char letter) {
  jingle::SourceSet set;
  for (uint32_t i = 0; i < 20; ++i) {
    const std::string name = owner + "-a" + std::to_string(i);
    set.audio.sources.push_back(make_source(base + i, name, name + std::string(1000, letter) + " track"));
  }
  return set;
}
}  // namespace

TEST_CASE("sources that do not fit into the offer follow once it is accepted") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  Person& carol = c.add_person("cccccccc");
  Person& dora = c.add_person("dddddddd");
  alice.sources = make_long("aaaaaaaa", 1000, 'x');
  bob.sources = make_long("bbbbbbbb", 2000, 'x');
  CHECK(focus::longest_text(alice.sources) < focus::kSourcesBudget * 2);
  alice.come();
  bob.come();
  carol.come();
  dora.come();
  const auto offered = jingle::sources_of(dora.offer, "?");
  REQUIRE(offered);
  CHECK(offered->contains("cccccccc"));
  CHECK_FALSE(offered->contains("bbbbbbbb"));
  CHECK(dora.last_change.contains("bbbbbbbb"));
  CHECK(only(c.take_log(), "dddddddd < source-add").size() == 2);  // each too long to share a stanza
}

TEST_CASE("sources that outgrow a stanza when they are written again are not passed on, and end no stream") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  bob.sources = make_long("bbbbbbbb", 2000, '\'');
  for (jingle::Source& source : bob.sources.audio.sources) source.name += std::string(900, '\'');
  alice.come();
  bob.come();
  INFO(bob.last_error << " " << bob.last_error_text);
  CHECK(c.focus.stats().accepts == 2);
  CHECK(c.focus.stats().drops[Drop::signalling_limit] == 1);
  CHECK(c.focus.ready());
  CHECK(c.focus.stats().sessions == 2);
  CHECK(c.focus.stats().reconnects == 0);
  CHECK_FALSE(alice.last_change.contains("bbbbbbbb"));
}
