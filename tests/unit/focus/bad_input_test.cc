// What strangers, broken clients and a broken server send, and that it costs nobody else anything.
#include <catch2/catch.hpp>

#include "tests/unit/focus/conference_fixture.h"
#include "tests/unit/signal/xml_pattern.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
struct Pair : Conference {
  explicit Pair(FocusConfig config = FocusConfig::embedded(Rng(3))) : Conference(std::move(config)) { add_bridge(); }
  void come() {
    alice.come();
    bob.come();
    take_log();
  }
  /// Bob and his session are as they were.
  void check_bob_is_well(int offers = 1) {
    CHECK(bob.offers == offers);
    bob.change_sources(jingle::Action::source_remove, {bob.sources.audio, {}});
    CHECK(only(take_log(), "bbbbbbbb") == Log{"bbbbbbbb < result sources"});
  }
  Person& alice = add_person("aaaaaaaa");
  Person& bob = add_person("bbbbbbbb");
};

/// A server that lets the focus's component in and says what a test wants: for what the embedded router would never say.
class Server final : public Process {
 public:
  Server() { hosts_.add_component(std::string(deployment::kFocusDomain), std::string(deployment::kComponentSecret)); }
  void say(std::string_view xml) { waiting_ += xml; }
  int logins = 0;
  std::vector<Element> heard;
  const Element* last(std::string_view name, std::string_view to) const {
    for (auto e = heard.rbegin(); e != heard.rend(); ++e)
      if (e->name == name && e->attr("to") == to) return &*e;
    return nullptr;
  }

  void start(Instant, Outbox&) override {}
  void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override {
    now_ = now;
    if (event.kind == StreamEvent::Kind::accepted) {
      id_ = event.id;
      stream_.emplace(XmppServerStream::Kind::component, hosts_, Rng(9));
    }
    if (event.kind == StreamEvent::Kind::closed) stream_.reset();
    if (event.kind != StreamEvent::Kind::data || !stream_) return;
    stream_->on_bytes(event.data);
    while (auto e = stream_->poll()) {
      logins += e->kind == XmppEvent::Kind::ready;
      if (e->kind == XmppEvent::Kind::stanza) heard.push_back(e->stanza);
    }
    flush(out);
  }
  void on_deadline(Instant now, Outbox& out) override {
    now_ = now;
    flush(out);
  }
  Deadline deadline() const override { return {stream_ && !waiting_.empty() ? now_ + Duration::milliseconds(1) : Instant::never(), "words"}; }

 private:
  void flush(Outbox& out) {
    if (!stream_) return;
    if (stream_->is_ready()) stream_->send_text(std::exchange(waiting_, {}));
    if (stream_->has_output()) out.write_stream(id_, stream_->take_output());
  }
  XmppHosts hosts_;
  std::optional<XmppServerStream> stream_;
  StreamId id_;
  Instant now_;
  std::string waiting_;
};

struct Alone {
  Alone() : focus(FocusConfig::embedded(Rng(3))) {
    wires.attach(server);
    wires.listen(server, std::string(deployment::kComponentService));
    wires.attach(focus);
    wires.run();
    say(presence("jvbbrewery@internal.auth.tacoma.test/focus", "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator'/><status code='110'/></x>"));
  }
  static std::string presence(const std::string& from, const std::string& inside) {
    return "<presence xmlns='jabber:client' to='focus@focus.tacoma.test/focus' from='" + from + "'>" + inside + "</presence>";
  }
  void say(const std::string& xml, Duration time = Duration::seconds(0)) {
    server.say(xml);
    wires.run(Duration::milliseconds(2) + time);
  }
  Server server;
  Focus focus;
  Wires wires;
};
}  // namespace

TEST_CASE("malformed Jingle is refused with what is wrong, and the session lives") {
  Pair c;
  c.come();
  const std::string sid = c.alice.offer.sid;
  const auto say = [&](const std::string& attributes, const std::string& inside = {}) {
    c.alice.last_error.clear();
    c.alice.send(stanza_of("<iq type='set' id='j' to='r@conference.tacoma.test/focus'><jingle xmlns='urn:xmpp:jingle:1' " + attributes + ">" + inside + "</jingle></iq>"));
    return c.alice.last_error + ": " + c.alice.last_error_text;
  };
  const auto source = [](const std::string& attributes) {
    return "<content name='video' creator='initiator'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' " +
           attributes + "/></description></content>";
  };
  CHECK(say("action='source-add'") == "bad-request: no session id");
  CHECK(say("action='dance' sid='" + sid + "'") == "bad-request: unknown action 'dance'");
  CHECK(say("sid='" + sid + "'") == "bad-request: unknown action ''");
  CHECK(say("action='session-accept' sid='" + sid + "'") == "bad-request: session-accept without contents");
  CHECK(say("action='source-add' sid='" + sid + "'", source("ssrc='-1' name='aaaaaaaa-v1'")).starts_with("bad-request: "));
  CHECK(say("action='source-add' sid='" + sid + "'", source("ssrc='4294967296' name='aaaaaaaa-v1'")).starts_with("bad-request: "));
  CHECK(say("action='source-add' sid='" + sid + "'", source("name='aaaaaaaa-v1'")).starts_with("bad-request: "));
  CHECK(say("action='source-add' sid='" + sid + "'", "<content/>") == "bad-request: content without a name");
  CHECK(say("action='source-add' sid='" + sid + "'", "<content name='x'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='smell'/></content>").starts_with("bad-request: "));
  CHECK(say("action='transport-info' sid='" + sid + "'", "<content name='audio'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='a b c d' pwd='x'/></content>")
            .starts_with("bad-request: "));
  CHECK(only(c.take_log(), "eu-1").empty());
  c.alice.change_sources(jingle::Action::source_remove, c.alice.sources);
  CHECK(c.alice.last_error == "bad-request");  // the last of the table: this one was taken
  CHECK(only(c.take_log(), "aaaaaaaa").back() == "aaaaaaaa < result sources");
  c.check_bob_is_well();
}

TEST_CASE("a client that answers nothing keeps nobody waiting, and may still come to its senses") {
  Pair c;
  c.alice.answers_disco = false;
  c.alice.is_silent = true;  // neither takes its offer nor refuses it
  c.bob.come();
  c.alice.come();
  c.wires.run(Duration::seconds(60));
  CHECK(c.bob.offers == 1);
  CHECK(only(c.take_log(), "aaaaaaaa < session-initiate").size() == 1);
  CHECK(c.focus.stats().sessions == 2);
  c.alice.leave();
  CHECK(c.focus.stats().sessions == 1);
  c.check_bob_is_well();
}

TEST_CASE("a stranger's IQ is answered with an error, whatever it asks, and changes nothing") {
  Pair c;
  c.come();
  test::Client stranger(anonymous(), 99);
  c.enter(stranger);
  const auto ask = [&](const std::string& to, const std::string& inside) {
    stranger.send(stanza_of("<iq type='set' id='s' to='" + to + "'>" + inside + "</iq>"));
    c.wires.run();
    return last_error(stranger);
  };
  const std::string terminate = "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='" + c.bob.offer.sid + "'/>";
  const std::string mute = "<mute xmlns='http://jitsi.org/jitmeet/audio' jid='r@conference.tacoma.test/bbbbbbbb'>true</mute>";
  const std::string modify = "<conference-modify xmlns='jitsi:colibri2' meeting-id='m' create='true'/>";
  for (const std::string& what : {terminate, mute, modify}) {
    CHECK(ask("focus.tacoma.test", what) == "service-unavailable");
    CHECK(ask("focus@focus.tacoma.test/focus", what) == "service-unavailable");
    CHECK(ask("r@conference.tacoma.test/focus", what) == "not-acceptable");  // the room itself: no occupant
  }
  // An answer that nobody waits for goes nowhere.
  stranger.send(stanza_of("<iq type='result' id='q1' to='focus@focus.tacoma.test/focus'/>"));
  c.wires.run();
  CHECK(stranger.take().empty());
  // One occupant may not end the session of another.
  c.alice.send(stanza_of("<iq type='set' id='t' to='r@conference.tacoma.test/focus'>" + terminate + "</iq>"));
  CHECK(c.alice.last_error == "item-not-found");
  c.check_bob_is_well();
}

TEST_CASE("room options that nobody knows are passed over; too many are refused") {
  Pair c;
  c.alice.properties = {{"startAudioMuted", "9"}, {"rtcstatsEnabled", "false"}, {"make-coffee", "true"}, {"", ""}};
  c.alice.come();
  CHECK(c.alice.ready);
  c.alice.properties.assign(kMaxConferenceProperties + 1, {"a", "b"});
  c.alice.ask();
  CHECK(c.alice.last_error == "bad-request");
}

TEST_CASE("a locked room lets in who says the password, and nobody else") {
  Pair c;
  c.come();
  c.alice.send(muc::make_config(kRoom, "lock", "sesame"));
  test::Client carol(anonymous(), 60);
  c.enter(carol);
  for (const char* password : {"", "Sesame", "sesame "}) {
    INFO(password);
    carol.send(muc::make_join(kRoom.with_resource("cccccccc"), password));
    c.wires.run();
    CHECK(last_error(carol) == "not-authorized");
  }
  carol.send(muc::make_join(kRoom.with_resource("cccccccc"), "sesame"));
  c.wires.run();
  CHECK(last_error(carol) != "not-authorized");
  CHECK(c.focus.stats().participants == 3);
}

TEST_CASE("an oversized stanza ends the stream of who sent it, not the meeting") {
  Pair c;
  c.come();
  // Past her own stream, which would not send it.
  c.wires.inspect(c.alice.client, [](Instant, Outbox& out) {
    out.write_stream(StreamId(1), std::string_view("<iq type='set' id='o' to='r@conference.tacoma.test/focus'><jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='x'>" +
                                                   std::string(300 * 1024, 'x') + "</jingle></iq>"));
  });
  c.wires.run();
  CHECK(c.alice.client.is_closed());
  CHECK(c.focus.stats().participants == 1);
  CHECK(c.focus.stats().reconnects == 0);
  c.bob.change_sources(jingle::Action::source_remove, {c.bob.sources.audio, {}});
  CHECK(c.bob.last_error.empty());
}

TEST_CASE("an oversized stanza of the server costs the focus its stream, and it comes back") {
  Alone a;
  REQUIRE(a.focus.ready());
  a.say("<message xmlns='jabber:client' from='r@conference.tacoma.test/x' to='focus@focus.tacoma.test/focus'><body>" + std::string(300 * 1024, 'x') + "</body></message>");
  CHECK_FALSE(a.focus.ready());
  CHECK(a.focus.stats().drops[Drop::signalling_malformed] == 1);
  a.wires.run(Duration::seconds(2));
  CHECK(a.server.logins == 2);
}

TEST_CASE("in a hidden room that it does not know the focus is still an occupant: it enters anew and invites") {
  Alone a;
  // No list of rooms: what it asked for is not answered. Then somebody in a room of before changes its presence.
  const std::string item = "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' jid='p@tacoma.test/1'/></x>";
  a.say(Alone::presence("r@conference.tacoma.test/aaaaaaaa", item));
  CHECK(a.focus.stats().conferences == 0);  // not at once
  a.wires.run(Duration::seconds(2));
  CHECK(a.focus.stats().rooms_found == 1);
  REQUIRE(a.server.last("presence", "r@conference.tacoma.test/focus"));
  CHECK(muc::is_join(*a.server.last("presence", "r@conference.tacoma.test/focus")));

  // An IQ of an occupant is a sign, too, and is answered meanwhile; so is chat not.
  a.say("<iq xmlns='jabber:client' type='set' id='i' from='s@conference.tacoma.test/bbbbbbbb' to='focus@focus.tacoma.test/focus'>"
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='old'/></iq>");
  const Element* refusal = a.server.last("iq", "s@conference.tacoma.test/bbbbbbbb");
  REQUIRE(refusal);
  CHECK(parse_error(*refusal).condition == Condition::item_not_found);
  a.wires.run(Duration::seconds(2));
  CHECK(a.focus.stats().rooms_found == 2);

  // No signs: our own shadow, those who leave, errors, the room itself, and who is no room's.
  a.say(Alone::presence("t@conference.tacoma.test/focus", item));
  a.say("<presence xmlns='jabber:client' type='unavailable' from='u@conference.tacoma.test/x' to='focus@focus.tacoma.test/focus'/>");
  a.say("<presence xmlns='jabber:client' type='error' from='v@conference.tacoma.test/x' to='focus@focus.tacoma.test/focus'/>");
  a.say(Alone::presence("w@conference.tacoma.test", item));
  a.say(Alone::presence("x@elsewhere.example/y", item));
  a.wires.run(Duration::seconds(3));
  CHECK(a.focus.stats().rooms_found == 2);
}

TEST_CASE("a room that does not want the focus is left, and asked again no oftener than once a second") {
  Alone a;
  const std::string item = "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' jid='p@tacoma.test/1'/></x>";
  const std::string shadow = "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x>";
  for (int i = 0; i < 50; ++i) {
    a.say(Alone::presence("r@conference.tacoma.test/aaaaaaaa", item), Duration::milliseconds(98));
    if (a.focus.stats().conferences > 0) a.say(Alone::presence("r@conference.tacoma.test/focus", shadow));  // in, but owns nothing
  }
  CHECK(a.focus.stats().rooms_found >= 3);
  CHECK(a.focus.stats().rooms_found <= 5);
  const Element* said = a.server.last("presence", "r@conference.tacoma.test/focus");
  REQUIRE(said);
  CHECK(said->attr("type") == "unavailable");
}
