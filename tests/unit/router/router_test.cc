#include <catch2/catch.hpp>

#include "core/signal/disco.h"
#include "tests/unit/router/deployment_fixture.h"

using namespace tacoma;
using namespace tacoma::test;

TEST_CASE("an anonymous client logs in and is bound to an address of its own") {
  Deployment d;
  Client one(anonymous(), 1), two(anonymous(), 2);
  d.enter(one);
  d.enter(two);
  REQUIRE(one.is_ready());
  REQUIRE(two.is_ready());
  CHECK(one.jid().domain == "tacoma.test");
  CHECK(one.jid() != two.jid());
  CHECK(d.router.stats().sessions == 2);
}

TEST_CASE("accounts log in with SCRAM and PLAIN, and not with a wrong password") {
  for (SaslMechanism mechanism : {SaslMechanism::plain, SaslMechanism::scram_sha_1, SaslMechanism::scram_sha_256}) {
    Deployment d;
    Client bridge(account("jvb", std::string(deployment::kBridgePassword), "eu-1", mechanism), 1);
    d.enter(bridge);
    CHECK(bridge.is_ready());
    CHECK(bridge.jid().to_string() == "jvb@auth.tacoma.test/eu-1");
  }
  Deployment d;
  Client wrong(account("jvb", "guess", "eu-1"), 1);
  d.enter(wrong);
  CHECK_FALSE(wrong.is_ready());
  CHECK(wrong.failure != "");
}

TEST_CASE("the server answers ping, disco#info and disco#items") {
  Deployment d;
  Client client(anonymous(), 1);
  d.enter(client);
  client.send(make_ping(jid("tacoma.test"), "p"));
  client.send(make_disco_query(jid("tacoma.test"), "d"));
  Element items = make_iq("get", jid("tacoma.test"), "i");
  items.add("query", ns::kDiscoItems);
  client.send(items);
  d.wires.run();
  const auto got = client.take();
  REQUIRE(got.size() == 3);
  CHECK(got[0].attr("id") == "p");
  CHECK(got[0].attr("type") == "result");
  const auto info = parse_disco(got[1]);
  REQUIRE(info);
  CHECK(info->has(ns::kPing));
  std::string names;
  for (const Element& item : got[2].child("query", ns::kDiscoItems)->children) names += std::string(item.attr("jid")) + " ";
  CHECK(names == "conference.tacoma.test internal.auth.tacoma.test focus.tacoma.test ");
}

TEST_CASE("the service of rooms lists those that there are") {
  Deployment d;
  Client admin(account("admin", "secret", "x"), 1), stranger(anonymous(), 2);
  d.enter(admin);
  d.enter(stranger);
  d.join(admin, "b@conference.tacoma.test/admin");
  d.join(admin, "a@conference.tacoma.test/admin");
  stranger.send(make_disco_items_query(jid("conference.tacoma.test"), "i"));
  d.wires.run();
  const auto got = stranger.take();
  REQUIRE(got.size() == 1);
  const auto rooms = parse_disco_items(got[0]);
  REQUIRE(rooms);
  CHECK(*rooms == std::vector<Jid>{jid("a@conference.tacoma.test"), jid("b@conference.tacoma.test")});
  CHECK_FALSE(parse_disco_items(make_error(got[0], Condition::forbidden)));
}

TEST_CASE("stanzas go from one full JID to another, and errors come back for who is not there") {
  Deployment d;
  Client one(anonymous(), 1), two(anonymous(), 2);
  d.enter(one);
  d.enter(two);
  Element question = make_iq("get", two.jid(), "q1");
  question.add("anything", "urn:example");
  one.send(question);
  d.wires.run();
  auto got = two.take();
  REQUIRE(got.size() == 1);
  CHECK(from_of(got[0]) == one.jid());
  two.send(make_result(got[0]));
  d.wires.run();
  got = one.take();
  REQUIRE(got.size() == 1);
  CHECK(got[0].attr("id") == "q1");
  CHECK(from_of(got[0]) == two.jid());

  one.send(make_ping(jid("nobody@tacoma.test/x"), "q2"));
  d.wires.run();
  CHECK(last_error(one) == "service-unavailable");
  one.send(make_ping(jid("elsewhere.example"), "q3"));
  d.wires.run();
  CHECK(last_error(one) == "remote-server-not-found");
  one.send(make_ping(jid("focus.tacoma.test"), "q4"));  // known, not connected
  d.wires.run();
  CHECK(last_error(one) == "service-unavailable");
  Element no_address = make_iq("get", jid("tacoma.test"), "q5");
  no_address.set("to", "@");
  one.send(no_address);
  d.wires.run();
  CHECK(last_error(one) == "jid-malformed");
}

namespace {
/// A component that answers everything with a result.
class Component final : public Process {
 public:
  explicit Component(std::string secret) : stream_("focus.tacoma.test", std::move(secret), Rng(9)) {}
  void start(Instant, Outbox& out) override { out.open_stream(StreamId(1), "xmpp-component"); }
  void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
  void on_stream(Instant, const StreamEvent& event, Outbox& out) override {
    if (event.kind == StreamEvent::Kind::opened) stream_.start();
    if (event.kind == StreamEvent::Kind::closed) closed = true;
    if (event.kind == StreamEvent::Kind::data) {
      stream_.on_bytes(event.data);
      while (auto e = stream_.poll()) {
        if (e->kind == XmppEvent::Kind::ready) is_ready = true;
        if (e->kind == XmppEvent::Kind::failed) failed = true;
        if (e->kind == XmppEvent::Kind::stanza && is_request(e->stanza)) stream_.send(make_result(e->stanza));
      }
    }
    if (stream_.has_output()) out.write_stream(StreamId(1), stream_.take_output());
  }
  void on_deadline(Instant, Outbox&) override {}
  Deadline deadline() const override { return {}; }
  bool is_ready = false, failed = false, closed = false;

 private:
  XmppComponent stream_;
};
}  // namespace

TEST_CASE("a component answers for every address of its domain") {
  Deployment d;
  Component focus{std::string(deployment::kComponentSecret)};
  d.wires.attach(focus);
  Client client(anonymous(), 1);
  d.enter(client);
  REQUIRE(focus.is_ready);
  for (const char* address : {"focus.tacoma.test", "focus@focus.tacoma.test/focus"}) {
    client.send(make_ping(jid(address), "p"));
    d.wires.run();
    const auto got = client.take();
    REQUIRE(got.size() == 1);
    CHECK(got[0].attr("type") == "result");
    CHECK(got[0].attr("from") == address);
  }
}

TEST_CASE("a component with the wrong secret is refused; a second one with the right secret replaces the first") {
  Deployment d;
  Component wrong("guess"), first{std::string(deployment::kComponentSecret)}, second{std::string(deployment::kComponentSecret)};
  d.wires.attach(wrong);
  d.wires.run();
  CHECK_FALSE(wrong.is_ready);
  CHECK(wrong.closed);
  d.wires.attach(first);
  d.wires.run();
  d.wires.attach(second);
  d.wires.run();
  CHECK(first.closed);
  CHECK(second.is_ready);
  CHECK_FALSE(second.closed);
  CHECK(d.router.stats().streams == 1);
}

TEST_CASE("a client that logs in under a bound address replaces the session there") {
  Deployment d;
  Client first(account("jvb", std::string(deployment::kBridgePassword), "eu-1"), 1);
  Client second(account("jvb", std::string(deployment::kBridgePassword), "eu-1"), 2);
  d.enter(first);
  d.join(first, "jvbbrewery@internal.auth.tacoma.test/eu-1");
  CHECK(d.router.stats().occupants == 1);
  d.enter(second);
  CHECK(first.is_closed());
  CHECK(second.is_ready());
  CHECK(d.router.stats().sessions == 1);
  CHECK(d.router.stats().occupants == 0);
}

TEST_CASE("broken XML ends the stream that it came on and no other") {
  Deployment d;
  Client good(anonymous(), 1);
  d.enter(good);
  class Broken final : public Process {
   public:
    void start(Instant, Outbox& out) override {
      out.open_stream(StreamId(1), "xmpp");
      out.write_stream(StreamId(1), "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='tacoma.test'><a></b>");
    }
    void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
    void on_stream(Instant, const StreamEvent& event, Outbox&) override { closed |= event.kind == StreamEvent::Kind::closed; }
    void on_deadline(Instant, Outbox&) override {}
    Deadline deadline() const override { return {}; }
    bool closed = false;
  } broken;
  d.wires.attach(broken);
  d.wires.run();
  CHECK(broken.closed);
  CHECK(d.router.stats().drops[Drop::signalling_malformed] == 1);
  CHECK(d.router.stats().streams == 1);
  good.send(make_ping(jid("tacoma.test"), "p"));
  d.wires.run();
  CHECK(good.take().size() == 1);
}

TEST_CASE("a stanza that outgrows its receiver when it is written again is dropped, and nobody's stream ends") {
  Deployment d;
  Client victim(anonymous(), 1);
  d.enter(victim);
  class Crafty final : public Process {
   public:
    explicit Crafty(std::string to) : to_(std::move(to)) {}
    void start(Instant, Outbox& out) override {
      const std::string header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='tacoma.test' version='1.0'>";
      std::string text = header + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>" + header +
                         "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><message to='" + to_ + "' a=\"" +
                         std::string(10'000, '\'') + "\"/><message to='" + to_ + "'><body>harmless</body></message>";
      out.open_stream(StreamId(1), "xmpp");
      out.write_stream(StreamId(1), text);
    }
    void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
    void on_stream(Instant, const StreamEvent& event, Outbox&) override { closed |= event.kind == StreamEvent::Kind::closed; }
    void on_deadline(Instant, Outbox&) override {}
    Deadline deadline() const override { return {}; }
    bool closed = false;

   private:
    std::string to_;
  } crafty(victim.jid().to_string());
  d.wires.attach(crafty);
  d.wires.run();
  CHECK_FALSE(crafty.closed);
  CHECK_FALSE(victim.is_closed());
  const auto got = victim.take();
  REQUIRE(got.size() == 1);
  CHECK(got[0].child_text("body", ns::kClient) == "harmless");
  CHECK(d.router.stats().drops[Drop::signalling_limit] == 1);
}

TEST_CASE("streams over the limit are closed at once") {
  RouterConfig config = Deployment::make_config();
  config.limits.streams = 2;
  Deployment d(config);
  Client one(anonymous(), 1), two(anonymous(), 2), three(anonymous(), 3);
  d.enter(one);
  d.enter(two);
  d.enter(three);
  CHECK(two.is_ready());
  CHECK_FALSE(three.is_ready());
  CHECK(three.is_closed());
  CHECK(d.router.stats().drops[Drop::signalling_limit] == 1);
  d.wires.detach(one);
  d.wires.run();
  Client four(anonymous(), 4);
  d.enter(four);
  CHECK(four.is_ready());
}

TEST_CASE("streams that do not log in are closed after ten seconds and lock nobody out") {
  // Opens a stream and says nothing on it, or only the first words.
  struct Silent : Process {
    explicit Silent(std::string text) : says(std::move(text)) {}
    void start(Instant, Outbox& out) override {
      out.open_stream(StreamId(1), "xmpp");
      out.write_stream(StreamId(1), says);
    }
    void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
    void on_stream(Instant now, const StreamEvent& event, Outbox&) override {
      if (event.kind == StreamEvent::Kind::closed) closed_at = now;
    }
    void on_deadline(Instant, Outbox&) override {}
    Deadline deadline() const override { return {Instant::never(), "silent"}; }
    std::string says;
    std::optional<Instant> closed_at;
  };
  Client early(anonymous(), 1), refused(anonymous(), 2), late(anonymous(), 3);
  Silent silent(""), half("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='tacoma.test' version='1.0'>");
  RouterConfig config = Deployment::make_config();
  config.limits.streams = 3;
  Deployment d(config);
  d.enter(early);
  d.wires.attach(silent);
  d.wires.run(Duration::seconds(1));
  d.wires.attach(half);
  d.enter(refused);
  CHECK(refused.is_closed());
  d.wires.run(Duration::seconds(20));
  CHECK(silent.closed_at == Instant::at(Duration::seconds(10)));
  CHECK(half.closed_at == Instant::at(Duration::seconds(11)));
  CHECK(d.router.stats().streams == 1);
  CHECK(d.router.deadline().at.is_never());
  d.enter(late);
  CHECK(late.is_ready());
  early.send(make_ping(jid("tacoma.test"), "p"));
  d.wires.run();
  CHECK(early.take().size() == 1);  // who has logged in stays
}

TEST_CASE("the same seed writes the same bytes") {
  auto run = [](uint64_t seed) {
    RouterConfig config = Deployment::make_config();
    config.rng = Rng(seed);
    Deployment d(config);
    Client admin(account("admin", "secret", "a"), 1), guest(anonymous(), 2);
    d.enter(admin);
    d.enter(guest);
    std::string seen;
    for (Client* client : {&admin, &guest}) {
      client->send(muc::make_join(jid("room@conference.tacoma.test/" + std::string(client == &admin ? "a" : "b"))));
      d.wires.run();
    }
    for (Client* client : {&admin, &guest})
      for (const Element& stanza : client->take()) seen += to_xml(stanza);
    return seen;
  };
  CHECK(run(7) == run(7));
  CHECK(run(7) != run(8));  // the guest's random address
}
