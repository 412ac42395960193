// Rooms behave as Prosody 0.12 has them.
#include <catch2/catch.hpp>

#include "core/signal/disco.h"
#include "core/signal/presence.h"
#include "tests/unit/router/deployment_fixture.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {

const Jid kRoom = jid("r@conference.tacoma.test");

/// "nick[!]:codes" of each presence; '!' marks unavailable.
std::string presences(const std::vector<Element>& stanzas) {
  std::string text;
  for (const Element& stanza : stanzas) {
    if (!is_presence(stanza)) continue;
    if (!text.empty()) text += ' ';
    text += from_of(stanza).resource;
    if (stanza.attr("type") == "unavailable") text += '!';
    const auto info = muc::parse_user_info(stanza);
    if (!info) continue;
    for (int code : info->statuses) text += ":" + std::to_string(code);
  }
  return text;
}

struct Room : Deployment {
  explicit Room(RouterConfig config = make_config()) : Deployment(std::move(config)) {
    for (Client* client : {&admin, &bob, &carol}) enter(*client);
  }
  void fill() {
    join(admin, "r@conference.tacoma.test/admin");
    join(bob, "r@conference.tacoma.test/bob");
    join(carol, "r@conference.tacoma.test/carol");
    for (Client* client : {&admin, &bob, &carol}) client->take();
  }
  Client admin{account("admin", "secret", "a"), 1}, bob{anonymous(), 2}, carol{anonymous(), 3};
};

}  // namespace

TEST_CASE("only an admin creates a room, and owns it") {
  Room d;
  d.bob.send(muc::make_join(kRoom.with_resource("bob")));
  d.wires.run();
  auto got = d.bob.take();
  REQUIRE(got.size() == 1);
  const StanzaError error = parse_error(got[0]);
  CHECK(error.condition == Condition::not_allowed);
  CHECK(error.type == "cancel");
  CHECK(error.text == "Room creation is restricted");
  CHECK(d.router.stats().rooms == 0);

  d.admin.send(muc::make_join(kRoom.with_resource("admin")));
  d.wires.run();
  got = d.admin.take();
  REQUIRE(got.size() == 2);
  CHECK(presences(got) == "admin:100:110:201");
  const auto info = muc::parse_user_info(got[0]);
  CHECK(info->item.affiliation == muc::Affiliation::owner);
  CHECK(info->item.role == muc::Role::moderator);
  CHECK(info->item.jid == d.admin.jid());
  CHECK(is_message(got[1]));  // the subject ends the join (XEP-0045 section 7.2.16)
  CHECK(got[1].child("subject", ns::kClient));
}

TEST_CASE("bridges create the brewery; people do not") {
  Room d;
  Client bridge(account("jvb", std::string(deployment::kBridgePassword), "eu-1"), 5);
  d.enter(bridge);
  d.bob.send(muc::make_join(jid("jvbbrewery@internal.auth.tacoma.test/bob")));
  bridge.send(muc::make_join(jid("jvbbrewery@internal.auth.tacoma.test/eu-1")));
  d.wires.run();
  CHECK(last_error(d.bob) == "not-allowed");
  CHECK(presences(bridge.take()) == "eu-1:100:110:201");
}

TEST_CASE("who joins gets the others in order of join, then itself; the others get the newcomer with its real JID") {
  Room d;
  d.join(d.admin, "r@conference.tacoma.test/admin");
  d.join(d.bob, "r@conference.tacoma.test/bob");
  d.admin.take();
  Element join = muc::make_join(kRoom.with_resource("carol"));
  join.add_text("jitsi_participant_region", ns::kClient, "eu & us");
  join.add("x", ns::kMucUser).add("item").set("affiliation", "owner");  // forged: not passed on
  d.carol.send(join);
  d.wires.run();
  CHECK(presences(d.carol.take()) == "admin bob carol:100:110");
  for (Client* other : {&d.admin, &d.bob}) {
    const auto got = other->take();
    REQUIRE(got.size() == 1);
    CHECK(presences(got) == "carol");
    CHECK(got[0].child_text("jitsi_participant_region", ns::kClient) == "eu & us");
    const auto info = muc::parse_user_info(got[0]);
    CHECK(info->item.jid == d.carol.jid());
    CHECK(info->item.affiliation == muc::Affiliation::none);
    CHECK(info->item.role == muc::Role::participant);
    CHECK(got[0].child("x", ns::kMuc) == nullptr);
  }
}

TEST_CASE("a presence update reaches all, and later joiners see the last one") {
  Room d;
  d.fill();
  Element update = make_presence("", kRoom.with_resource("bob"));
  update.add_text("audiomuted", ns::kClient, "true");
  d.bob.send(update);
  d.wires.run();
  CHECK(presences(d.bob.take()) == "bob:110");
  auto got = d.carol.take();
  REQUIRE(got.size() == 1);
  CHECK(got[0].child_text("audiomuted", ns::kClient) == "true");
  Client dora(anonymous(), 4);
  d.enter(dora);
  dora.send(muc::make_join(kRoom.with_resource("dora")));
  d.wires.run();
  got = dora.take();
  REQUIRE(presences(got) == "admin bob carol dora:100:110");
  CHECK(got[1].child_text("audiomuted", ns::kClient) == "true");
}

TEST_CASE("joins are refused for a nick in use, a missing nick, a plain presence and a change of nick") {
  Room d;
  d.join(d.admin, "r@conference.tacoma.test/admin");
  d.bob.send(muc::make_join(kRoom.with_resource("admin")));
  d.wires.run();
  CHECK(last_error(d.bob) == "conflict");
  d.bob.send(muc::make_join(kRoom));
  d.wires.run();
  CHECK(last_error(d.bob) == "jid-malformed");
  d.bob.send(make_presence("", kRoom.with_resource("bob")));
  d.wires.run();
  CHECK(last_error(d.bob) == "not-acceptable");
  d.join(d.bob, "r@conference.tacoma.test/bob");
  d.bob.send(muc::make_join(kRoom.with_resource("robert")));
  d.wires.run();
  CHECK(last_error(d.bob) == "not-acceptable");
  CHECK(d.router.stats().occupants == 2);
}

TEST_CASE("who joins again under its nick gets the whole state again") {
  Room d;
  d.fill();
  d.bob.send(muc::make_join(kRoom.with_resource("bob")));
  d.wires.run();
  CHECK(presences(d.bob.take()) == "admin carol bob:100:110");
  CHECK(d.router.stats().occupants == 3);
}

TEST_CASE("leaving, or losing the stream, tells the others; the last one takes the room along") {
  Room d;
  d.fill();
  d.bob.send(muc::make_leave(kRoom.with_resource("bob")));
  d.wires.run();
  CHECK(presences(d.bob.take()) == "bob!:110");
  CHECK(presences(d.admin.take()) == "bob!");
  d.wires.detach(d.carol);
  d.wires.run();
  const auto got = d.admin.take();
  CHECK(presences(got) == "carol!");
  CHECK(muc::parse_user_info(got[0])->item.role == muc::Role::none);
  CHECK(d.router.stats().rooms == 1);
  d.admin.send(muc::make_leave(kRoom.with_resource("admin")));
  d.wires.run();
  CHECK(d.router.stats().rooms == 0);
  CHECK(d.router.stats().occupants == 0);
}

TEST_CASE("an iq to an occupant arrives with another id, and the answer gets the first one back") {
  Room d;
  d.fill();
  Element question = make_iq("set", kRoom.with_resource("carol"), "bob's <id>");
  question.add("jingle", ns::kJingle);
  d.bob.send(question);
  d.wires.run();
  auto got = d.carol.take();
  REQUIRE(got.size() == 1);
  CHECK(got[0].attr("from") == "r@conference.tacoma.test/bob");
  CHECK(to_of(got[0]) == d.carol.jid());
  CHECK(got[0].attr("id") != "bob's <id>");
  const Element answer = make_result(got[0]);

  // Nobody else can answer in her place, and a token that was changed leads nowhere.
  d.admin.send(answer);
  Element forged = answer;
  forged.set("id", "Zm9v");
  d.carol.send(forged);
  d.wires.run();
  CHECK(d.bob.take().empty());
  CHECK(d.router.stats().drops[Drop::signalling_unexpected] == 2);

  d.carol.send(answer);
  d.wires.run();
  got = d.bob.take();
  REQUIRE(got.size() == 1);
  CHECK(got[0].attr("id") == "bob's <id>");
  CHECK(got[0].attr("type") == "result");
  CHECK(got[0].attr("from") == "r@conference.tacoma.test/carol");
}

TEST_CASE("iqs through a room need an occupant at both ends") {
  Room d;
  d.join(d.admin, "r@conference.tacoma.test/admin");
  d.bob.send(make_ping(kRoom.with_resource("admin"), "p"));
  d.wires.run();
  CHECK(last_error(d.bob) == "not-acceptable");
  d.join(d.bob, "r@conference.tacoma.test/bob");
  d.bob.send(make_ping(kRoom.with_resource("nobody"), "p"));
  d.wires.run();
  CHECK(last_error(d.bob) == "item-not-found");
  d.bob.send(make_ping(jid("other@conference.tacoma.test/admin"), "p"));
  d.wires.run();
  CHECK(last_error(d.bob) == "item-not-found");
}

TEST_CASE("group messages reach all, private ones the one they are for") {
  Room d;
  d.fill();
  Element hello = make_message("groupchat", kRoom);
  hello.add_text("body", ns::kClient, "hello");
  d.bob.send(hello);
  d.wires.run();
  for (Client* client : {&d.admin, &d.bob, &d.carol}) {
    const auto got = client->take();
    REQUIRE(got.size() == 1);
    CHECK(got[0].attr("from") == "r@conference.tacoma.test/bob");
    CHECK(got[0].child_text("body", ns::kClient) == "hello");
  }
  Element whisper = make_message("chat", kRoom.with_resource("carol"));
  whisper.add_text("body", ns::kClient, "psst");
  d.bob.send(whisper);
  d.wires.run();
  CHECK(d.admin.take().empty());
  const auto got = d.carol.take();
  REQUIRE(got.size() == 1);
  CHECK(got[0].attr("from") == "r@conference.tacoma.test/bob");
  Client dora(anonymous(), 4);
  d.enter(dora);
  dora.send(hello);
  d.wires.run();
  CHECK(last_error(dora) == "not-acceptable");
}

TEST_CASE("only moderators set the subject, and who joins gets it") {
  Room d;
  d.fill();
  Element subject = make_message("groupchat", kRoom);
  subject.add_text("subject", ns::kClient, "bridges");
  d.bob.send(subject);
  d.wires.run();
  CHECK(last_error(d.bob) == "forbidden");
  d.admin.send(subject);
  d.wires.run();
  CHECK(d.carol.take().size() == 1);
  Client dora(anonymous(), 4);
  d.enter(dora);
  dora.send(muc::make_join(kRoom.with_resource("dora")));
  d.wires.run();
  CHECK(dora.take().back().child_text("subject", ns::kClient) == "bridges");
}

TEST_CASE("the owner reads and submits the configuration; the room tells that it changed") {
  Room d;
  d.fill();
  d.admin.send(muc::make_config_query(kRoom, "c1"));
  d.wires.run();
  auto got = d.admin.take();
  REQUIRE(got.size() == 1);
  const auto form = muc::parse_config(got[0]);
  REQUIRE(form);
  CHECK(form->whois_anyone == true);

  d.admin.send(muc::make_config(kRoom, "c2", "sesame"));
  d.wires.run();
  got = d.carol.take();
  REQUIRE(got.size() == 1);
  CHECK(got[0].attr("type") == "groupchat");
  CHECK(got[0].child("x", ns::kMucUser)->child("status")->attr("code") == "104");
  d.bob.take();
  d.bob.send(muc::make_config(kRoom, "c3", "mine"));
  d.wires.run();
  CHECK(last_error(d.bob) == "forbidden");

  Client dora(anonymous(), 4);
  d.enter(dora);
  dora.send(muc::make_join(kRoom.with_resource("dora")));
  d.wires.run();
  got = dora.take();
  REQUIRE(got.size() == 1);
  CHECK(parse_error(got[0]).condition == Condition::not_authorized);
  CHECK(parse_error(got[0]).type == "auth");
  dora.send(muc::make_join(kRoom.with_resource("dora"), "sesame"));
  d.wires.run();
  CHECK(presences(dora.take()) == "admin bob carol dora:100:110");
  dora.send(make_disco_query(kRoom, "d"));
  d.wires.run();
  const auto info = parse_disco(dora.take().back());
  REQUIRE(info);
  CHECK(info->has("muc_passwordprotected"));
  CHECK(info->has("muc_nonanonymous"));
}

TEST_CASE("a kick removes with status 307, the actor and the reason; owners cannot be kicked") {
  Room d;
  d.fill();
  d.bob.send(muc::make_kick(kRoom, "k0", "carol"));
  d.wires.run();
  CHECK(last_error(d.bob) == "forbidden");
  d.admin.send(muc::make_kick(kRoom, "k1", "carol", "enough"));
  d.wires.run();
  auto got = d.carol.take();
  REQUIRE(got.size() == 1);
  CHECK(presences(got) == "carol!:307:110");
  const auto info = muc::parse_user_info(got[0]);
  CHECK(info->item.actor_nick == "admin");
  CHECK(info->item.reason == "enough");
  CHECK(presences(d.bob.take()) == "carol!:307");
  d.admin.take();
  d.admin.send(muc::make_grant(kRoom, "k2", d.bob.jid().bare(), muc::Affiliation::owner));
  d.wires.run();
  d.admin.take();
  d.admin.send(muc::make_kick(kRoom, "k3", "bob"));
  d.wires.run();
  CHECK(last_error(d.admin) == "not-allowed");
}

TEST_CASE("a grant makes a moderator whom all see, and is remembered") {
  Room d;
  d.fill();
  d.admin.send(muc::make_grant(kRoom, "g", d.bob.jid().bare(), muc::Affiliation::owner));
  d.wires.run();
  const auto got = d.carol.take();
  REQUIRE(got.size() == 1);
  const auto info = muc::parse_user_info(got[0]);
  CHECK(info->item.affiliation == muc::Affiliation::owner);
  CHECK(info->item.role == muc::Role::moderator);
  CHECK(presences(d.bob.take()) == "bob:110");
  d.bob.send(muc::make_leave(kRoom.with_resource("bob")));
  d.bob.send(muc::make_join(kRoom.with_resource("bob")));
  d.wires.run();
  d.carol.take();
  d.bob.send(muc::make_config_query(kRoom, "c"));
  d.wires.run();
  CHECK(last_error(d.bob) == "-");
}

TEST_CASE("an outcast is removed and does not come back") {
  Room d;
  d.fill();
  d.admin.send(muc::make_grant(kRoom, "b", d.bob.jid().bare(), muc::Affiliation::outcast));
  d.wires.run();
  CHECK(presences(d.bob.take()) == "bob!:301:110");
  d.bob.send(muc::make_join(kRoom.with_resource("bob")));
  d.wires.run();
  CHECK(last_error(d.bob) == "forbidden");
}

TEST_CASE("the owner destroys the room") {
  Room d;
  d.fill();
  Element destroy = make_iq("set", kRoom, "x");
  destroy.add("query", ns::kMucOwner).add("destroy").add_text("reason", ns::kMucOwner, "over");
  d.admin.send(destroy);
  d.wires.run();
  const auto got = d.bob.take();
  REQUIRE(got.size() == 1);
  CHECK(muc::parse_user_info(got[0])->destroyed);
  CHECK(d.router.stats().rooms == 0);
  CHECK(d.router.stats().occupants == 0);
}

TEST_CASE("rooms, occupants, rooms of a stream, affiliations and broadcasts are limited") {
  RouterConfig config = Deployment::make_config();
  config.limits.rooms = 2;
  config.limits.occupants_per_room = 2;
  config.limits.rooms_per_stream = 1;
  config.limits.affiliations_per_room = 2;
  config.limits.broadcast_bytes = 300;
  Room d(config);
  Client other(account("admin", "secret", "b"), 8);
  d.enter(other);
  d.join(d.admin, "r@conference.tacoma.test/admin");
  d.admin.send(muc::make_join(jid("r2@conference.tacoma.test/admin")));
  d.wires.run();
  CHECK(last_error(d.admin) == "resource-constraint");  // in one room already
  other.send(muc::make_join(jid("r2@conference.tacoma.test/admin")));
  d.wires.run();
  CHECK(last_error(other) == "-");
  Client third(account("admin", "secret", "c"), 9);
  d.enter(third);
  third.send(muc::make_join(jid("r3@conference.tacoma.test/admin")));
  d.wires.run();
  CHECK(last_error(third) == "resource-constraint");  // two rooms already

  d.join(d.bob, "r@conference.tacoma.test/bob");
  d.carol.send(muc::make_join(kRoom.with_resource("carol")));
  d.wires.run();
  CHECK(last_error(d.carol) == "service-unavailable");

  d.admin.take();
  d.admin.send(muc::make_grant(kRoom, "g1", jid("x@tacoma.test"), muc::Affiliation::member));
  d.wires.run();
  CHECK(last_error(d.admin) == "-");
  d.admin.send(muc::make_grant(kRoom, "g2", jid("y@tacoma.test"), muc::Affiliation::member));
  d.wires.run();
  CHECK(last_error(d.admin) == "resource-constraint");

  Element update = make_presence("", kRoom.with_resource("bob"));
  update.add_text("nick", ns::kNick, std::string(300, 'x'));
  d.bob.take();
  d.bob.send(update);
  d.wires.run();
  CHECK(last_error(d.bob) == "policy-violation");
  Element many = make_presence("", kRoom.with_resource("bob"));
  for (int i = 0; i < 257; ++i) many.add("a", ns::kClient);
  d.bob.send(many);
  d.wires.run();
  CHECK(last_error(d.bob) == "policy-violation");
  Element message = make_message("groupchat", kRoom);
  message.add_text("body", ns::kClient, std::string(300, 'x'));
  d.bob.send(message);
  d.wires.run();
  CHECK(last_error(d.bob) == "policy-violation");
  CHECK(d.router.stats().occupants == 3);
}
