// A person against a scripted server: what it says, and what it does when things go wrong.
#include "loadgen/people/signalling.h"

#include <catch2/catch.hpp>

#include "core/secure/credentials.h"
#include "core/signal/conference_request.h"
#include "core/signal/deployment.h"
#include "core/signal/disco.h"
#include "core/signal/muc.h"
#include "core/signal/presence.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

using Kind = SignallingEvent::Kind;
using Stage = ParticipantStats::Stage;
const Jid kRoom = *Jid::parse("standup@conference.tacoma.test");
const Jid kFocus = kRoom.with_resource("focus"), kUs = kRoom.with_resource("ab12cd34");

/// The other end of a person's stream. `heard` are its stanzas, in order.
struct Server {
  XmppHosts hosts;
  std::unique_ptr<XmppServerStream> stream;
  PacketPool pool;
  Outbox out{pool};
  Signalling person{{kRoom, "ab12cd34", "eu", {}, nullptr, {}}, Rng(1)};
  std::vector<Element> heard;
  std::vector<SignallingEvent> events;
  StreamId id;
  bool closed = false;
  Instant now;

  Server() { hosts.allow_anonymous(deployment::kDomain); }

  void pump() {
    while (!out.stream_ops().empty() || (stream && stream->has_output())) {
      const std::vector<Outbox::StreamOp> ops = out.stream_ops();
      std::vector<std::string> bytes;
      for (const auto& op : ops) bytes.emplace_back(as_text(out.stream_bytes(op)));
      out.clear();
      for (size_t i = 0; i < ops.size(); ++i) {
        if (ops[i].kind == Outbox::StreamOp::Kind::open) {
          CHECK(ops[i].service == "xmpp");
          id = ops[i].id;
          closed = false;
          stream = std::make_unique<XmppServerStream>(XmppServerStream::Kind::client, hosts, Rng(2));
          person.on_stream(now, {StreamEvent::Kind::opened, id, {}, {}}, out);
        } else if (ops[i].kind == Outbox::StreamOp::Kind::close) {
          closed = true;
        } else if (stream) {
          stream->on_bytes(as_bytes(bytes[i]));
          while (auto event = stream->poll())
            if (event->kind == XmppEvent::Kind::stanza) heard.push_back(event->stanza);
        }
      }
      if (stream && stream->has_output()) {
        const std::string text = stream->take_output();
        if (!closed) person.on_stream(now, {StreamEvent::Kind::data, id, {}, as_bytes(text)}, out);
      }
    }
    while (auto event = person.poll()) events.push_back(std::move(*event));
  }
  void say(Element stanza, const Jid& from) {
    stanza.set("from", from.to_string());
    stream->send(stanza);
    pump();
  }
  /// Lets the person's time pass as far as `to`.
  void pass(Instant to) {
    while (person.deadline() <= to) {
      now = person.deadline();
      person.on_deadline(now, out);
      REQUIRE(person.deadline() > now);
      pump();
    }
    now = to;
  }
  void begin() {
    person.begin(now, out);
    pump();
  }
  Element take(size_t at = 0) {
    REQUIRE(heard.size() > at);
    Element e = heard[at];
    heard.erase(heard.begin() + static_cast<std::ptrdiff_t>(at));
    return e;
  }
  Kind next_event() {
    REQUIRE(!events.empty());
    const Kind kind = events.front().kind;
    events.erase(events.begin());
    return kind;
  }
  void answer_conference(bool ready) {
    const Element request = take();
    const auto parsed = parse_conference_request(request);
    REQUIRE(parsed);
    CHECK(parsed->room == kRoom);
    CHECK(to_of(request).to_string() == "focus.tacoma.test");
    ConferenceRequest answer;
    answer.room = kRoom;
    answer.ready = ready;
    answer.focus_jid = std::string(deployment::kFocusJid);
    say(make_conference_answer(request, answer), to_of(request));
  }
  void room_lets_in() {
    Element focus = make_presence({}, kUs);
    add_focus(focus, {{{"support-terminate-restart", "true"}}, false});
    muc::add_user_info(focus, {{muc::Affiliation::owner, muc::Role::moderator, std::nullopt, {}, {}, {}}, {}, false});
    say(focus, kFocus);
    Element self = make_presence({}, kUs);
    muc::add_user_info(self, {{muc::Affiliation::none, muc::Role::participant, std::nullopt, {}, {}, {}}, {muc::kStatusSelf}, false});
    say(self, kUs);
  }
  void enter() {
    begin();
    answer_conference(true);
    heard.clear();
    room_lets_in();
    events.clear();
    CHECK(person.stage() == Stage::in_room);
  }
  jingle::Jingle offer(const std::string& sid) {
    jingle::Jingle j;
    j.sid = sid;
    j.initiator = kFocus.to_string();
    j.responder = kUs.to_string();
    for (const auto media : {jingle::Media::audio, jingle::Media::video}) {
      jingle::Content content;
      content.name = jingle::name_of(media);
      content.media = media;
      content.formats = media == jingle::Media::audio ? jingle::offered_audio() : jingle::offered_video();
      content.rtcp_mux = true;
      content.transport = jingle::IceTransport{"theirs", "passwordOfTheBridge24abc", {}, {}, {}, true, {}, {}};
      j.contents.push_back(content);
      j.bundle.push_back(content.name);
    }
    j.bridge_session = jingle::BridgeSession{"bs-" + sid, "eu", false, false};
    j.json_sources = jingle::ConferenceSources{{"jvb", jingle::make_feedback_sources(Ssrc(1), Ssrc(2))},
                                               {"00000001", jingle::make_sources("00000001", Ssrc(11), Ssrc(12), Ssrc(13))}};
    return j;
  }
  void send_jingle(const jingle::Jingle& j, std::string_view iq_id) {
    Element iq = make_iq("set", kUs, iq_id);
    iq.add(jingle::to_element(j));
    say(iq, kFocus);
  }
  void accept(const SignallingEvent& event) {
    jingle::IceTransport transport;
    transport.ufrag = "ours";
    transport.pwd = "passwordOfOurs24characters";
    transport.rtcp_mux = true;
    transport.fingerprints.push_back({"sha-256", Fingerprint{}.to_string(), jingle::Setup::active});
    person.accept(now, event.offer, transport, jingle::make_sources("ab12cd34", Ssrc(21), Ssrc(22), Ssrc(23)), out);
    pump();
  }
  void start_session(const std::string& sid) {
    send_jingle(offer(sid), "init-" + sid);
    REQUIRE(events.size() == 1);
    REQUIRE(events[0].kind == Kind::offer);
    accept(events[0]);
    events.clear();
    REQUIRE(heard.size() == 2);
    say(make_result(heard[1]), kFocus);
    heard.clear();
  }
};


}  // namespace

TEST_CASE("A focus that is not ready is asked again, 1 s doubling") {
  Server server;
  server.begin();
  CHECK(server.person.stage() == Stage::requesting);
  std::vector<Instant> asked;
  for (int i = 0; i < 4; ++i) {
    asked.push_back(server.now);
    server.answer_conference(i == 3);
    if (i < 3) server.pass(server.person.deadline());
  }
  CHECK(asked == std::vector<Instant>{at_ms(0), at_ms(1'000), at_ms(3'000), at_ms(7'000)});
  CHECK(server.next_event() == Kind::requested);

  const Element join = server.take();
  CHECK(muc::is_join(join));
  CHECK(to_of(join) == kUs);
  const ParticipantPresence presence = parse_participant(join);
  CHECK(presence.region == "eu");
  CHECK(presence.codecs == "vp8,vp9");
  CHECK(!presence.caps_ver.empty());
  CHECK(server.events.empty());
  server.room_lets_in();
  CHECK(server.next_event() == Kind::joined);
}

TEST_CASE("A conference request that nobody answers is repeated after its timeout") {
  Server server;
  server.begin();
  CHECK(server.person.deadline() == at_ms(10'000));
  server.pass(at_ms(11'000));
  CHECK(server.heard.size() == 2);
  CHECK(server.next_event() == Kind::trouble);
}

TEST_CASE("Features are those of a stock client without SSRC rewriting and data channels") {
  Server server;
  server.enter();
  server.say(make_disco_query(kUs, "d1"), kFocus);
  const Element answer = server.take();
  CHECK(answer.attr("id") == "d1");
  const auto info = parse_disco(answer);
  REQUIRE(info);
  for (auto feature : {kFeatureRtx, kFeatureTcc, kFeatureJsonSources, kFeatureAudio, kFeatureVideo}) CHECK(info->has(feature));
  CHECK_FALSE(info->has(kFeatureSsrcRewriting));
  CHECK_FALSE(info->has(ns::kSctpMap));
}

TEST_CASE("An offer is acknowledged at once and accepted with transport and sources") {
  Server server;
  server.enter();
  server.send_jingle(server.offer("s1"), "mangled==");
  REQUIRE(server.events.size() == 1);
  const SignallingEvent event = server.events[0];
  REQUIRE(event.kind == Kind::offer);
  CHECK(event.sources.at("00000001").video.sources.size() == 2);
  const Element ack = server.take();
  CHECK(ack.attr("type") == "result");
  CHECK(ack.attr("id") == "mangled==");

  server.accept(event);
  const Element iq = server.take();
  CHECK(to_of(iq) == kFocus);
  const auto accept = jingle::parse(iq);
  REQUIRE(accept);
  CHECK(accept->action == jingle::Action::session_accept);
  CHECK(accept->sid == "s1");
  REQUIRE(accept->contents.size() == 2);
  for (const jingle::Content& content : accept->contents) {
    REQUIRE(content.transport);
    CHECK(content.transport->ufrag == "ours");
    CHECK(content.transport->fingerprints.at(0).setup == jingle::Setup::active);
    CHECK(content.transport->candidates.empty());
  }
  const jingle::Content* video = accept->content("video");
  CHECK(video->formats.find("VP8")->id == 100);
  CHECK(video->formats.find_rtx(100)->id == 96);
  REQUIRE(video->sources.groups.size() == 1);
  CHECK(video->sources.groups[0].ssrcs == std::vector<Ssrc>{Ssrc(22), Ssrc(23)});
  CHECK(video->sources.sources[0].name == "ab12cd34-v0");
  CHECK(!video->sources.sources[0].msid.empty());

  // Only once the focus knows the sources does the presence name them.
  CHECK(server.heard.empty());
  server.say(make_result(iq), kFocus);
  const ParticipantPresence presence = parse_participant(server.take());
  REQUIRE(presence.sources.size() == 2);
  CHECK(presence.sources[0].name == "ab12cd34-a0");
  CHECK_FALSE(presence.sources[0].muted);
  CHECK(presence.sources[1].name == "ab12cd34-v0");
}

TEST_CASE("Sources come and go within the session, others' sessions are unknown") {
  Server server;
  server.enter();
  server.start_session("s1");
  jingle::Jingle change;
  change.action = jingle::Action::source_add;
  change.sid = "s1";
  change.json_sources = jingle::ConferenceSources{{"00000002", jingle::make_sources("00000002", Ssrc(31), Ssrc(32), Ssrc(33))}};
  server.send_jingle(change, "add");
  CHECK(server.take().attr("type") == "result");
  REQUIRE(server.events.size() == 1);
  CHECK(server.events[0].sources.count("00000002") == 1);
  CHECK(server.next_event() == Kind::sources_added);
  change.action = jingle::Action::source_remove;
  server.send_jingle(change, "remove");
  CHECK(server.next_event() == Kind::sources_removed);
  server.heard.clear();

  change.sid = "stale";
  server.send_jingle(change, "stale");
  CHECK(parse_error(server.take()).condition == Condition::item_not_found);
  server.send_jingle(server.offer("s1"), "again");
  CHECK(parse_error(server.take()).condition == Condition::service_unavailable);
  Element iq = make_iq("set", kUs, "stranger");
  iq.add(jingle::to_element(change));
  server.say(iq, kRoom.with_resource("00000002"));  // only the focus may change our session
  CHECK(server.take().attr("type") == "error");
  CHECK(server.events.empty());
}

TEST_CASE("A moved session ends and the next offer begins a new one") {
  Server server;
  server.enter();
  server.start_session("s1");
  jingle::Jingle bye;
  bye.action = jingle::Action::session_terminate;
  bye.sid = "s1";
  bye.reason = jingle::Reason{"success", "moving"};
  server.send_jingle(bye, "bye");
  CHECK(server.next_event() == Kind::session_ended);
  server.heard.clear();
  server.start_session("s2");
}

TEST_CASE("A failed path is reported, and a restart asked for no more often than the focus allows") {
  Server server;
  server.enter();
  server.start_session("s1");
  server.now = at_ms(10'000);
  server.person.path_failed(server.now, server.out);
  server.pump();
  const auto info = jingle::parse(server.take());
  REQUIRE(info);
  CHECK(info->action == jingle::Action::session_info);
  CHECK(info->ice_state == "failed");
  CHECK(info->bridge_session->id == "bs-s1");
  server.pass(at_ms(11'999));
  CHECK(server.heard.empty());
  server.pass(at_ms(12'000));
  const Element iq = server.take();
  const auto bye = jingle::parse(iq);
  REQUIRE(bye);
  CHECK(bye->action == jingle::Action::session_terminate);
  CHECK(bye->bridge_session->restart);
  server.say(make_result(iq), kFocus);

  // It fails again and again.
  std::vector<Instant> restarts = {at_ms(12'000)};
  for (int i = 2; i < 9; ++i) {
    server.start_session("s" + std::to_string(i));
    server.person.path_failed(server.now, server.out);
    server.pump();
    server.heard.clear();
    while (server.heard.empty()) server.pass(server.person.deadline());
    restarts.push_back(server.now);
    server.heard.clear();
  }
  for (size_t i = 1; i < restarts.size(); ++i) CHECK(restarts[i] - restarts[i - 1] >= Duration::seconds(5));
  for (size_t i = 5; i < restarts.size(); ++i) CHECK(restarts[i] - restarts[i - 5] >= Duration::seconds(60));
}

TEST_CASE("A new offer makes the restart needless") {
  Server server;
  server.enter();
  server.start_session("s1");
  server.person.path_failed(server.now, server.out);
  server.pump();
  server.heard.clear();
  server.start_session("s2");
  server.pass(at_ms(9'000));
  CHECK(server.heard.empty());
}

TEST_CASE("A lost stream ends the session and is opened again, later each time") {
  Server server;
  server.enter();
  server.start_session("s1");
  std::vector<Duration> waits;
  for (int i = 0; i < 4; ++i) {
    const Instant lost = server.now;
    server.stream.reset();
    server.person.on_stream(server.now, {StreamEvent::Kind::closed, server.id, {}, {}}, server.out);
    server.pump();
    if (i == 0) {
      CHECK(server.next_event() == Kind::session_ended);
      CHECK(server.next_event() == Kind::trouble);
    }
    const Instant again = server.person.deadline();
    server.now = again;
    server.person.on_deadline(again, server.out);  // opens; the test closes it before it is up
    CHECK_FALSE(server.out.stream_ops().empty());
    server.id = server.out.stream_ops()[0].id;
    server.out.clear();
    waits.push_back(again - lost);
  }
  for (size_t i = 0; i < waits.size(); ++i) {
    CHECK(waits[i] >= Duration::seconds(1 << i));
    CHECK(waits[i] <= Duration::milliseconds(1'100) * (1 << i));
  }
}

TEST_CASE("Who leaves says so to the focus, the room and the server") {
  Server server;
  server.enter();
  server.start_session("s1");
  server.person.leave(server.now, server.out);
  server.pump();
  REQUIRE(server.heard.size() == 2);
  CHECK(jingle::parse(server.heard[0])->action == jingle::Action::session_terminate);
  CHECK(server.heard[1].attr("type") == "unavailable");
  CHECK(server.closed);
  CHECK(server.person.stage() == Stage::left);
  CHECK(server.person.deadline().is_never());
}

TEST_CASE("A focus that leaves is asked for the conference again") {
  Server server;
  server.enter();
  server.start_session("s1");
  server.say(make_presence("unavailable", kUs), kFocus);
  CHECK(server.next_event() == Kind::session_ended);
  server.pass(at_ms(1'000));
  server.answer_conference(true);
  CHECK(server.person.stage() == Stage::in_room);
  server.heard.clear();
  server.events.clear();
  server.start_session("s2");
}

TEST_CASE("An offer of a direct connection is declined") {
  Server server;
  server.enter();
  Element iq = make_iq("set", kUs, "p2p-1");
  iq.add(jingle::to_element(server.offer("direct")));
  server.say(iq, kRoom.with_resource("00112233"));
  REQUIRE(server.heard.size() == 2);
  CHECK(server.heard[0].attr("type") == "result");
  const auto bye = jingle::parse(server.heard[1]);
  REQUIRE(bye);
  CHECK(to_of(server.heard[1]) == kRoom.with_resource("00112233"));
  CHECK(bye->action == jingle::Action::session_terminate);
  CHECK(bye->sid == "direct");
  REQUIRE(bye->reason);
  CHECK(bye->reason->condition == "decline");
  CHECK(server.events.empty());
}

TEST_CASE("A focus without a bridge is told once") {
  Server server;
  server.enter();
  for (int i = 0; i < 2; ++i) {
    Element focus = make_presence({}, kUs);
    add_focus(focus, {{}, true});
    muc::add_user_info(focus, {{muc::Affiliation::owner, muc::Role::moderator, std::nullopt, {}, {}, {}}, {}, false});
    server.say(focus, kFocus);
  }
  REQUIRE(server.events.size() == 1);
  CHECK(server.events[0].text == "the focus has no bridge for the room");
}

TEST_CASE("At a deployment, a person logs in over WebSocket under the deployment's names") {
  DeploymentPlan there;
  there.websocket = "wss://meet.example/xmpp-websocket";
  there.domain = "guest.meet.example";
  there.focus = "focus.meet.example";
  there.password = "sesame";
  PacketPool pool;
  Outbox out{pool};
  const Jid room = *Jid::parse("load@muc.meet.example");
  Signalling person({room, "ab12cd34", "", {}, &there, "load/people-1"}, Rng(1));
  Instant now;
  person.begin(now, out);
  REQUIRE(out.stream_ops().size() == 1);
  CHECK(out.stream_ops()[0].service == "wss://meet.example/xmpp-websocket?room=load#xmpp");
  const StreamId id = out.stream_ops()[0].id;
  out.clear();
  const auto hear = [&](std::string_view text) {
    out.clear();
    person.on_stream(now, {StreamEvent::Kind::data, id, {}, as_bytes(text)}, out);
    std::vector<Element> said;
    for (const auto& op : out.stream_ops())
      if (op.kind == Outbox::StreamOp::Kind::write) said.push_back(parse_xml(as_text(out.stream_bytes(op))));
    return said;
  };
  person.on_stream(now, {StreamEvent::Kind::opened, id, {}, {}}, out);
  CHECK(parse_xml(as_text(out.stream_bytes(out.stream_ops().at(0)))).attr("to") == "guest.meet.example");
  hear("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
  hear("<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
       "<mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>");
  hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  hear("<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
  const auto asked = hear("<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                          "<jid>x@guest.meet.example/r</jid></bind></iq>");
  REQUIRE(asked.size() == 1);
  CHECK(to_of(asked[0]).to_string() == "focus.meet.example");
  CHECK(parse_conference_request(asked[0])->room == room);

  ConferenceRequest answer;
  answer.room = room;
  answer.ready = true;
  Element ready = make_conference_answer(asked[0], answer);
  ready.set("from", "focus.meet.example");
  const auto joined = hear(to_xml(ready));
  REQUIRE(joined.size() == 1);
  CHECK(muc::join_password(joined[0]) == "sesame");
  CHECK(to_of(joined[0]) == room.with_resource("ab12cd34"));
  CHECK(parse_participant(joined[0]).display_name == "load/people-1");

  // Others, unlike the run's own people, say only here that they encrypt: told when it changes.
  const auto presence = [&](std::string_view who, bool encrypted, bool gone = false) {
    Element p = make_presence({}, Jid());
    p.set("from", room.with_resource(who).to_string());
    if (gone) p.set("type", "unavailable");
    ParticipantPresence of;
    of.encrypted = encrypted;
    add_participant(p, of);
    while (person.poll()) {}
    hear(to_xml(p));
    std::vector<std::pair<std::string, bool>> told;
    while (const auto event = person.poll())
      if (event->kind == Kind::encryption) told.emplace_back(event->text, event->encrypted);
    return told;
  };
  using Told = std::vector<std::pair<std::string, bool>>;
  CHECK(presence("guest", false).empty());
  CHECK(presence("guest", true) == Told{{"guest", true}});
  CHECK(presence("guest", true).empty());
  CHECK(presence("guest", false) == Told{{"guest", false}});
  CHECK(presence("guest", true).size() == 1);
  CHECK(presence("guest", true, true).empty());
  CHECK(presence("guest", true).size() == 1);  // back again
  for (size_t i = 0; i + 1 < Signalling::kMostEncrypting; ++i) presence("g" + std::to_string(i), true);
  CHECK(presence("one too many", true).empty());
}

}  // namespace tacoma
