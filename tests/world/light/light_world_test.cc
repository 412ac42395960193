// The light world: what all worlds must do, and what only this one promises: exact times, the same run to the bit.
#include "sim/light/light_world.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/segment_hop.h"
#include "tests/world/chaos.h"
#include "tests/world/conformance.h"

namespace tacoma {
namespace {

using namespace conformance;

std::unique_ptr<World> make(const NetworkPlan& plan, Tap* tap = nullptr) {
  Result<std::unique_ptr<World>> world = make_light_world(plan, {tap, {}});
  if (!world) FAIL(world.error());
  return std::move(*world);
}

TEST_CASE("the light world conforms") { conforms({make, Duration::zero(), Duration::zero()}); }

TEST_CASE("delivery times are exact") {
  NetworkPlan plan = two_regions();
  plan.hosts[0].up.rate = DataRate::mbps(1);
  plan.hosts[1].down.rate = DataRate::kbps(500);
  Probe from, to;
  const auto world = make(plan);
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    send_text(out, address, std::string(972, 'a'));
    send_text(out, address, std::string(972, 'b'));
  };
  world->attach(HostId(0), &from);
  world->attach(HostId(1), &to);
  world->run_until(at_ms(200));
  REQUIRE(to.got.size() == 2);
  // 8 ms to send at 1 Mbps + 5 + 20, then 16 ms at 500 kbps + 10; the second waits for the first on the slower link.
  CHECK(to.got[0].arrived == at_ms(59));
  CHECK(to.got[0].now == at_ms(59));
  CHECK(to.got[1].arrived == at_ms(75));
  CHECK(world->now() == at_ms(200));
}

TEST_CASE("IPv6 packets are 20 bytes longer on the link") {
  NetworkPlan plan = plain_plan(2, IpFamily::v6);
  plan.hosts[0].up.rate = DataRate::mbps(1);
  Probe from, to;
  const auto world = make(plan);
  const SocketAddress address = world->address(HostId(1), IpFamily::v6);
  CHECK(address.to_string() == "[fd00::2]:10000");
  from.at_start = [&](Instant, Outbox& out) { send_text(out, address, std::string(952, 'a')); };
  world->attach(HostId(0), &from);
  world->attach(HostId(1), &to);
  world->run_until(at_ms(20));
  REQUIRE(to.got.size() == 1);
  CHECK(to.got[0].arrived == at_ms(8));
}

TEST_CASE("what arrives at one instant comes in one call, in order") {
  Probe from, to;
  const auto world = make(two_regions());
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    for (const char* text : {"1", "2", "3"}) send_text(out, address, text);
  };
  to.next = {at_ms(35), "at the same instant"};
  size_t got_before_deadline = 0;
  to.at_deadline = [&](Instant, Outbox&) { got_before_deadline = to.got.size(); };
  world->attach(HostId(0), &from);
  world->attach(HostId(1), &to);
  world->run_until(at_ms(100));
  CHECK(to.batches == std::vector<size_t>{3});
  CHECK(to.got[2].payload == "3");
  CHECK(got_before_deadline == 3);
}

TEST_CASE("packets to nobody are counted") {
  Probe from;
  const auto world = make(plain_plan(1));
  from.at_start = [&](Instant, Outbox& out) {
    SocketAddress to = world->address(HostId(0), IpFamily::v4);
    to.port = 9;
    send_text(out, to, "wrong port");
    send_text(out, {IpAddress::v4(10, 9, 9, 9), 10000}, "no such host");
    send_text(out, {IpAddress::v4(192, 0, 2, 1), 10000}, "no such network");
    out.send(to, PacketRef());
  };
  world->attach(HostId(0), &from);
  world->run_until(at_ms(1));
  CHECK(world->stats().drops[Drop::no_route] == 3);
  CHECK(world->stats().drops[Drop::pool_exhausted] == 1);
  CHECK(world->stats().datagrams_sent == 3);
}

// A fingerprint of all that a tap sees.
struct Trace : Tap {
  void sent(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) override { add(1, now, host, from, to, payload); }
  void delivered(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) override { add(2, now, host, from, to, payload); }
  void stream_written(Instant now, HostId host, StreamId id, BytesView bytes) override {
    mix(3); mix(static_cast<uint64_t>(now.ns())); mix(host.value()); mix(id.value());
    for (uint8_t b : bytes) mix(b);
  }
  void add(uint64_t kind, Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) {
    mix(kind); mix(static_cast<uint64_t>(now.ns())); mix(host.value()); mix(std::hash<SocketAddress>()(from)); mix(std::hash<SocketAddress>()(to));
    for (uint8_t b : payload) mix(b);
  }
  void mix(uint64_t v) { hash = (hash ^ v) * 0x100000001b3ull; }
  uint64_t hash = 0xcbf29ce484222325ull;
};

// Twenty hosts that pass datagrams round and talk over streams, over links with everything that draws numbers.
uint64_t trace_of(uint64_t seed) {
  NetworkPlan plan = plain_plan(20);
  plan.seed = seed;
  for (HostPlan& host : plan.hosts) {
    host.up.rate = host.down.rate = DataRate::mbps(8);
    host.up.delay = ms(3);
    host.down.jitter = ms(7);
    host.up.loss = 0.02;
    host.down.bursts = GilbertElliott{0.01, 0.3, 0, 0.5};
  }
  Trace trace;
  const auto world = make(plan, &trace);
  std::vector<Probe> probes(20);
  world->listen(HostId(0), "chat");
  for (uint32_t i = 0; i < 20; ++i) {
    Probe& probe = probes[i];
    const SocketAddress next = world->address(HostId((i + 1) % 20), IpFamily::v4);
    probe.next = {at_ms(i), "tick"};
    probe.at_start = [i](Instant, Outbox& out) {
      if (i == 0) return;
      out.open_stream(StreamId(i), "chat");
      out.write_stream(StreamId(i), std::string(5000, static_cast<char>('a' + i)));
    };
    probe.at_deadline = [&probe, next](Instant now, Outbox& out) {
      send_text(out, next, std::string(400, 'x'));
      probe.next = {now + ms(5), "tick"};
    };
    probe.at_datagram = [next](Instant, const Datagram& d, Outbox& out) { if (d.packet.size() > 50) send_text(out, next, as_text(d.packet.bytes().subspan(50))); };
    probe.at_stream = [i](Instant, const StreamEvent& event, Outbox& out) { if (i == 0 && event.kind == StreamEvent::Kind::data) out.write_stream(event.id, event.data); };
    world->attach(HostId(i), &probe);
  }
  world->run_until(Instant::at(Duration::seconds(3)));
  const WorldStats stats = world->stats();
  CHECK(stats.datagrams_delivered > 10'000);
  CHECK((probes[19].received == std::string(5000, 't')));
  return trace.hash;
}

TEST_CASE("processes can be woken late, the same in each run") {
  const auto wakes = [](uint64_t seed) {
    NetworkPlan plan = plain_plan(1);
    plan.seed = seed;
    WorldOptions options;
    options.wake_late = ms(30);
    const auto world = std::move(*make_light_world(plan, options));
    Probe probe;
    probe.next = {at_ms(10), "first"};
    probe.at_deadline = [&](Instant now, Outbox&) { probe.next = {now + ms(10), "again"}; };
    world->attach(HostId(0), &probe);
    world->run_until(Instant::at(Duration::seconds(5)));
    return probe.wakes;
  };
  const std::vector<Instant> first = wakes(1);
  CHECK(first.size() > 150);  // 25 ms a wake in the mean
  CHECK(first.size() < 250);
  for (size_t i = 1; i < first.size(); ++i) {
    CHECK(first[i] - first[i - 1] >= ms(10));
    CHECK(first[i] - first[i - 1] < ms(40));
  }
  CHECK((wakes(1) == first));
  CHECK_FALSE((wakes(2) == first));
}

TEST_CASE("the same seed gives the same run, another seed another") {
  const uint64_t first = trace_of(1);
  CHECK(trace_of(1) == first);
  CHECK(trace_of(2) != first);
}

TEST_CASE("every datagram is delivered or counted once the links have drained") {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[0].up.rate = DataRate::kbps(800);
  plan.hosts[0].up.queue = ms(50);
  plan.hosts[1].down.loss = 0.1;
  Probe from, to;
  const auto world = make(plan);
  const Sender sender(from, world->address(HostId(1), IpFamily::v4), 3000, 200, ms(1));
  world->attach(HostId(0), &from);
  world->attach(HostId(1), &to);
  world->run_until(Instant::at(Duration::seconds(10)));
  const WorldStats stats = world->stats();
  CHECK(stats.datagrams_sent == 3000);
  CHECK(stats.drops[Drop::queue_full] > 100);
  CHECK(stats.drops[Drop::link_loss] > 10);
  CHECK(stats.datagrams_delivered + stats.drops.total() == 3000);
}

TEST_CASE("a lost segment holds up what follows until it is sent again") {
  NetworkPlan plan = two_regions();
  plan.hosts[0].up.loss = 0;
  LinkConfig dead = plan.hosts[0].up, alive = plan.hosts[0].up;
  dead.loss = 1;
  plan.changes = {{at_ms(300), HostId(0), true, dead}, {at_ms(310), HostId(0), true, alive}};
  Probe client, server;
  std::vector<Instant> arrivals;
  client.at_start = [&](Instant, Outbox& out) {
    out.open_stream(StreamId(1), "sink");
    client.next = {at_ms(305), "first write"};
  };
  client.at_deadline = [&](Instant now, Outbox& out) {
    out.write_stream(StreamId(1), now == at_ms(305) ? "lost once," : "held up");
    if (now == at_ms(305)) client.next = {at_ms(320), "second write"};
  };
  server.at_stream = [&](Instant now, const StreamEvent& event, Outbox&) {
    if (event.kind == StreamEvent::Kind::data) arrivals.push_back(now);
  };
  const auto world = make(plan);
  world->listen(HostId(1), "sink");
  world->attach(HostId(0), &client);
  world->attach(HostId(1), &server);
  world->run_until(at_ms(1000));
  CHECK(server.received == "lost once,held up");
  // Sent at 305 and again 200 ms later (the round trip is 70 ms); then 35 ms on the way. The links are unlimited: both come together.
  CHECK(arrivals == std::vector<Instant>{at_ms(540)});
}

TEST_CASE("a stream whose segment is lost every time closes at both ends") {
  NetworkPlan plan = two_regions();
  LinkConfig dead = plan.hosts[0].up;
  dead.loss = 1;
  plan.changes = {{at_ms(200), HostId(0), true, dead}};
  Probe client, server;
  client.next = {at_ms(300), "write"};
  client.at_start = [](Instant, Outbox& out) { out.open_stream(StreamId(1), "sink"); };
  client.at_deadline = [](Instant, Outbox& out) { out.write_stream(StreamId(1), "never arrives"); };
  const auto world = make(plan);
  world->listen(HostId(1), "sink");
  world->attach(HostId(0), &client);
  world->attach(HostId(1), &server);
  world->run_until(Instant::at(Duration::seconds(600)));
  CHECK(client.heard.back().kind == StreamEvent::Kind::closed);
  CHECK(server.heard.back().kind == StreamEvent::Kind::closed);
  CHECK(server.received.empty());
}

TEST_CASE("streams share the rate of their link with datagrams") {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[0].up.rate = DataRate::mbps(1);
  Probe client, server;
  const auto world = make(plan);
  const SocketAddress to = world->address(HostId(1), IpFamily::v4);
  client.at_start = [](Instant, Outbox& out) { out.open_stream(StreamId(1), "sink"); };
  client.at_stream = [&](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind != StreamEvent::Kind::opened) return;
    send_text(out, to, "after a segment");
    out.write_stream(event.id, std::string(1460, 's'));
  };
  client.next = {at_ms(2), "behind the segment"};
  client.at_deadline = [&](Instant, Outbox& out) { send_text(out, to, "waits"); };
  world->listen(HostId(1), "sink");
  world->attach(HostId(0), &client);
  world->attach(HostId(1), &server);
  world->run_until(at_ms(100));
  REQUIRE(server.got.size() == 2);
  CHECK(server.got[1].arrived > at_ms(12));  // 1,500 bytes at 1 Mbps go first
  CHECK(server.received.size() == 1460);
}

TEST_CASE("a stream that its reader's link cannot keep up with is closed and counted") {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[1].down.rate = DataRate::kbps(100);
  Probe client, server;
  const std::string piece(1 << 20, 'x');
  client.at_start = [&](Instant, Outbox& out) {
    out.open_stream(StreamId(1), "sink");
    for (size_t i = 0; i < kMaxStreamBacklog / piece.size(); ++i) out.write_stream(StreamId(1), piece);
  };
  client.next = {at_ms(100), "one byte too many"};
  client.at_deadline = [&](Instant, Outbox& out) { out.write_stream(StreamId(1), piece); };
  const auto world = make(plan);
  world->listen(HostId(1), "sink");
  world->attach(HostId(0), &client);
  world->attach(HostId(1), &server);
  world->run_until(at_ms(99));
  CHECK(world->stats().drops[Drop::stream_limit] == 0);
  world->run_until(at_ms(200));
  CHECK(world->stats().drops[Drop::stream_limit] == 1);
  CHECK(client.heard.back().kind == StreamEvent::Kind::closed);
  CHECK(server.heard.back().kind == StreamEvent::Kind::closed);
}

TEST_CASE("a host has a limit of streams") {
  Probe client, other, server;
  client.at_start = [](Instant, Outbox& out) {
    for (uint32_t i = 0; i < kMaxStreamsPerHost + 1; ++i) out.open_stream(StreamId(i), "sink");
  };
  other.next = {at_ms(50), "open one more at the server"};
  other.at_deadline = [](Instant, Outbox& out) { out.open_stream(StreamId(1), "sink"); };
  const auto world = make(plain_plan(3));
  world->listen(HostId(1), "sink");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->attach(HostId(2), &other);
  world->run_until(at_ms(100));
  CHECK(world->stats().drops[Drop::stream_limit] == 2);  // the client's last, and the server's first too many
  CHECK(server.heard.size() == kMaxStreamsPerHost);
  CHECK(other.heard.size() == 1);
  CHECK(other.heard[0].kind == StreamEvent::Kind::closed);
  CHECK(client.heard.size() == kMaxStreamsPerHost + 1);
}

// Runs `body` in a child process and tells whether it aborted. Its message goes nowhere.
template <typename Body>
bool aborts(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    if (!std::freopen("/dev/null", "w", stderr)) _exit(2);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST_CASE("a deadline that does not advance aborts the run") {
  Probe stuck;
  stuck.next = {at_ms(5), "stuck"};
  stuck.at_deadline = [&](Instant now, Outbox&) { stuck.next = {now, "stuck"}; };
  CHECK(aborts([&] {
    const auto world = make(plain_plan(1));
    world->attach(HostId(0), &stuck);
    world->run_until(at_ms(10));
  }));
}

TEST_CASE("processes that answer each other for ever at one instant abort the run") {
  Probe a, b;
  CHECK(aborts([&] {
    const auto world = make(plain_plan(2));
    const SocketAddress to = world->address(HostId(1), IpFamily::v4);
    a.at_start = [&](Instant, Outbox& out) { send_text(out, to, "x"); };
    a.at_datagram = b.at_datagram = [](Instant, const Datagram& d, Outbox& out) { send_text(out, d.from, "x"); };
    world->attach(HostId(0), &a);
    world->attach(HostId(1), &b);
    world->run_until(at_ms(10));
  }));
}

TEST_CASE("streams survive chaos") {
  const Subject subject{[](const NetworkPlan& plan, Tap* tap) { return make(plan, tap); }, Duration::zero(), Duration::zero()};
  for (uint64_t seed = 1; seed <= 100; ++seed) CHECK(streams_survive_chaos(subject, seed, Duration::seconds(3)) > 10'000);
}

TEST_CASE("plans that make no sense or cannot be modelled are refused with a sentence") {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[1].down.disc = QueueDisc::fq_codel;
  auto world = make_light_world(plan, {});
  REQUIRE_FALSE(world);
  CHECK(world.error() == "the down link of host h1 cannot be modelled: this world models drop-tail and codel queues only; run the scenario in the ns3 world for fq_codel or pie");
  plan = plain_plan(2);
  plan.hosts[1].down.ecn = true;
  CHECK(make_light_world(plan, {}).error() == "the down link of host h1 cannot be modelled: a drop-tail queue marks nothing");
  plan = plain_plan(2);
  plan.hosts[0].region = 3;
  CHECK(make_light_world(plan, {}).error() == "host h0 is in a region that does not exist");
  plan = plain_plan(2);
  plan.hosts[1].name = "h0";
  CHECK(make_light_world(plan, {}).error() == "two hosts are named h0");
  plan = plain_plan(1);
  plan.changes = {{at_ms(5), HostId(0), true, {}}, {at_ms(4), HostId(0), true, {}}};
  CHECK(make_light_world(plan, {}).error() == "the link changes are not in order of time (host h0)");
  plan = plain_plan(1);
  plan.hosts[0].up.loss = 1.5;
  CHECK_FALSE(make_light_world(plan, {}));
  plan = plain_plan(1);
  plan.one_way.clear();
  CHECK_FALSE(make_light_world(plan, {}));
}

TEST_CASE("no memory is taken from the system per packet once a run is warm") {
  Probe from, to;
  const auto world = make(two_regions());
  const Sender sender(from, world->address(HostId(1), IpFamily::v4), 100'000, 1000, Duration::microseconds(20));
  from.next = {Instant(), ""};
  uint64_t warm = 0, end = 0;
  world->attach(HostId(0), &from);
  world->attach(HostId(1), &to);
  const auto growths = [&](uint64_t& out) {
    world->inspect(HostId(0), [&](Process&, Instant, Outbox& box) { out = box.pool().growths(); });
  };
  world->run_until(at_ms(200));
  growths(warm);
  world->run_until(at_ms(2200));
  growths(end);
  CHECK(to.got.size() == 100'000);
  CHECK(warm == end);
}

}  // namespace
}  // namespace tacoma
