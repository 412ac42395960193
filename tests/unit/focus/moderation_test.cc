// Who moderates, who is muted by whom, and who begins muted.
#include <catch2/catch.hpp>

#include "tests/unit/focus/conference_fixture.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
constexpr const char* kMedia[] = {"audio", "video", "desktop"};

std::string ask_mute(Person& sender, const std::string& media, std::string_view jid_text, std::string_view value = "true") {
  Element iq = make_iq("set", kRoom.with_resource("focus"), "mute");
  Element& child = iq.add("mute", "http://jitsi.org/jitmeet/" + media);
  if (!jid_text.empty()) child.set("jid", jid_text);
  child.set("actor", kRoom.with_resource("somebody").to_string());  // what it says of itself counts for nothing
  child.text = value;
  sender.last_error.clear();
  sender.send(iq);
  return sender.last_error;
}
const std::string kBob = kRoom.with_resource("bbbbbbbb").to_string(), kAlice = kRoom.with_resource("aaaaaaaa").to_string();

struct Pair : Conference {
  Pair() {
    alice.come();
    bob.come();
    take_log();
  }
  Person& alice = add_person("aaaaaaaa");
  Person& bob = add_person("bbbbbbbb");
};
}  // namespace

TEST_CASE("a moderator mutes microphone, camera and screen of others; the victim is told by whom") {
  Pair c;
  for (const std::string media : kMedia) {
    CHECK(ask_mute(c.alice, media, kBob).empty());
    CHECK(c.take_log() == Log{"aaaaaaaa < result mute", "bbbbbbbb < mute " + media + " by " + kAlice});
  }
}

TEST_CASE("nobody else mutes others, and nobody opens what others have closed") {
  Pair c;
  for (const std::string media : kMedia) {
    CHECK(ask_mute(c.bob, media, kAlice) == "forbidden");
    CHECK(ask_mute(c.alice, media, kBob, "false") == "forbidden");
    CHECK(ask_mute(c.bob, media, kBob, "false").empty());  // his own, which is his
    CHECK(only(c.take_log(), "aaaaaaaa < mute").empty());
  }
  c.wires.run(Duration::seconds(20));
  CHECK(only(c.take_log(), "bbbbbbbb < mute").empty());
}

TEST_CASE("a mute of nobody, of somebody elsewhere, or of what is no address is refused") {
  Pair c;
  for (const std::string victim : {"", "@", "other@conference.tacoma.test/bbbbbbbb", "r@conference.tacoma.test/cccccccc", "r@conference.tacoma.test", "bbbbbbbb",
                                   "r@conference.tacoma.test/focus"}) {
    INFO(victim);
    CHECK(ask_mute(c.alice, "audio", victim) == "item-not-found");
  }
  CHECK(ask_mute(c.alice, "smell", kBob) == "service-unavailable");
  CHECK(only(c.take_log(), "bbbbbbbb").empty());
}

TEST_CASE("moderation is handed over when the last moderator leaves or gives it up, and by a moderator's own wish") {
  Pair c;
  Person& carol = c.add_person("cccccccc");
  carol.come();
  CHECK(c.alice.role == muc::Role::moderator);
  CHECK(c.bob.role == muc::Role::participant);
  // By wish: two moderate now, and one of them leaves.
  c.alice.send(muc::make_grant(kRoom, "g", carol.client.jid().bare(), muc::Affiliation::owner));
  CHECK(carol.role == muc::Role::moderator);
  c.alice.leave();
  CHECK(c.bob.role == muc::Role::participant);
  // She steps down: the first of those who are left follows.
  carol.send(muc::make_grant(kRoom, "g", carol.client.jid().bare(), muc::Affiliation::none));
  CHECK(c.bob.role == muc::Role::moderator);
  CHECK(ask_mute(c.bob, "audio", kRoom.with_resource("cccccccc").to_string()).empty());
}

TEST_CASE("those who come late begin muted, as who made the conference wished; invited again they are as they are") {
  Conference c;
  c.add_bridge();
  Person& alice = c.add_person("aaaaaaaa");
  Person& bob = c.add_person("bbbbbbbb");
  Person& carol = c.add_person("cccccccc");
  Person& dave = c.add_person("dddddddd");
  alice.properties = {{"startAudioMuted", "3"}, {"startVideoMuted", "2"}};
  bob.properties = {{"startAudioMuted", "0"}};  // comes too late to decide
  alice.come();
  bob.come();
  CHECK_FALSE(alice.offer.start_muted);
  CHECK_FALSE(bob.offer.start_muted);
  carol.come();
  REQUIRE(carol.offer.start_muted);
  CHECK_FALSE(carol.offer.start_muted->audio);
  CHECK(carol.offer.start_muted->video);
  dave.come();
  REQUIRE(dave.offer.start_muted);
  CHECK(dave.offer.start_muted->audio);
  CHECK(dave.offer.start_muted->video);
  dave.restart();
  CHECK(dave.offers == 2);
  CHECK_FALSE(dave.offer.start_muted);
}

TEST_CASE("a wish to start muted that is no number is no wish") {
  for (const char* value : {"-1", "x", "", "99999999999999999999", "1.5"}) {
    INFO(value);
    Conference c;
    c.add_bridge();
    Person& alice = c.add_person("aaaaaaaa");
    Person& bob = c.add_person("bbbbbbbb");
    alice.properties = {{"startAudioMuted", value}, {"startVideoMuted", value}};
    alice.come();
    bob.come();
    CHECK(bob.offers == 1);
    CHECK_FALSE(bob.offer.start_muted);
  }
}
