// What every world must do, as functions over a factory: the tests of the light, the sockets and the ns-3 world call them, each in
// its own binary. Times are judged with a tolerance; a world in virtual time gives a small one.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/world.h"
#include "tests/support/instants.h"

namespace tacoma::conformance {

/// Makes the world under test for a plan; asserts that this works. The tap may be null.
using Factory = std::function<std::unique_ptr<World>(const NetworkPlan&, Tap*)>;

struct Subject {
  Factory make;
  Duration early;  // how far before and after the time of the plan something may happen
  Duration late;
};

/// A process that records what happens to it and does what a test hangs into it. Read it through World::inspect or when the world
/// is gone.
class Probe : public Process {
 public:
  struct Got {
    SocketAddress from, to;
    std::string payload;
    Instant arrived, now;
    bool unique = false;
    Ecn ecn = Ecn::not_ect;
  };
  struct Heard {
    StreamEvent::Kind kind;
    StreamId id;
    std::string text;  // data or service
    Instant now;
  };
  std::function<void(Instant, Outbox&)> at_start;
  std::function<void(Instant, const Datagram&, Outbox&)> at_datagram;
  std::function<void(Instant, const StreamEvent&, Outbox&)> at_stream;
  std::function<void(Instant, Outbox&)> at_deadline;  // sets `next`; without it, the process is woken once
  Deadline next;

  int starts = 0, calls = 0;
  bool time_went_back = false;
  std::vector<Instant> wakes;
  std::vector<size_t> batches;
  std::vector<Got> got;
  std::vector<Heard> heard;  // without data
  std::string received;      // data of all streams

  void start(Instant now, Outbox& out) override {
    note(now);
    ++starts;
    if (at_start) at_start(now, out);
  }
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override {
    note(now);
    batches.push_back(in.size());
    for (Datagram& d : in) {
      got.push_back({d.from, d.to, std::string(as_text(d.packet.bytes())), d.arrived, now, d.packet.unique(), d.ecn});
      if (at_datagram) at_datagram(now, d, out);
    }
  }
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override {
    note(now);
    if (event.kind == StreamEvent::Kind::data) received += as_text(event.data);
    else heard.push_back({event.kind, event.id, std::string(event.service), now});
    if (at_stream) at_stream(now, event, out);
  }
  void on_deadline(Instant now, Outbox& out) override {
    note(now);
    wakes.push_back(now);
    next.at = Instant::never();
    if (at_deadline) at_deadline(now, out);
  }
  Deadline deadline() const override { return next; }

 private:
  void note(Instant now) {
    time_went_back |= now < last_ || (starts == 0 && calls > 0);
    last_ = now;
    ++calls;
  }
  Instant last_;
};

inline void send_text(Outbox& out, const SocketAddress& to, std::string_view text) { out.send(to, out.pool().copy(as_bytes(text))); }

constexpr Duration ms(int64_t n) { return Duration::milliseconds(n); }

/// `count` hosts named h0, h1 ... in one region, on links without limit or delay.
inline NetworkPlan plain_plan(size_t count, IpFamily family = IpFamily::v4) {
  NetworkPlan plan;
  plan.regions = {"here"};
  plan.one_way = {{Duration::zero()}};
  for (size_t i = 0; i < count; ++i) plan.hosts.push_back({"h" + std::to_string(i), 0, {}, {}, family});
  return plan;
}

/// Two hosts in two regions: 5 ms up, 20 ms between the regions, 10 ms down, in both directions.
inline NetworkPlan two_regions(IpFamily family = IpFamily::v4) {
  NetworkPlan plan = plain_plan(2, family);
  plan.regions = {"eu", "us"};
  plan.one_way = {{ms(0), ms(20)}, {ms(20), ms(0)}};
  plan.hosts[1].region = 1;
  for (HostPlan& host : plan.hosts) {
    host.up.delay = ms(5);
    host.down.delay = ms(10);
  }
  return plan;
}

/// What a test reads of a probe, taken on the probe's thread.
template <typename T>
T look(World& world, HostId host, T Probe::*member) {
  T copy{};
  world.inspect(host, [&](Process& process, Instant, Outbox&) { copy = static_cast<Probe&>(process).*member; });
  return copy;
}

inline void check_time(const Subject& subject, Instant actual, Instant expected) {
  INFO("at " << actual.since_start().to_ms() << " ms, expected " << expected.since_start().to_ms() << " ms");
  CHECK(actual >= expected - subject.early);
  CHECK(actual <= expected + subject.late);
}

/// Datagrams go there and back with the right addresses, after the delays of the plan, as packets of their own.
inline void datagrams_cross(const Subject& subject, IpFamily family) {
  const HostId a(0), b(1);
  Probe asks, answers;
  const std::unique_ptr<World> world = subject.make(two_regions(family), nullptr);
  const SocketAddress to = world->address(b, family);
  asks.at_start = [&](Instant, Outbox& out) { send_text(out, to, "ping"); };
  answers.at_datagram = [](Instant, const Datagram& d, Outbox& out) { send_text(out, d.from, "pong"); };
  world->attach(b, &answers);
  world->attach(a, &asks);
  world->run_until(at_ms(120));
  const auto at_b = look(*world, b, &Probe::got), at_a = look(*world, a, &Probe::got);
  REQUIRE(at_b.size() == 1);
  REQUIRE(at_a.size() == 1);
  CHECK(at_b[0].payload == "ping");
  CHECK(at_b[0].from == world->address(a, family));
  CHECK(at_b[0].to == world->address(b, family));
  CHECK(at_b[0].unique);
  CHECK(at_b[0].arrived <= at_b[0].now);
  check_time(subject, at_b[0].arrived, at_ms(35));
  CHECK(at_a[0].payload == "pong");
  CHECK(at_a[0].from == to);
  check_time(subject, at_a[0].arrived, at_ms(70));
  CHECK(world->stats().datagrams_sent == 2);
  CHECK(world->stats().datagrams_delivered == 2);
  CHECK(world->stats().drops.total() == 0);
}

/// Each ECN codepoint arrives as it was sent.
inline void codepoints_cross(const Subject& subject, IpFamily family) {
  const std::vector<Ecn> all{Ecn::ce, Ecn::not_ect, Ecn::ect0, Ecn::ect0, Ecn::ect1, Ecn::not_ect};
  Probe from, to;
  const std::unique_ptr<World> world = subject.make(two_regions(family), nullptr);
  const SocketAddress address = world->address(HostId(1), family);
  from.at_start = [&](Instant, Outbox& out) {
    for (const Ecn ecn : all) out.send(address, out.pool().copy(as_bytes("equal")), ecn);
  };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(100));
  std::vector<Ecn> got;
  for (const Probe::Got& g : look(*world, HostId(1), &Probe::got)) got.push_back(g.ecn);
  CHECK(got == all);
}

/// Where a queue stands, CoDel marks those who can ECN and loses the others, and neither the other way round. The queue is of a host's own
/// link, of a site's on the way up, or of a site's on the way down.
inline void queues_mark(const Subject& subject, IpFamily family) {
  constexpr uint32_t kPackets = 300;
  for (int where = 0; where < 3; ++where) {
    NetworkPlan plan = two_regions(family);
    plan.sites.push_back({"left", 0, {}, {}, {}});
    plan.sites.push_back({"right", 1, {}, {}, {}});
    plan.hosts[0].site = 0;
    plan.hosts[1].site = 1;
    LinkConfig& neck = where == 0 ? plan.hosts[0].up : where == 1 ? plan.sites[0].up : plan.sites[1].down;
    neck.rate = DataRate::mbps(1);
    neck.disc = QueueDisc::codel;
    neck.ecn = true;
    Probe from, to;
    const std::unique_ptr<World> world = subject.make(plan, nullptr);
    const SocketAddress address = world->address(HostId(1), family);
    uint32_t sent = 0;
    Instant due;
    from.at_start = [&](Instant now, Outbox&) { from.next = {due = now + ms(1), "send"}; };
    from.at_deadline = [&](Instant now, Outbox& out) {
      PacketRef packet = out.pool().copy(as_bytes(std::string(1200, sent % 2 == 0 ? 'e' : 'n')));
      out.send(address, std::move(packet), sent % 2 == 0 ? Ecn::ect0 : Ecn::not_ect);
      // 9 % more than it carries; a busy machine's delays are made up for.
      due = due + ms(9);
      if (++sent < kPackets) from.next = {std::max(due, now + Duration::microseconds(100)), "send"};
    };
    world->attach(HostId(1), &to);
    world->attach(HostId(0), &from);
    world->run_until(at_ms(3'500));
    uint32_t ect = 0, marked = 0, others = 0, wrong = 0;
    for (const Probe::Got& g : look(*world, HostId(1), &Probe::got)) {
      const bool can = g.payload[0] == 'e';
      ect += can;
      others += !can;
      marked += can && g.ecn == Ecn::ce;
      wrong += can ? g.ecn != Ecn::ce && g.ecn != Ecn::ect0 : g.ecn != Ecn::not_ect;
    }
    INFO("queue " << where << ": " << marked << " of " << ect << " marked, " << others << " of the others arrived");
    CHECK(ect == kPackets / 2);
    CHECK(marked >= 3);
    CHECK(marked < ect);
    CHECK(others < kPackets / 2);
    CHECK(others > kPackets / 4);
    CHECK(wrong == 0);
    std::vector<LinkSample> links;
    world->sample_links(links);
    const HostId at = where == 0 ? HostId(0) : plan.site_id(where - 1);
    for (const LinkSample& link : links) {
      INFO("host " << link.host.value() << (link.is_up ? " up" : " down"));
      const bool is_neck = link.host == at && link.is_up == (where < 2);
      CHECK(link.marked == (is_neck ? marked : 0));
      CHECK(link.queue_drops == (is_neck ? kPackets / 2 - others : 0));
    }
  }
}

/// A pool that refused leaves an empty reference: sending it is counted and the next packet goes its way.
inline void empty_references_are_counted(const Subject& subject) {
  Probe from, to;
  const std::unique_ptr<World> world = subject.make(plain_plan(2), nullptr);
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    out.send(address, PacketRef());
    send_text(out, address, "the next");
  };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(100));
  const auto got = look(*world, HostId(1), &Probe::got);
  REQUIRE(got.size() == 1);
  CHECK(got[0].payload == "the next");
  CHECK(world->stats().datagrams_sent == 1);
  CHECK(world->stats().drops[Drop::pool_exhausted] == 1);
}

/// Processes start once, before anything else, and are woken when they asked to be.
inline void deadlines_are_kept(const Subject& subject) {
  Probe probe;
  probe.at_start = [&](Instant now, Outbox&) { probe.next = {now + ms(10), "first"}; };
  probe.at_deadline = [&](Instant now, Outbox&) {
    if (probe.wakes.size() < 5) probe.next = {now + ms(20), "again"};
  };
  const std::unique_ptr<World> world = subject.make(plain_plan(1), nullptr);
  world->attach(HostId(0), &probe);
  CHECK(probe.calls == 0);
  world->run_until(at_ms(50));
  world->run_until(at_ms(200));
  CHECK(world->now() >= at_ms(200));
  const auto wakes = look(*world, HostId(0), &Probe::wakes);
  REQUIRE(wakes.size() == 5);
  CHECK(wakes[0] >= at_ms(10));
  check_time(subject, wakes[0], at_ms(10));
  for (size_t i = 1; i < 5; ++i) check_time(subject, wakes[i], wakes[i - 1] + ms(20));
  CHECK(look(*world, HostId(0), &Probe::starts) == 1);
  CHECK_FALSE(look(*world, HostId(0), &Probe::time_went_back));
}

/// Sends `count` datagrams of `payload` bytes, one every `gap`, from host 0 to host 1.
struct Sender {
  Sender(Probe& probe, SocketAddress to, int count, size_t payload, Duration gap) {
    probe.at_start = [&probe](Instant now, Outbox&) { probe.next = {now, "send"}; };
    probe.at_deadline = [this, &probe, to, count, payload, gap](Instant now, Outbox& out) {
      send_text(out, to, std::string(payload, 'x'));
      if (++sent < count) probe.next = {now + gap, "send"};
    };
  }
  int sent = 0;
};

/// A link loses its share of the packets, and every packet is delivered or counted.
inline void loss_follows_the_plan(const Subject& subject) {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[0].up.loss = 0.3;
  plan.hosts[1].down.delay = ms(1);
  Probe from, to;
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  const Sender sender(from, world->address(HostId(1), IpFamily::v4), 2000, 100, Duration::microseconds(200));
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(2000));
  const WorldStats stats = world->stats();
  REQUIRE(stats.datagrams_sent == 2000);
  CHECK(look(*world, HostId(1), &Probe::got).size() == stats.datagrams_delivered);
  CHECK(stats.datagrams_delivered + stats.drops[Drop::link_loss] == 2000);
  CHECK(stats.datagrams_delivered == Approx(1400).margin(110));  // over five standard deviations
  std::vector<LinkSample> links;
  world->sample_links(links);
  REQUIRE(links.size() == 4);
  CHECK(links[0].is_up);
  CHECK(links[0].packets == 2000);
  CHECK(links[0].bytes == 2000 * 128);
  CHECK(links[0].loss_drops == stats.drops[Drop::link_loss]);
  CHECK(links[3].host == HostId(1));
  CHECK_FALSE(links[3].is_up);
  CHECK(links[3].packets == stats.datagrams_delivered);
}

/// A burst meets the rate of the link and the limit of its queue: 1,000 bytes a packet take 8 ms at 1 Mbps, 100 ms hold 12 of them.
inline void rate_and_queue_follow_the_plan(const Subject& subject) {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[1].down.rate = DataRate::mbps(1);
  plan.hosts[1].down.queue = ms(100);
  Probe from, to;
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    for (int i = 0; i < 40; ++i) send_text(out, address, std::string(972, 'x'));
  };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(300));
  const auto got = look(*world, HostId(1), &Probe::got);
  const WorldStats stats = world->stats();
  CHECK(got.size() + stats.drops[Drop::queue_full] == 40);
  CHECK(got.size() >= 12);
  CHECK(got.size() <= 14);
  for (size_t i = 0; i < got.size(); ++i) check_time(subject, got[i].arrived, at_ms(8 * static_cast<int64_t>(i + 1)));
}

/// A change of a link takes effect at its time.
inline void links_change(const Subject& subject) {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[0].up.delay = ms(5);
  LinkConfig later = plan.hosts[0].up;
  later.delay = ms(60);
  plan.changes.push_back({at_ms(100), HostId(0), true, later});
  Probe from, to;
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    send_text(out, address, "before");
    from.next = {at_ms(150), "after the change"};
  };
  from.at_deadline = [&](Instant, Outbox& out) { send_text(out, address, "after"); };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(300));
  const auto got = look(*world, HostId(1), &Probe::got);
  REQUIRE(got.size() == 2);
  check_time(subject, got[0].arrived, at_ms(5));
  check_time(subject, got[1].arrived, at_ms(210));
}

/// A stream opens after a round trip, carries bytes both ways in order, and closes at the peer after what was written.
inline void streams_talk(const Subject& subject, IpFamily family) {
  Probe client, server;
  client.at_start = [](Instant, Outbox& out) {
    out.open_stream(StreamId(7), "echo");
    out.write_stream(StreamId(7), "early ");  // before it is open
  };
  client.at_stream = [&](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind == StreamEvent::Kind::opened) out.write_stream(event.id, "hello");
    if (event.kind == StreamEvent::Kind::data && client.received == "early hello") {
      out.write_stream(event.id, " bye");
      out.close_stream(event.id);
    }
  };
  server.at_stream = [](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind == StreamEvent::Kind::data) out.write_stream(event.id, event.data);
  };
  const std::unique_ptr<World> world = subject.make(two_regions(family), nullptr);
  world->listen(HostId(1), "echo");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(500));
  const auto at_client = look(*world, HostId(0), &Probe::heard), at_server = look(*world, HostId(1), &Probe::heard);
  REQUIRE(at_client.size() == 1);  // no closed event for the end that closed
  CHECK(at_client[0].kind == StreamEvent::Kind::opened);
  CHECK(at_client[0].id == StreamId(7));
  check_time(subject, at_client[0].now, at_ms(70));
  REQUIRE(at_server.size() == 2);
  CHECK(at_server[0].kind == StreamEvent::Kind::accepted);
  CHECK(at_server[0].text == "echo");
  CHECK(at_server[0].id.value() >= 0x80000000u);
  check_time(subject, at_server[0].now, at_ms(105));
  CHECK(at_server[1].kind == StreamEvent::Kind::closed);
  CHECK(at_server[1].id == at_server[0].id);
  CHECK(look(*world, HostId(1), &Probe::received) == "early hello bye");
  CHECK(look(*world, HostId(0), &Probe::received) == "early hello");
}

/// A megabyte arrives whole and in order, over a path with delay and a rate.
inline void streams_carry_a_megabyte(const Subject& subject) {
  NetworkPlan plan = two_regions();
  plan.hosts[0].up.rate = DataRate::mbps(20);
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i) text += std::to_string(i) + " ";
  Probe client, server;
  client.at_start = [&](Instant, Outbox& out) {
    out.open_stream(StreamId(1), "sink");
    out.write_stream(StreamId(1), text);
    out.close_stream(StreamId(1));
  };
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  world->listen(HostId(1), "sink");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(3500));
  CHECK((look(*world, HostId(1), &Probe::received) == text));
  const auto heard = look(*world, HostId(1), &Probe::heard);
  REQUIRE(heard.size() == 2);
  CHECK(heard[1].kind == StreamEvent::Kind::closed);
  CHECK(heard[1].now >= at_ms(400));  // 1 MB at 20 Mbps
}

/// Opening a stream to a service that nobody offers, or whose host is down, ends in `closed`.
inline void streams_are_refused(const Subject& subject) {
  Probe client;
  client.at_start = [](Instant, Outbox& out) {
    out.open_stream(StreamId(1), "nobody offers this");
    out.open_stream(StreamId(2), "asleep");
  };
  const std::unique_ptr<World> world = subject.make(plain_plan(2), nullptr);
  world->listen(HostId(1), "asleep");
  world->attach(HostId(0), &client);
  world->run_until(at_ms(200));
  const auto heard = look(*world, HostId(0), &Probe::heard);
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].kind == StreamEvent::Kind::closed);
  CHECK(heard[1].kind == StreamEvent::Kind::closed);
  CHECK(heard[0].id != heard[1].id);
}

/// A message stream opens to a URL under what a host listens to: the accepter learns the path, each side gets whole messages, whatever
/// their length, after the upgrade's round trip.
inline void message_streams_talk(const Subject& subject, IpFamily family) {
  struct Messages : Probe {
    void on_stream(Instant now, const StreamEvent& event, Outbox& out) override {
      if (event.kind == StreamEvent::Kind::data) messages.emplace_back(as_text(event.data));
      Probe::on_stream(now, event, out);
    }
    std::vector<std::string> messages;
  } client, server;
  const std::vector<std::string> said = {"a", std::string(125, 'b'), std::string(126, 'c'), std::string(70'000, 'd'), "e"};
  client.at_start = [](Instant, Outbox& out) { out.open_stream(StreamId(7), "wss://h1.bridge/room/1?pwd=x"); };
  client.at_stream = [&](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind == StreamEvent::Kind::opened)
      for (const std::string& message : said) out.write_stream(event.id, message);
    if (client.messages.size() == said.size()) out.close_stream(event.id);
  };
  server.at_stream = [](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind == StreamEvent::Kind::data) out.write_stream(event.id, event.data);
  };
  const std::unique_ptr<World> world = subject.make(two_regions(family), nullptr);
  world->listen(HostId(1), "wss://h1.bridge");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(1000));
  const auto at_client = look(*world, HostId(0), &Probe::heard), at_server = look(*world, HostId(1), &Probe::heard);
  REQUIRE(at_client.size() == 1);
  CHECK(at_client[0].kind == StreamEvent::Kind::opened);
  check_time(subject, at_client[0].now, at_ms(140));
  REQUIRE(at_server.size() == 2);
  CHECK(at_server[0].kind == StreamEvent::Kind::accepted);
  CHECK(at_server[0].text == "/room/1?pwd=x");
  check_time(subject, at_server[0].now, at_ms(105));
  CHECK(at_server[1].kind == StreamEvent::Kind::closed);
  world->inspect(HostId(0), [&](Process&, Instant, Outbox&) { CHECK((client.messages == said)); });
  world->inspect(HostId(1), [&](Process&, Instant, Outbox&) { CHECK((server.messages == said)); });
}

/// A message stream to nobody, or to a process that closes it, ends in `closed`; so does one whose accepter dies.
inline void message_streams_end(const Subject& subject) {
  Probe client, server;
  client.at_start = [](Instant, Outbox& out) {
    out.open_stream(StreamId(1), "wss://nobody.bridge/x");
    out.open_stream(StreamId(2), "wss://h1.bridge/turned away");
    out.open_stream(StreamId(3), "wss://h1.bridge/kept");
  };
  server.at_stream = [](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind == StreamEvent::Kind::accepted && event.service == "/turned away") out.close_stream(event.id);
  };
  const std::unique_ptr<World> world = subject.make(plain_plan(2), nullptr);
  world->listen(HostId(1), "wss://h1.bridge");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(200));
  const auto closed = [&] {
    std::vector<uint32_t> ids;
    for (const Probe::Heard& heard : look(*world, HostId(0), &Probe::heard))
      if (heard.kind == StreamEvent::Kind::closed) ids.push_back(heard.id.value());
    return ids;
  };
  CHECK(closed().size() == 2);
  world->attach(HostId(1), nullptr);
  world->run_until(at_ms(400));
  REQUIRE(closed().size() == 3);
  CHECK(closed()[2] == 3);
}

/// A host that goes down closes its streams at the other end and loses packets; a new process there starts afresh.
inline void hosts_go_down_and_come_back(const Subject& subject) {
  Probe client, first, second;
  const std::unique_ptr<World> world = subject.make(two_regions(), nullptr);
  const SocketAddress to = world->address(HostId(1), IpFamily::v4);
  client.at_start = [](Instant, Outbox& out) { out.open_stream(StreamId(1), "service"); };
  world->listen(HostId(1), "service");
  world->attach(HostId(1), &first);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(150));
  REQUIRE(look(*world, HostId(0), &Probe::heard).size() == 1);
  REQUIRE(look(*world, HostId(1), &Probe::heard).size() == 1);

  world->attach(HostId(1), nullptr);
  const Instant down_since = world->now();
  world->inspect(HostId(0), [&](Process&, Instant, Outbox& out) { send_text(out, to, "lost"); });
  world->run_until(down_since + ms(100));
  const auto heard = look(*world, HostId(0), &Probe::heard);
  REQUIRE(heard.size() == 2);
  CHECK(heard[1].kind == StreamEvent::Kind::closed);
  check_time(subject, heard[1].now, down_since + ms(35));
  CHECK(world->stats().drops[Drop::host_down] == 1);
  CHECK(first.got.empty());

  world->attach(HostId(1), &second);
  world->inspect(HostId(0), [&](Process&, Instant, Outbox& out) {
    send_text(out, to, "found");
    out.open_stream(StreamId(2), "service");
  });
  world->run_until(world->now() + ms(200));
  CHECK(look(*world, HostId(1), &Probe::starts) == 1);
  REQUIRE(look(*world, HostId(1), &Probe::got).size() == 1);
  CHECK(look(*world, HostId(1), &Probe::heard).size() == 1);
  CHECK(look(*world, HostId(0), &Probe::heard).back().kind == StreamEvent::Kind::opened);
}

/// A tap sees every datagram leave and arrive, and every write to a stream.
inline void taps_see_everything(const Subject& subject) {
  struct Counter : Tap {
    void sent(Instant, HostId host, const SocketAddress&, const SocketAddress&, BytesView payload) override { if (host == HostId(0)) sent_bytes += payload.size(); }
    void delivered(Instant, HostId host, const SocketAddress&, const SocketAddress&, BytesView payload) override { if (host == HostId(1)) delivered_bytes += payload.size(); }
    void stream_written(Instant, HostId host, StreamId, BytesView bytes) override { if (host == HostId(0)) stream_bytes += bytes.size(); }
    size_t sent_bytes = 0, delivered_bytes = 0, stream_bytes = 0;
  } counter;
  Probe from, to;
  std::unique_ptr<World> world = subject.make(plain_plan(2), &counter);
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    send_text(out, address, "12345");
    send_text(out, address, "678");
    out.open_stream(StreamId(1), "service");
    out.write_stream(StreamId(1), "abc");
  };
  world->listen(HostId(1), "service");
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(100));
  world.reset();
  CHECK(counter.sent_bytes == 8);
  CHECK(counter.delivered_bytes == 8);
  CHECK(counter.stream_bytes == 3);
  CHECK(to.received == "abc");
}

/// A process that keeps packets may outlive its world.
inline void packets_outlive_the_world(const Subject& subject) {
  struct Keeper : Probe {
    void on_datagrams(Instant, Span<Datagram> in, Outbox&) override { kept = std::move(in[0].packet); }
    PacketRef kept;
  } keeper;
  Probe from;
  {
    const std::unique_ptr<World> world = subject.make(plain_plan(2), nullptr);
    const SocketAddress address = world->address(HostId(1), IpFamily::v4);
    from.at_start = [&](Instant, Outbox& out) { send_text(out, address, "keep me"); };
    world->attach(HostId(1), &keeper);
    world->attach(HostId(0), &from);
    world->run_until(at_ms(100));
  }
  REQUIRE(keeper.kept);
  CHECK(as_text(keeper.kept.bytes()) == "keep me");
}

/// Hosts behind a site share its link, in both directions, and reach each other without it.
inline void sites_share_a_link(const Subject& subject) {
  NetworkPlan plan = plain_plan(3);
  SitePlan home{"home", 0, {}, {}, {}};
  home.up.rate = home.down.rate = DataRate::mbps(1);
  home.up.queue = home.down.queue = ms(100);
  plan.sites = {home};
  plan.hosts[0].site = plan.hosts[1].site = 0;
  Probe a, b, out_there;
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  const SocketAddress to_b = world->address(HostId(1), IpFamily::v4), away = world->address(HostId(2), IpFamily::v4);
  const auto burst = [&](Outbox& out) {
    for (int i = 0; i < 20; ++i) send_text(out, away, std::string(972, 'x'));
  };
  a.at_start = [&](Instant, Outbox& out) {
    burst(out);
    for (int i = 0; i < 40; ++i) send_text(out, to_b, std::string(972, 'x'));
  };
  b.at_start = [&](Instant, Outbox& out) { burst(out); };
  for (const auto& [host, probe] : {std::pair{HostId(2), &out_there}, std::pair{HostId(1), &b}, std::pair{HostId(0), &a}}) world->attach(host, probe);
  world->run_until(at_ms(300));
  const auto far = look(*world, HostId(2), &Probe::got), near = look(*world, HostId(1), &Probe::got);
  CHECK(far.size() >= 12);  // as one host alone would get through
  CHECK(far.size() <= 14);
  for (size_t i = 0; i < far.size(); ++i) check_time(subject, far[i].arrived, at_ms(8 * static_cast<int64_t>(i + 1)));
  REQUIRE(near.size() == 40);
  check_time(subject, near.back().arrived, at_ms(0));
  CHECK(world->stats().drops[Drop::queue_full] == 40 - far.size());
  std::vector<LinkSample> links;
  world->sample_links(links);
  REQUIRE(links.size() == 8);
  CHECK(links[6].host == plan.site_id(0));
  CHECK(links[6].is_up);
  CHECK(links[6].packets == far.size());
  CHECK(links[6].queue_drops == 40 - far.size());
  CHECK(links[7].packets == 0);
}

/// Sites stand behind sites: datagrams and streams pass every link on the way, and turn where the ways meet.
inline void sites_nest(const Subject& subject) {
  NetworkPlan plan = plain_plan(3);
  SitePlan street{"street", 0, {}, {}, {}}, home{"home", 0, 0, {}, {}};
  street.up.delay = street.down.delay = ms(20);
  home.up.delay = home.down.delay = ms(10);
  plan.sites = {street, home};
  plan.hosts[0].site = 1;
  plan.hosts[1].site = 0;
  Probe inner, middle, outer;
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  const SocketAddress to_middle = world->address(HostId(1), IpFamily::v4), to_outer = world->address(HostId(2), IpFamily::v4);
  inner.at_start = [&](Instant, Outbox& out) {
    send_text(out, to_middle, "near");
    send_text(out, to_outer, "far");
    out.open_stream(StreamId(1), "service");
    out.write_stream(StreamId(1), "abc");
  };
  outer.at_datagram = [](Instant, const Datagram& d, Outbox& out) { send_text(out, d.from, "back"); };
  world->listen(HostId(2), "service");
  world->attach(HostId(2), &outer);
  world->attach(HostId(1), &middle);
  world->attach(HostId(0), &inner);
  world->run_until(at_ms(400));
  const auto at_middle = look(*world, HostId(1), &Probe::got), at_outer = look(*world, HostId(2), &Probe::got), back = look(*world, HostId(0), &Probe::got);
  REQUIRE(at_middle.size() == 1);
  check_time(subject, at_middle[0].arrived, at_ms(10));
  REQUIRE(at_outer.size() == 1);
  check_time(subject, at_outer[0].arrived, at_ms(30));
  REQUIRE(back.size() == 1);
  check_time(subject, back[0].arrived, at_ms(60));
  CHECK(look(*world, HostId(2), &Probe::received) == "abc");
}

/// A link with a recorded trace delivers at the trace's moments, 1,500 bytes each, and begins anew after its period.
inline void traces_are_followed(const Subject& subject) {
  NetworkPlan plan = plain_plan(2);
  DeliveryTrace trace;
  trace.opportunities_ms = {10, 10, 50};
  trace.period_ms = 100;
  plan.hosts[1].down.trace = std::make_shared<const DeliveryTrace>(trace);
  plan.hosts[1].down.rate = trace.mean_rate();
  plan.hosts[1].down.delay = ms(5);
  Probe from, to;
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    for (int i = 0; i < 5; ++i) send_text(out, address, std::string(1472, 'x'));
    send_text(out, address, std::string(722, 'x'));  // half an opportunity each
    send_text(out, address, std::string(722, 'x'));
  };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(400));
  const auto got = look(*world, HostId(1), &Probe::got);
  REQUIRE(got.size() == 7);
  for (const auto& [i, time] : {std::pair<size_t, int>{0, 15}, {1, 15}, {2, 55}, {3, 115}, {4, 115}, {5, 155}, {6, 155}})
    check_time(subject, got[i].arrived, at_ms(time));
}

/// Everything above. A world that cannot do one of them calls the others by name and says why.
inline void conforms(const Subject& subject) {
  SECTION("datagrams cross, IPv4") { datagrams_cross(subject, IpFamily::v4); }
  SECTION("datagrams cross, IPv6") { datagrams_cross(subject, IpFamily::v6); }
  SECTION("codepoints cross, IPv4") { codepoints_cross(subject, IpFamily::v4); }
  SECTION("codepoints cross, IPv6") { codepoints_cross(subject, IpFamily::v6); }
  SECTION("queues mark, IPv4") { queues_mark(subject, IpFamily::v4); }
  SECTION("queues mark, IPv6") { queues_mark(subject, IpFamily::v6); }
  SECTION("empty references are counted") { empty_references_are_counted(subject); }
  SECTION("deadlines are kept") { deadlines_are_kept(subject); }
  SECTION("loss follows the plan") { loss_follows_the_plan(subject); }
  SECTION("rate and queue follow the plan") { rate_and_queue_follow_the_plan(subject); }
  SECTION("links change") { links_change(subject); }
  SECTION("sites share a link") { sites_share_a_link(subject); }
  SECTION("sites nest") { sites_nest(subject); }
  SECTION("traces are followed") { traces_are_followed(subject); }
  SECTION("streams talk, IPv4") { streams_talk(subject, IpFamily::v4); }
  SECTION("streams talk, IPv6") { streams_talk(subject, IpFamily::v6); }
  SECTION("streams carry a megabyte") { streams_carry_a_megabyte(subject); }
  SECTION("streams are refused") { streams_are_refused(subject); }
  SECTION("message streams talk, IPv4") { message_streams_talk(subject, IpFamily::v4); }
  SECTION("message streams talk, IPv6") { message_streams_talk(subject, IpFamily::v6); }
  SECTION("message streams end") { message_streams_end(subject); }
  SECTION("hosts go down and come back") { hosts_go_down_and_come_back(subject); }
  SECTION("taps see everything") { taps_see_everything(subject); }
  SECTION("packets outlive the world") { packets_outlive_the_world(subject); }
}

}  // namespace tacoma::conformance
