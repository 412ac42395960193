// This focus drives a stock Jitsi Videobridge: its presence, its answers and refusals as it writes them (August 2026), and what the
// focus makes of them for clients.
#include <catch2/catch.hpp>

#include "tests/unit/focus/conference_fixture.h"
#include "tests/unit/signal/xml_pattern.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
const std::string kFingerprint = "3B:7C:1E:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC";

/// What a JVB answers an allocation with: two candidates, a WebSocket and SCTP.
std::string allocated(const std::string& id, const std::string& sctp = "<sctp port='5000' role='server'/>") {
  return "<conference-modified xmlns='jitsi:colibri2'><endpoint id='" + id + R"('><transport>
   <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='1o5idrnq5qf9shu0ei8l8b5b5e' ufrag='aklv91jjj4sn38'>
    <rtcp-mux/>
    <web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://jvb1.example.com:443/colibri-ws/jvb1/6cd4dc03/)" + id + R"(?pwd=2n6u'/>
    <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' required='false' setup='actpass' cryptex='false'>)" + kFingerprint + R"(</fingerprint>
    <candidate component='1' foundation='1' generation='0' id='5a8f7c10' network='0' port='10000' priority='2130706431' protocol='udp' type='host' ip='10.0.0.5'/>
    <candidate component='1' foundation='2' generation='0' id='5a8f7c11' network='0' port='10000' priority='1694498815' protocol='udp' type='srflx' ip='203.0.113.9' rel-addr='10.0.0.5' rel-port='10000'/>
   </transport>)" + sctp + R"(</transport></endpoint>
   <sources><media-source type='audio' id='jvb-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='3735928559' name='jvb-a0'>
     <parameter name='msid' value='mixedmslabel mixedlabelaudio0'/></source></media-source>
    <media-source type='video' id='jvb-v0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='3405691582' name='jvb-v0'>
     <parameter name='msid' value='mixedmslabel mixedlabelvideo0'/></source></media-source></sources></conference-modified>)";
}
std::string refused(const std::string& type, const std::string& condition, const std::string& details = {}) {
  return "<error type='" + type + "'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" + details + "</error>";
}
std::string reason(const std::string& name, const std::string& inside = {}) { return "<error xmlns='jitsi:colibri2' reason='" + name + "'>" + inside + "</error>"; }

std::string stats(const std::string& more = "<stat name='drain' value='false'/>", const std::string& stress = "0.03") {
  return "<stats xmlns='http://jitsi.org/protocol/colibri'><stat name='stress_level' value='" + stress + "'/><stat name='version' value='2.3.240-ga29d97d'/>"
         "<stat name='region' value='eu'/><stat name='graceful_shutdown' value='false'/><stat name='shutting_down' value='false'/>"
         "<stat name='healthy' value='true'/><stat name='relay_id' value='jvb1'/>" + more + "</stats>";
}

/// A stream that answers the focus with texts.
class StockJvb {
 public:
  explicit StockJvb(Deployment& deployment, std::string nick = "jvb1")
      : nick_(std::move(nick)), deployment_(deployment), client(account("jvb", std::string(deployment::kBridgePassword), nick_), 70 + nick_.back()) {
    client.keeps = false;
    client.on_stanza = [this](const Element& stanza) { on_stanza(stanza); };
    deployment_.enter(client);
    say("<x xmlns='http://jabber.org/protocol/muc'/>" + stats());
  }
  /// Its presence in the brewery.
  void say(const std::string& inside) {
    client.send(stanza_of("<presence to='jvbbrewery@internal.auth.tacoma.test/" + nick_ + "'>" + inside + "</presence>"));
    deployment_.wires.run();
  }
  const Element& last() const { return requests.back(); }
  size_t count(const std::string& what) const {
    size_t found = 0;
    for (const Element& request : requests)
      for (const Element& endpoint : request.children.at(0).children) found += endpoint.find_attr(what) != nullptr;
    return found;
  }

  std::vector<Element> requests;           // conference-modify
  std::vector<std::string> next_answers;   // in place of the usual ones, first first; "" is silence
  std::string health;                      // what is in the answer to a health check; empty: it is well
  std::string sctp = "<sctp port='5000' role='server'/>";

 private:
  void on_stanza(const Element& stanza) {
    if (is_presence(stanza) || is_answer(stanza)) return;
    if (is_healthcheck(stanza)) return answer(stanza, health);
    if (!stanza.child("conference-modify", "jitsi:colibri2")) return;
    requests.push_back(stanza);
    if (!next_answers.empty()) {
      const std::string text = next_answers.front();
      next_answers.erase(next_answers.begin());
      return text.empty() ? void() : answer(stanza, text);
    }
    const Element& endpoint = *stanza.children[0].child("endpoint", "jitsi:colibri2");
    const std::string id(endpoint.attr("id"));
    if (endpoint.attr_bool("create")) return answer(stanza, allocated(id, sctp));
    if (endpoint.attr_bool("expire")) return answer(stanza, "<conference-modified xmlns='jitsi:colibri2'><endpoint id='" + id + "' expire='true'/></conference-modified>");
    const Element* transport = endpoint.child("transport");
    if (transport && transport->attr_bool("ice-restart"))
      return answer(stanza, "<conference-modified xmlns='jitsi:colibri2'><endpoint id='" + id + "'><transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' "
                            "pwd='3o5idrnq5qf9shu0ei8l8b5b5e' ufrag='bklv91jjj4sn38' ice-generation='1'><rtcp-mux/></transport></transport></endpoint></conference-modified>");
    answer(stanza, "<conference-modified xmlns='jitsi:colibri2'/>");
  }
  void answer(const Element& request, const std::string& inside) {
    Element reply = make_result(request);
    if (inside.starts_with("<error")) reply.set("type", "error");
    if (!inside.empty()) reply.add(stanza_of(inside));
    client.send(reply);
  }
  std::string nick_;
  Deployment& deployment_;

 public:
  test::Client client;
};

struct Meeting : Conference {
  explicit Meeting(FocusConfig config = FocusConfig::embedded(Rng(3))) : Conference(std::move(config)) {}
  void come() {
    alice.come();
    bob.come();
    take_log();
  }
  Person& alice = add_person("aaaaaaaa");
  Person& bob = add_person("bbbbbbbb");
};
}  // namespace

TEST_CASE("stock JVB: the requests of an endpoint's life") {
  Meeting m;
  StockJvb jvb(m);
  m.alice.presence.stats_id = "Eve-x1";
  m.alice.features.features.emplace_back(ns::kSctpMap);
  m.come();
  check_said(jvb.requests.at(0), R"(
<iq type='get' id='*' from='*' to='*'>
 <conference-modify xmlns='jitsi:colibri2' meeting-id='*' name='r@conference.tacoma.test' create='true' only='true'>
  <endpoint id='aaaaaaaa' create='true' stats-id='Eve-x1' expire='-'>
   <capability name='source-names'/>
   <media type='audio'>
    <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='111' name='opus' clockrate='48000' channels='2'><parameter name='minptime' value='10'/></payload-type>
    <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/></media>
   <media type='video'>
    <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='100' name='VP8' clockrate='90000'><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/></payload-type></media>
   <transport ice-controlling='true' only='true'><sctp port='-'/></transport>
  </endpoint></conference-modify></iq>)");
  CHECK(jvb.requests[0].children[0].children[0].child("sources") == nullptr);  // come with the accept
  const Element* of_bob = nullptr;
  for (const Element& request : jvb.requests)
    if (request.children[0].children[0].attr("id") == "bbbbbbbb" && request.children[0].children[0].attr_bool("create")) of_bob = &request;
  REQUIRE(of_bob);
  check_said(*of_bob, "<iq type='get'><conference-modify xmlns='jitsi:colibri2' create='-' only='true'><endpoint id='bbbbbbbb' create='true'><transport ice-controlling='true' only='true'/></endpoint></conference-modify></iq>");
  check_said(jvb.last(), R"(
<iq type='get'><conference-modify xmlns='jitsi:colibri2' meeting-id='*' create='-' only='true'>
 <endpoint id='bbbbbbbb' create='-'>
  <transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='pbbbbbbbb' pwd='password0password0password'>
   <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>*</fingerprint></transport></transport>
  <sources><media-source type='audio' id='bbbbbbbb-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='21' name='bbbbbbbb-a0'/></media-source>
   <media-source type='video' id='bbbbbbbb-v0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='22' name='bbbbbbbb-v0'/>
    <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='23' name='bbbbbbbb-v0'/>
    <ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='22'/><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='23'/></ssrc-group></media-source></sources>
 </endpoint></conference-modify></iq>)");
  // A change is the whole list again.
  jingle::SourceSet camera;
  camera.video = m.bob.sources.video;
  m.bob.change_sources(jingle::Action::source_remove, camera);
  check_said(jvb.last(), R"(<iq type='get'><conference-modify xmlns='jitsi:colibri2'><endpoint id='bbbbbbbb' only='true'>
    <sources only='true'><media-source type='audio' id='bbbbbbbb-a0'/></sources></endpoint></conference-modify></iq>)");
  m.bob.restart_ice();
  check_said(jvb.last(), "<iq type='get'><conference-modify xmlns='jitsi:colibri2'><endpoint id='bbbbbbbb' only='true'><transport ice-restart='true' only='true'/></endpoint></conference-modify></iq>");
  REQUIRE(m.bob.last_transport.transport());
  CHECK(m.bob.last_transport.transport()->ufrag == "bklv91jjj4sn38");
  m.bob.leave();
  check_said(jvb.last(), "<iq type='get'><conference-modify xmlns='jitsi:colibri2'><endpoint id='bbbbbbbb' expire='true' only='true'/></conference-modify></iq>");
}

TEST_CASE("stock JVB: what it answers is what clients are offered") {
  Meeting m;
  StockJvb jvb(m);
  m.alice.features.features.emplace_back(ns::kSctpMap);
  m.come();
  const std::string transport = R"(<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='aklv91jjj4sn38' pwd='1o5idrnq5qf9shu0ei8l8b5b5e'>
     <rtcp-mux/><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>)" + kFingerprint + R"(</fingerprint>%
     <candidate component='1' foundation='1' generation='0' port='10000' priority='2130706431' protocol='udp' type='host' ip='10.0.0.5'/>
     <candidate component='1' foundation='2' generation='0' port='10000' priority='1694498815' protocol='udp' type='srflx' ip='203.0.113.9' rel-addr='10.0.0.5' rel-port='10000'/></transport>)";
  const auto with = [&](const std::string& sctp) {
    std::string text = transport;
    return text.replace(text.find('%'), 1, sctp);
  };
  Element offer("iq", ns::kClient);
  offer.add(jingle::to_element(m.alice.offer));
  check_said(offer, "<iq><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate'>"
    "<content name='audio' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><rtcp-mux/></description>" + with("") + "</content>"
    "<content name='video'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'><rtcp-mux/></description>" + with("") + "</content>"
    "<content name='data'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='application' only='true'/>" +
    with("<sctpmap xmlns='urn:xmpp:jingle:transports:dtls-sctp:1' number='5000' protocol='webrtc-datachannel' streams='1024'/>") + "</content>"
    "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE' only='true'><content name='audio'/><content name='video'/><content name='data'/></group>"
    "<bridge-session xmlns='http://jitsi.org/protocol/focus' id='*' region='eu'/></jingle></iq>");
  const auto sources = jingle::sources_of(m.alice.offer, "?");
  REQUIRE((sources && sources->contains("jvb")));
  CHECK(sources->at("jvb").audio.sources.at(0).ssrc == Ssrc(3735928559u));
  CHECK(sources->at("jvb").video.sources.at(0).msid == "mixedmslabel mixedlabelvideo0");
  // One channel each: she has the data channel, he cannot have one.
  for (const jingle::Content& content : m.alice.offer.contents) CHECK_FALSE(content.transport->web_socket);
  CHECK(m.bob.offer.content("data") == nullptr);
  for (const jingle::Content& content : m.bob.offer.contents)
    CHECK(content.transport->web_socket == "wss://jvb1.example.com:443/colibri-ws/jvb1/6cd4dc03/bbbbbbbb?pwd=2n6u");
}

TEST_CASE("stock JVB: without SCTP in its answer no data channel is offered; nor where the configuration says so") {
  FocusConfig config = FocusConfig::embedded(Rng(3));
  config.use_sctp = GENERATE(true, false);
  Meeting m(config);
  StockJvb jvb(m);
  if (config.use_sctp) jvb.sctp.clear();
  m.alice.features.features.emplace_back(ns::kSctpMap);
  m.come();
  CHECK(m.alice.offers == 1);
  CHECK(m.alice.offer.content("data") == nullptr);
  for (const jingle::Content& content : m.alice.offer.contents) CHECK(content.transport->web_socket);
  check_said(jvb.requests.at(0), std::string("<iq><conference-modify xmlns='jitsi:colibri2'><endpoint id='aaaaaaaa'><transport only='true'>") +
                                     (config.use_sctp ? "<sctp/>" : "") + "</transport></endpoint></conference-modify></iq>");
}

TEST_CASE("stock JVB: its presence says when it may be used") {
  Meeting m;
  StockJvb jvb(m);
  jvb.say(stats(""));  // draining until it says that it is not
  m.come();
  CHECK(m.alice.offers == 0);
  jvb.say(stats("<stat name='drain' value='true'/>"));
  CHECK(m.alice.offers == 0);
  jvb.say(stats());
  CHECK(m.alice.offers == 1);
  StockJvb other(m, "jvb2");
  std::string dying = stats();
  const std::string key = "name='shutting_down' value='";
  dying.replace(dying.find(key) + key.size(), 5, "true");
  jvb.say(dying);
  CHECK(m.alice.offers == 2);
  CHECK(other.count("create") == 2);
}

TEST_CASE("stock JVB: refused allocations") {
  const struct {
    std::string answer;
    int offers_here, offers_there;   // of Alice, from this bridge and from the other
  } table[] = {
    {refused("cancel", "item-not-found", reason("conference_not_found")), 1, 0},     // the session is made anew, here
    {refused("cancel", "conflict", reason("conference_already_exists")), 1, 0},
    {refused("cancel", "conflict"), 1, 0},                                          // the endpoint exists
    {refused("wait", "service-unavailable", reason("graceful_shutdown")), 0, 1},
    {refused("cancel", "internal-server-error"), 0, 1},
    {refused("cancel", "feature-not-implemented", reason("feature_not_implemented")), 0, 1},
    {refused("auth", "forbidden"), 0, 1},                                           // it does not take us for its focus
    {refused("modify", "bad-request"), 0, 0},                                       // this invitation, for good
    {"<conference-modified xmlns='jitsi:colibri2'><endpoint id='aaaaaaaa'/></conference-modified>", 0, 0},
    {"", 0, 1},                                                                     // silence for 15 s
  };
  for (const auto& row : table) {
    INFO(row.answer);
    Meeting m;
    StockJvb jvb(m);
    jvb.next_answers = {row.answer};
    m.alice.come();
    StockJvb other(m, "jvb2");
    other.say(stats("<stat name='drain' value='false'/>", "0.5"));  // the second choice
    m.bob.come();
    m.wires.run(Duration::seconds(row.answer.empty() ? 16 : 1));
    CHECK(m.alice.offers == row.offers_here + row.offers_there);
    const auto created_for_alice = [](const StockJvb& bridge) {
      int created = 0;
      for (const Element& request : bridge.requests) created += request.children[0].children[0].attr("id") == "aaaaaaaa" && request.children[0].children[0].attr_bool("create");
      return created;
    };
    CHECK(created_for_alice(jvb) == 1 + row.offers_here);
    CHECK(created_for_alice(other) == row.offers_there);
  }
}

TEST_CASE("stock JVB: refused updates") {
  Meeting m;
  StockJvb jvb(m);
  m.come();
  const auto change = [&] {
    jingle::SourceSet camera;
    camera.video = m.bob.sources.video;
    m.bob.change_sources(jingle::Action::source_remove, camera);
  };
  // One endpoint is lost: that one comes again.
  jvb.next_answers = {refused("cancel", "item-not-found", reason("unknown_endpoint", "<endpoint id='bbbbbbbb'/>"))};
  change();
  CHECK(m.bob.offers == 2);
  CHECK(m.alice.offers == 1);
  // An update that nobody answers changes nothing.
  jvb.next_answers = {""};
  change();
  m.wires.run(Duration::seconds(16));
  CHECK(m.bob.offers == 2);
  // Any other refusal loses the conference on that bridge.
  m.bob.change_sources(jingle::Action::source_add, [&] { jingle::SourceSet camera; camera.video = m.bob.sources.video; return camera; }());
  jvb.next_answers = {refused("cancel", "item-not-found", reason("conference_not_found"))};
  change();
  CHECK(m.bob.offers == 3);
  CHECK(m.alice.offers == 2);
  check_said(jvb.requests.at(jvb.requests.size() - 4), "<iq><conference-modify xmlns='jitsi:colibri2' create='true'><endpoint create='true'/></conference-modify></iq>");
}

TEST_CASE("stock JVB: one that says it is ill loses its people") {
  Meeting m;
  StockJvb jvb(m);
  m.come();
  StockJvb other(m, "jvb2");
  jvb.health = refused("wait", "internal-server-error", "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no valid addresses</text>");
  m.wires.run(Duration::seconds(11));
  CHECK(m.alice.offers == 2);
  CHECK(other.count("create") == 2);
}
