#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/signal/deployment.h"
#include "core/signal/disco.h"
#include "core/signal/iq_tracker.h"
#include "core/signal/xmpp_stream.h"

using namespace tacoma;
using Kind = XmppEvent::Kind;

namespace {
XmppHosts make_hosts() {
  XmppHosts hosts;
  Rng rng(1);
  hosts.allow_anonymous(deployment::kDomain);
  hosts.add_account(deployment::kAuthDomain, deployment::kBridgeUser, deployment::kBridgePassword, rng);
  hosts.add_account(deployment::kAuthDomain, "odd,=name", "p\xc3\xa4ss", rng);
  hosts.add_component(deployment::kFocusDomain, deployment::kComponentSecret);
  return hosts;
}

struct Pair {
  XmppStream& client;
  XmppServerStream& server;
  size_t cut = 0;  // 0: whole
  std::vector<XmppEvent> at_client{}, at_server{};
  std::string to_server{}, to_client{};

  static void give(XmppStream& stream, const std::string& bytes, size_t cut, std::vector<XmppEvent>& events) {
    const size_t step = cut ? cut : bytes.size();
    for (size_t at = 0; at < bytes.size(); at += step) {
      stream.on_bytes(as_bytes(std::string_view(bytes).substr(at, step)));
      while (auto event = stream.poll()) events.push_back(std::move(*event));
    }
  }
  void run() {
    while (client.has_output() || server.has_output()) {
      const std::string up = client.take_output();
      to_server += up;
      give(server, up, cut, at_server);
      const std::string down = server.take_output();
      to_client += down;
      give(client, down, cut, at_client);
    }
  }
};

XmppClient::Config bridge_login(SaslMechanism mechanism) {
  return {std::string(deployment::kAuthDomain), mechanism, std::string(deployment::kBridgeUser), std::string(deployment::kBridgePassword), "b1"};
}
}  // namespace

TEST_CASE("each way to log in ends in a bound stream, cut anywhere, with the same bytes for the same seed") {
  const XmppHosts hosts = make_hosts();
  for (const SaslMechanism mechanism : {SaslMechanism::plain, SaslMechanism::scram_sha_1, SaslMechanism::scram_sha_256}) {
    std::string transcript;
    for (const size_t cut : {size_t{0}, size_t{1}, size_t{13}, size_t{0}}) {
      XmppClient client(bridge_login(mechanism), Rng(10));
      XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(11));
      Pair pair{client, server, cut};
      client.start();
      pair.run();
      REQUIRE(client.is_ready());
      REQUIRE(server.is_ready());
      REQUIRE(pair.at_client.size() == 1);
      CHECK(pair.at_client[0].kind == Kind::ready);
      CHECK(pair.at_client[0].jid.to_string() == "jvb@auth.tacoma.test/b1");
      CHECK(server.jid() == client.jid());
      const std::string all = pair.to_server + pair.to_client;
      if (transcript.empty()) transcript = all;
      CHECK(all == transcript);
      CHECK(all.find(std::string(deployment::kBridgePassword)) == std::string::npos);
    }
  }
}

TEST_CASE("an anonymous user gets an address of its own") {
  const XmppHosts hosts = make_hosts();
  XmppClient client({std::string(deployment::kDomain), SaslMechanism::anonymous, {}, {}, {}}, Rng(1));
  XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
  Pair pair{client, server};
  client.start();
  pair.run();
  REQUIRE(client.is_ready());
  CHECK(client.jid().domain == deployment::kDomain);
  CHECK(client.jid().node.size() == 36);
  CHECK(!client.jid().resource.empty());
}

TEST_CASE("stanzas go both ways, stamped with who sent them, and the end is in order") {
  const XmppHosts hosts = make_hosts();
  XmppClient client(bridge_login(SaslMechanism::scram_sha_1), Rng(1));
  XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
  Pair pair{client, server};
  client.start();
  pair.run();
  Element message = make_message("chat", *Jid::parse("x@tacoma.test"));
  message.set("from", "forged@tacoma.test/root");
  message.add_text("body", ns::kClient, "hello");
  client.send(message);
  server.send(make_iq("get", client.jid(), "7"));
  pair.run();
  REQUIRE(pair.at_server.size() == 2);
  CHECK(pair.at_server[1].stanza.attr("from") == "jvb@auth.tacoma.test/b1");
  CHECK(pair.at_server[1].stanza.child_text("body", ns::kClient) == "hello");
  REQUIRE(pair.at_client.size() == 2);
  CHECK(pair.at_client[1].stanza.attr("id") == "7");
  client.close();
  client.send(message);
  pair.run();
  CHECK(pair.at_server.back().kind == Kind::closed);
  CHECK(pair.at_client.back().kind == Kind::closed);
  CHECK(pair.at_server.size() == 3);
  CHECK(client.is_over());
  CHECK(server.is_over());
}

TEST_CASE("a component shakes hands and speaks the same stanzas") {
  const XmppHosts hosts = make_hosts();
  for (const size_t cut : {size_t{0}, size_t{1}}) {
    XmppComponent focus(std::string(deployment::kFocusDomain), std::string(deployment::kComponentSecret), Rng(1));
    XmppServerStream server(XmppServerStream::Kind::component, hosts, Rng(2));
    Pair pair{focus, server, cut};
    focus.start();
    pair.run();
    REQUIRE(focus.is_ready());
    REQUIRE(server.is_ready());
    CHECK(server.jid().to_string() == deployment::kFocusDomain);
    Element presence = make_presence({}, *Jid::parse("r@conference.tacoma.test/focus"));
    presence.set("from", deployment::kFocusFullJid);
    presence.add("SourceInfo").text = "{}";
    focus.send(presence);
    server.send(make_iq("get", *Jid::parse(deployment::kFocusDomain), "1"));
    pair.run();
    REQUIRE(pair.at_server.size() == 2);
    CHECK(is_presence(pair.at_server[1].stanza));
    CHECK(pair.at_server[1].stanza.child_text("SourceInfo", ns::kClient) == "{}");
    CHECK(pair.to_server.find("<SourceInfo>{}") != std::string::npos);  // no jabber:client inside a component's stream
    CHECK(is_iq(pair.at_client.back().stanza));
    presence.set("from", "someone@else.test");
    focus.send(presence);
    pair.run();
    CHECK(pair.at_server.back().kind == Kind::failed);
    CHECK(pair.to_client.find("<invalid-from xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>") != std::string::npos);
  }
}

TEST_CASE("wrong secrets are refused") {
  const XmppHosts hosts = make_hosts();
  SECTION("password, by every mechanism") {
    for (const SaslMechanism mechanism : {SaslMechanism::plain, SaslMechanism::scram_sha_1, SaslMechanism::scram_sha_256}) {
      auto login = bridge_login(mechanism);
      login.password = "wider";
      XmppClient client(login, Rng(1));
      XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
      Pair pair{client, server};
      client.start();
      pair.run();
      REQUIRE(pair.at_client.size() == 1);
      CHECK(pair.at_client[0].kind == Kind::failed);
      CHECK(pair.at_client[0].reason == "login refused: not-authorized");
      CHECK(!server.is_ready());
    }
  }
  SECTION("unknown user") {
    auto login = bridge_login(SaslMechanism::scram_sha_1);
    login.user = "nobody";
    XmppClient client(login, Rng(1));
    XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
    Pair pair{client, server};
    client.start();
    pair.run();
    CHECK(pair.at_client.at(0).reason == "login refused: not-authorized");
  }
  SECTION("mechanism that the domain does not offer") {
    XmppClient client({std::string(deployment::kAuthDomain), SaslMechanism::anonymous, {}, {}, {}}, Rng(1));
    XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
    Pair pair{client, server};
    client.start();
    pair.run();
    CHECK(pair.at_client.at(0).reason == "server does not offer ANONYMOUS");
  }
  SECTION("component secret") {
    XmppComponent focus(std::string(deployment::kFocusDomain), "guess", Rng(1));
    XmppServerStream server(XmppServerStream::Kind::component, hosts, Rng(2));
    Pair pair{focus, server};
    focus.start();
    pair.run();
    CHECK(pair.at_client.at(0).reason == "stream error from the peer: not-authorized");
    CHECK(pair.at_server.at(0).kind == Kind::failed);
  }
  SECTION("unknown domains") {
    XmppClient client({"elsewhere.test", SaslMechanism::anonymous, {}, {}, {}}, Rng(1));
    XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
    Pair pair{client, server};
    client.start();
    pair.run();
    CHECK(pair.at_client.at(0).reason == "stream error from the peer: host-unknown");
  }
}

TEST_CASE("a user name with SCRAM's own characters logs in") {
  const XmppHosts hosts = make_hosts();
  XmppClient client({std::string(deployment::kAuthDomain), SaslMechanism::scram_sha_256, "odd,=name", "p\xc3\xa4ss", {}}, Rng(1));
  XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
  Pair pair{client, server};
  client.start();
  pair.run();
  CHECK(client.is_ready());
}

namespace {
std::string header(std::string_view to) {
  return "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='" + std::string(to) + "' version='1.0'>";
}
/// What a server says to given bytes, and how it ended.
struct Told {
  std::string output, reason;
};
Told tell(const std::string& bytes, const XmppHosts& hosts, XmppServerStream::Kind kind = XmppServerStream::Kind::client) {
  XmppServerStream server(kind, hosts, Rng(2));
  server.on_bytes(as_bytes(bytes));
  Told told;
  while (auto event = server.poll())
    if (event->kind == Kind::failed) told.reason = event->reason;
  told.output = server.take_output();
  return told;
}
}  // namespace

TEST_CASE("a server refuses what comes before login, and stops guessing after three attempts") {
  const XmppHosts hosts = make_hosts();
  CHECK(tell(header(deployment::kDomain) + "<presence/>", hosts).reason == "<presence/> before login");
  const std::string guess = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp2YgB3aWRlcg==</auth>";
  CHECK(tell(header(deployment::kAuthDomain) + guess + guess, hosts).reason.empty());
  CHECK(tell(header(deployment::kAuthDomain) + guess + guess + guess, hosts).reason == "too many failed logins");
  CHECK(tell(header(deployment::kAuthDomain) + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>***</auth>", hosts)
            .output.find("<incorrect-encoding/>") != std::string::npos);
  CHECK(tell(header(deployment::kAuthDomain) + "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", hosts).output.find("<malformed-request/>") !=
        std::string::npos);
  CHECK(tell(header(deployment::kAuthDomain) + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>", hosts)
            .output.find("<invalid-mechanism/>") != std::string::npos);
  CHECK(tell(header(deployment::kAuthDomain), hosts, XmppServerStream::Kind::component).reason == "the stream header is not of jabber:component:accept");
}

TEST_CASE("bad XML ends the stream with its condition") {
  const XmppHosts hosts = make_hosts();
  const Told told = tell(header(deployment::kDomain) + "<a></b>", hosts);
  CHECK(told.output.find("<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>") != std::string::npos);
  CHECK(tell(header(deployment::kDomain) + "<!-- x -->", hosts).output.find("<restricted-xml ") != std::string::npos);
  CHECK(tell(header(deployment::kDomain) + "<a>" + std::string(300000, 'x'), hosts).output.find("<policy-violation ") != std::string::npos);
  CHECK(tell("GET / HTTP/1.1\r\n\r\n", hosts).reason == "not well-formed XML");
}

TEST_CASE("a stanza that grows beyond the receiver's limits when it is written again is not sent") {
  const XmppHosts hosts = make_hosts();
  XmppClient client(bridge_login(SaslMechanism::plain), Rng(1));
  XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
  Pair pair{client, server};
  client.start();
  pair.run();
  const auto bounce = [&](const std::string& stanza) {
    server.on_bytes(as_bytes(stanza));
    const auto event = server.poll();
    REQUIRE(event);
    REQUIRE(event->kind == Kind::stanza);
    const bool sent = server.send(event->stanza);
    pair.run();
    REQUIRE(client.is_ready());
    return sent;
  };
  CHECK(bounce("<message><a b='&amp;'/></message>"));
  CHECK(bounce("<message>" + std::string(200000, 'x') + "</message>"));
  CHECK(!bounce("<message>" + std::string(60000, '"') + "</message>"));
  CHECK(!bounce("<message a=\"" + std::string(10000, '\'') + "\"/>"));
  std::string many;
  for (int i = 0; i < 4000; ++i) many += "<p:a/>";
  CHECK(!bounce("<message xmlns:p='" + std::string(250, 'n') + "'>" + many + "</message>"));
}

TEST_CASE("a flood of tiny stanzas in one batch ends the stream") {
  const XmppHosts hosts = make_hosts();
  XmppClient client(bridge_login(SaslMechanism::plain), Rng(1));
  XmppServerStream server(XmppServerStream::Kind::client, hosts, Rng(2));
  Pair pair{client, server};
  client.start();
  pair.run();
  std::string flood;
  for (size_t i = 0; i <= XmppStream::kMaxEvents; ++i) flood += "<iq/>";
  server.on_bytes(as_bytes(flood));
  size_t stanzas = 0;
  std::string reason;
  while (auto event = server.poll()) event->kind == Kind::failed ? void(reason = event->reason) : void(++stanzas);
  CHECK(stanzas == XmppStream::kMaxEvents);
  CHECK(reason == "too many stanzas at once");
}

TEST_CASE("requests find their answers, once, from whom they asked, in time") {
  IqTracker<int> tracker("t");
  const Jid bridge = *Jid::parse("jvbbrewery@internal.auth.tacoma.test/b1"), other = *Jid::parse("x@tacoma.test/y");
  const auto at = [](int s) { return Instant::at(Duration::seconds(s)); };
  const auto answer = [](const std::string& id, const Jid& from) {
    Element iq("iq", ns::kClient);
    return iq.set("type", "result").set("id", id).set("from", from.to_string());
  };
  const std::string first = *tracker.track(bridge, at(15), 1), second = *tracker.track(bridge, at(10), 2);
  CHECK(tracker.earliest() == at(10));
  CHECK(!tracker.match(answer(first, other)));
  CHECK(!tracker.match(answer("t99", bridge)));
  CHECK(!tracker.match(answer("t", bridge)));
  CHECK(!tracker.match(answer("t1x", bridge)));
  CHECK(tracker.match(answer(first, bridge)) == 1);
  CHECK(!tracker.match(answer(first, bridge)));
  CHECK(!tracker.pop_expired(at(9)));
  CHECK(tracker.pop_expired(at(10)) == 2);
  CHECK(!tracker.match(answer(second, bridge)));
  CHECK(tracker.earliest().is_never());
  for (size_t i = 0; i < IqTracker<int>::kMaxPending; ++i) REQUIRE(tracker.track(bridge, at(20), 3));
  CHECK(!tracker.track(bridge, at(20), 3));
}

// --- Over WebSocket (RFC 7395): the exchange with Prosody 0.12's mod_websocket, a message a line.

namespace {
std::vector<std::string> messages_of(XmppStream& stream) {
  std::vector<std::string> all;
  while (stream.has_output()) all.push_back(stream.take_output());
  return all;
}
}  // namespace

TEST_CASE("a stream over WebSocket logs in, binds and ends, with one element a message") {
  XmppClient client({"meet.example", SaslMechanism::anonymous, {}, {}, {}, XmppFraming::messages}, Rng(1));
  const auto hear = [&](std::string_view text) { client.on_bytes(as_bytes(text)); };
  const std::string open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.example' version='1.0' xml:lang='en'/>";
  client.start();
  CHECK(messages_of(client) == std::vector<std::string>{open});
  hear("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='meet.example' id='x' version='1.0' xml:lang='en'/>");
  hear("<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
       "<mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>");
  CHECK(messages_of(client) == std::vector<std::string>{"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"});
  hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  CHECK(messages_of(client) == std::vector<std::string>{open});
  hear("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='meet.example' id='y' version='1.0'/>");
  hear("<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
       "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session></stream:features>");
  CHECK(messages_of(client) == std::vector<std::string>{"<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"});
  hear("<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ab@meet.example/r</jid></bind></iq>");
  REQUIRE(client.is_ready());
  CHECK(client.jid().to_string() == "ab@meet.example/r");

  client.send(make_presence({}, *Jid::parse("room@conference.meet.example/n")));
  client.send(make_ping(*Jid::parse("meet.example"), "p1"));
  const std::vector<std::string> sent = messages_of(client);
  REQUIRE(sent.size() == 2);
  for (const std::string& message : sent) CHECK(parse_xml(message).ns == ns::kClient);

  hear("<message xmlns='jabber:client' from='a@b'><body>one</body></message>");
  REQUIRE(client.poll()->kind == Kind::ready);
  CHECK(client.poll()->stanza.child_text("body", ns::kClient) == "one");
  SECTION("ended by us") {
    client.close();
    CHECK(messages_of(client) == std::vector<std::string>{"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"});
  }
  SECTION("ended by the server, which is answered") {
    hear("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    CHECK(client.poll()->kind == Kind::closed);
    CHECK(messages_of(client) == std::vector<std::string>{"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"});
  }
  SECTION("ended by a stream error") {
    hear("<stream:error xmlns:stream='http://etherx.jabber.org/streams'><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
    CHECK(client.poll()->reason == "stream error from the peer: system-shutdown");
    CHECK(client.is_over());
  }
  SECTION("limits hold as on any stream") {
    hear("<message xmlns='jabber:client'><body>" + std::string(300'000, 'x') + "</body></message>");
    CHECK(client.poll()->kind == Kind::failed);
    CHECK(messages_of(client) == std::vector<std::string>{"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"});
  }
}
