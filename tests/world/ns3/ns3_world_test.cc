#include <catch2/catch.hpp>

#include <map>
#include <string>

#include "sim/ns3/ns3_world.h"
#include "tests/support/instants.h"

using namespace tacoma;

namespace {

// Sends numbered datagrams on a schedule, echoes nothing, remembers what came and when.
struct Talker : Process {
  SocketAddress to;
  Instant first = Instant::never();
  Duration every = Duration::milliseconds(10);
  int left = 0;
  size_t size = 100;
  bool echo = false;
  std::vector<std::pair<Instant, uint32_t>> got;
  uint32_t next = 0;

  void start(Instant, Outbox&) override {}
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override {
    for (Datagram& d : in) {
      got.emplace_back(now, load_u32(d.packet.bytes().data()));
      if (echo) out.send(d.from, std::move(d.packet));
    }
  }
  void on_stream(Instant, const StreamEvent&, Outbox&) override {}
  void on_deadline(Instant, Outbox& out) override {
    PacketRef p = out.pool().make(size);
    store_u32(p.mutable_bytes().data(), next++);
    out.send(to, std::move(p));
    first = --left > 0 ? first + every : Instant::never();
  }
  Deadline deadline() const override { return {left > 0 ? first : Instant::never(), "send"}; }
};

// One end of a stream: the opener writes `message` in two parts and the listener answers it back in capitals of length only.
struct Streamer : Process {
  bool opens = false, close_after = false;
  std::string message, heard;
  std::vector<std::string> events;
  Instant heard_at;
  StreamId accepted;
  void start(Instant, Outbox& out) override {
    if (!opens) return;
    out.open_stream(StreamId(1), "xmpp");
    out.write_stream(StreamId(1), std::string_view(message).substr(0, message.size() / 2));
    out.write_stream(StreamId(1), std::string_view(message).substr(message.size() / 2));
  }
  void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
  void on_stream(Instant now, const StreamEvent& e, Outbox& out) override {
    switch (e.kind) {
      case StreamEvent::Kind::opened: events.push_back("opened"); break;
      case StreamEvent::Kind::accepted: events.push_back("accepted " + std::string(e.service)); accepted = e.id; break;
      case StreamEvent::Kind::data:
        heard += as_text(e.data);
        heard_at = now;
        if (close_after && heard.size() == message.size()) out.close_stream(e.id);
        break;
      case StreamEvent::Kind::closed: events.push_back("closed"); break;
    }
  }
  void on_deadline(Instant, Outbox&) override {}
  Deadline deadline() const override { return {}; }
};

struct TraceTap : Tap {
  uint64_t hash = 1469598103934665603ull;
  void add(uint64_t v) { hash = (hash ^ v) * 1099511628211ull; }
  void sent(Instant now, HostId host, const SocketAddress&, const SocketAddress&, BytesView b) override { add(now.ns()); add(host.value()); add(b.size()); }
  void delivered(Instant now, HostId host, const SocketAddress&, const SocketAddress&, BytesView b) override { add(now.ns()); add(host.value() + 1000); add(b[3]); }
  void stream_written(Instant now, HostId, StreamId, BytesView b) override { add(now.ns()); add(b.size()); }
};

NetworkPlan two_regions(IpFamily family = IpFamily::v4) {
  NetworkPlan plan;
  plan.regions = {"eu", "us"};
  plan.one_way = {{Duration::zero(), Duration::milliseconds(45)}, {Duration::milliseconds(45), Duration::zero()}};
  LinkConfig dsl;
  dsl.rate = DataRate::mbps(1);
  dsl.delay = Duration::milliseconds(10);
  plan.hosts = {{"a", 0, dsl, dsl, family}, {"b", 1, LinkConfig(), LinkConfig(), family}};
  return plan;
}

std::unique_ptr<World> make(const NetworkPlan& plan, Tap* tap = nullptr) {
  auto world = make_ns3_world(plan, {tap});
  REQUIRE(world);
  return std::move(*world);
}

}  // namespace

TEST_CASE("a datagram takes serialisation, access delay and region delay, over IPv4 and IPv6") {
  const IpFamily family = GENERATE(IpFamily::v4, IpFamily::v6);
  Talker a, b;
  auto world = make(two_regions(family));
  a.to = world->address(HostId(1), family);
  a.left = 1;
  a.first = at_ms(100);
  a.size = 1222;
  b.echo = true;
  world->attach(HostId(0), &a);
  world->attach(HostId(1), &b);
  world->run_until(at_ms(500));
  REQUIRE(b.got.size() == 1);
  // 1,222 B and headers are 10 ms at 1 Mbps (IPv4); PPP's 2 B and IPv6's 20 B add little.
  CHECK((b.got[0].first - at_ms(100)).to_ms() == Approx(65).margin(0.25));
  REQUIRE(a.got.size() == 1);
  CHECK((a.got[0].first - at_ms(100)).to_ms() == Approx(130).margin(0.5));
  CHECK(world->now() == at_ms(500));
  CHECK(world->stats().datagrams_delivered == 2);
}

TEST_CASE("the queue drops its tail, and a changed rate holds from its time on") {
  NetworkPlan plan = two_regions();
  plan.hosts[0].up.queue = Duration::milliseconds(100);
  LinkConfig slow = plan.hosts[0].up;
  slow.rate = DataRate::kbps(100);
  plan.changes.push_back({at_ms(1000), HostId(0), true, slow});
  Talker a, b;
  auto world = make(plan);
  a.to = world->address(HostId(1), IpFamily::v4);
  a.size = 1222;
  a.first = at_ms(0);
  a.every = Duration::microseconds(5'000);  // 2 Mbps into 1 Mbps
  a.left = 200;
  world->attach(HostId(0), &a);
  world->attach(HostId(1), &b);
  world->run_until(at_ms(900));
  std::vector<LinkSample> links;
  world->sample_links(links);
  REQUIRE(links.size() == 4);
  CHECK(links[0].packets == Approx(90).margin(2));
  CHECK(links[0].queue_drops == Approx(80).margin(4));
  CHECK(links[0].queue_max.to_ms() == Approx(100).margin(12));
  CHECK(links[0].rate == DataRate::mbps(1));
  world->run_until(at_ms(2000));
  links.clear();
  world->sample_links(links);
  CHECK(links[0].rate == DataRate::kbps(100));
  CHECK(links[0].packets == Approx(10 + 10).margin(2));
  CHECK(world->stats().drops[Drop::queue_full] > 80);
}

TEST_CASE("loss and jitter follow the plan and never reorder") {
  NetworkPlan plan = two_regions();
  plan.hosts[0].up.rate = DataRate::mbps(100);
  plan.hosts[0].up.loss = 0.1;
  plan.hosts[0].up.jitter = Duration::milliseconds(30);
  Talker a, b;
  auto world = make(plan);
  a.to = world->address(HostId(1), IpFamily::v4);
  a.first = at_ms(0);
  a.every = Duration::milliseconds(2);
  a.left = 5000;
  world->attach(HostId(0), &a);
  world->attach(HostId(1), &b);
  world->run_until(at_ms(11'000));
  CHECK(b.got.size() == Approx(4500).epsilon(0.03));
  for (size_t i = 1; i < b.got.size(); ++i) REQUIRE(b.got[i].second > b.got[i - 1].second);
}

TEST_CASE("a stream is TCP: it opens, survives loss in order, and closes at the other end") {
  NetworkPlan plan = two_regions();
  plan.hosts[0].up.loss = 0.05;
  plan.hosts[0].down.loss = 0.05;
  Streamer client, server;
  client.opens = true;
  for (int i = 0; i < 20'000; ++i) client.message += std::to_string(i);
  server.message = client.message;
  server.close_after = true;
  auto world = make(plan);
  world->listen(HostId(1), "xmpp");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(60'000));
  CHECK(server.heard == client.message);
  CHECK(server.events == std::vector<std::string>{"accepted xmpp"});
  CHECK(server.accepted.value() == 0x80000000u);
  CHECK(client.events == std::vector<std::string>{"opened", "closed"});
  // 88,890 B at 1 Mbps are 0.71 s without loss: retransmission took its time.
  CHECK(server.heard_at > at_ms(800));
}

TEST_CASE("a stream to a service that nobody offers is closed") {
  Streamer client;
  client.opens = true;
  auto world = make(two_regions());
  world->attach(HostId(0), &client);
  world->run_until(at_ms(10'000));
  CHECK(client.events == std::vector<std::string>{"closed"});
}

TEST_CASE("a dead host loses packets and its streams close at the other end") {
  Streamer client, server, reborn;
  client.opens = true;
  auto world = make(two_regions());
  world->listen(HostId(1), "xmpp");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(1000));
  REQUIRE(client.events == std::vector<std::string>{"opened"});
  world->attach(HostId(1), nullptr);
  world->run_until(at_ms(2000));
  CHECK(client.events == std::vector<std::string>{"opened", "closed"});
  world->attach(HostId(1), &reborn);
  world->inspect(HostId(0), [](Process&, Instant, Outbox& out) { out.open_stream(StreamId(2), "xmpp"); });
  world->run_until(at_ms(3000));
  CHECK(reborn.events == std::vector<std::string>{"accepted xmpp"});
}

TEST_CASE("same seed, same trace; another seed, another") {
  const auto trace = [](uint64_t seed) {
    NetworkPlan plan = two_regions();
    plan.seed = seed;
    plan.hosts[0].up.loss = 0.05;
    plan.hosts[0].up.jitter = Duration::milliseconds(5);
    TraceTap tap;
    Talker a, b;
    b.echo = true;
    auto world = make(plan, &tap);
    a.to = world->address(HostId(1), IpFamily::v4);
    a.first = at_ms(0);
    a.left = 500;
    world->attach(HostId(0), &a);
    world->attach(HostId(1), &b);
    world->run_until(at_ms(6'000));
    return tap.hash;
  };
  const uint64_t first = trace(1);
  CHECK(trace(1) == first);
  CHECK(trace(2) != first);
}

TEST_CASE("a large region is reached through aggregation routers") {
  NetworkPlan plan = two_regions();
  for (int i = 0; i < 1500; ++i) plan.hosts.push_back({"n" + std::to_string(i), 0, LinkConfig(), LinkConfig()});
  Talker a, last;
  auto world = make(plan);
  a.to = world->address(HostId(1501), IpFamily::v4);
  a.first = at_ms(1);
  a.left = 3;
  last.echo = true;
  world->attach(HostId(0), &a);
  world->attach(HostId(1501), &last);
  world->run_until(at_ms(100));
  CHECK(last.got.size() == 3);
  CHECK(a.got.size() == 3);
}

TEST_CASE("what ns-3 cannot do is refused in a sentence") {
  NetworkPlan plan = two_regions();
  auto first = make_ns3_world(plan, {});
  REQUIRE(first);
  const auto second = make_ns3_world(plan, {});
  REQUIRE_FALSE(second);
  CHECK(second.error() == "ns-3 keeps one global simulation: another ns-3 world exists in this program");
  first->reset();
  plan.regions.clear();
  CHECK_FALSE(make_ns3_world(plan, {}));
}

TEST_CASE("an active queue keeps the wait of a flooded link short") {
  NetworkPlan plan = two_regions();
  const QueueDisc disc = GENERATE(QueueDisc::drop_tail, QueueDisc::codel, QueueDisc::fq_codel, QueueDisc::pie);
  plan.hosts[0].up.disc = disc;
  Talker a, b;
  auto world = make(plan);
  a.to = world->address(HostId(1), IpFamily::v4);
  a.size = 1222;
  a.first = at_ms(0);
  a.every = Duration::microseconds(8'000);  // 1.25 Mbps into 1 Mbps
  a.left = 2'000;
  world->attach(HostId(0), &a);
  world->attach(HostId(1), &b);
  world->run_until(at_ms(14'000));
  std::vector<LinkSample> links;
  world->sample_links(links);
  links.clear();
  world->run_until(at_ms(15'000));
  world->sample_links(links);
  INFO("disc " << static_cast<int>(disc) << ", wait " << links[0].queue_max.to_ms() << " ms");
  if (disc == QueueDisc::drop_tail) CHECK(links[0].queue_max > Duration::milliseconds(280));
  else CHECK(links[0].queue_max < Duration::milliseconds(250));
  CHECK(links[0].packets == Approx(100).margin(4));
}

TEST_CASE("ns-3's TCP fills a site's link, and files come one after the other") {
  NetworkPlan plan;
  plan.regions = {"here"};
  plan.one_way = {{Duration::zero()}};
  SitePlan neck{"neck", 0, {}, {}, {}};
  neck.down.rate = DataRate::mbps(2);
  neck.down.delay = neck.up.delay = Duration::milliseconds(50);
  plan.sites = {neck};
  for (const char* name : {"from0", "to0", "from1", "to1"}) plan.hosts.push_back({name, 0, {}, {}, IpFamily::v4});
  plan.hosts[1].site = plan.hosts[3].site = 0;
  FlowPlan bulk;
  bulk.kind = FlowPlan::Kind::tcp;
  bulk.control = GENERATE(FlowPlan::Control::new_reno, FlowPlan::Control::cubic);
  bulk.from = HostId(0);
  bulk.to = HostId(1);
  bulk.stop = at_ms(60'000);
  bulk.transfers = {{Duration::zero(), FlowPlan::kEndless}};
  FlowPlan files = bulk;
  files.from = HostId(2);
  files.to = HostId(3);
  files.start = at_ms(70'000);
  files.stop = at_ms(90'000);
  files.transfers = {{Duration::zero(), 50'000}, {Duration::seconds(3), 30'000}};
  plan.flows = {bulk, files};
  auto made = make_ns3_world(plan, {});
  REQUIRE(made);
  CHECK((*made)->has_own_tcp());
  std::vector<FlowSample> samples;
  (*made)->run_until(at_ms(20'000));
  (*made)->sample_flows(samples);
  samples.clear();
  (*made)->run_until(at_ms(60'000));
  (*made)->sample_flows(samples);
  REQUIRE(samples.size() == 2);
  CHECK(static_cast<double>(samples[0].bytes) * 8e-6 / 40 > 1.6);
  CHECK(samples[0].retransmitted > 0);
  CHECK(samples[1].bytes == 0);
  samples.clear();
  (*made)->run_until(at_ms(72'000));
  (*made)->sample_flows(samples);
  CHECK(samples[1].bytes == 50'000);
  samples.clear();
  (*made)->run_until(at_ms(90'000));
  (*made)->sample_flows(samples);
  CHECK(samples[1].bytes == 30'000);
}

namespace {

// Two people of one Wi-Fi cell and one at the other end of its wired link.
NetworkPlan one_cell() {
  NetworkPlan plan;
  plan.regions = {"eu"};
  plan.one_way = {{Duration::zero()}};
  LinkConfig wired;
  wired.rate = DataRate::mbps(100);
  wired.delay = Duration::milliseconds(20);
  SitePlan site{"home", 0, std::nullopt, wired, wired};
  site.wifi.emplace();
  plan.sites = {site};
  plan.hosts = {{"a", 0, LinkConfig(), LinkConfig(), IpFamily::v4, 0u},
                {"b", 0, LinkConfig(), LinkConfig(), IpFamily::v4, 0u},
                {"far", 0, LinkConfig(), LinkConfig(), IpFamily::v4}};
  return plan;
}

// What two stations send to one receiver, each at `mbps`: received and the digest.
struct Heard {
  size_t received = 0;
  uint64_t digest = 0;
  WorldStats stats;
};
Heard two_stations_send(const NetworkPlan& plan, int64_t mbps) {
  TraceTap tap;
  Talker a, b, far;
  auto world = make(plan, &tap);
  for (Talker* one : {&a, &b}) {
    one->to = world->address(HostId(2), IpFamily::v4);
    one->size = 1172;
    one->first = at_ms(1000);
    one->every = Duration::microseconds(9600 / mbps);
    one->left = static_cast<int>(1'000'000 / (9600 / mbps));  // a second of it
  }
  world->attach(HostId(0), &a);
  world->attach(HostId(1), &b);
  world->attach(HostId(2), &far);
  world->run_until(at_ms(4000));
  std::vector<LinkSample> links;
  world->sample_links(links);
  return {far.got.size(), tap.hash, world->stats()};
}

}  // namespace

TEST_CASE("Wi-Fi carries what fits the air, in both directions and between its people") {
  Talker a, b, far;
  auto world = make(one_cell());
  a.to = world->address(HostId(2), IpFamily::v4);
  b.to = world->address(HostId(0), IpFamily::v4);
  far.to = world->address(HostId(1), IpFamily::v4);
  for (Talker* one : {&a, &b, &far}) {
    one->left = 50;
    one->first = at_ms(1000);
  }
  for (uint32_t i = 0; i < 3; ++i) world->attach(HostId(i), i == 0 ? &a : i == 1 ? &b : &far);
  world->run_until(at_ms(3000));
  REQUIRE(far.got.size() == 50);
  REQUIRE(b.got.size() == 50);
  REQUIRE(a.got.size() == 50);
  // The wired link's 20 ms, and a short packet's time on an idle air, some hundred microseconds; the first ones wait for the
  // agreement on block acknowledgements.
  CHECK((far.got[40].first - at_ms(1400)).to_ms() == Approx(20.5).margin(0.5));
  CHECK((b.got[40].first - at_ms(1400)).to_ms() == Approx(20.5).margin(0.5));
  CHECK((a.got[40].first - at_ms(1400)).to_ms() == Approx(1).margin(1));
}

TEST_CASE("more than the air carries is dropped, counted, and the same each time") {
  NetworkPlan plan = one_cell();
  plan.sites[0].wifi->aggregation = false;
  const Heard once = two_stations_send(plan, 24), again = two_stations_send(plan, 24);
  // Without aggregation MCS 11 carries some 20 to 26 of the 48 Mbps (1,200 B each), for a second and the 300 ms of the queues.
  CHECK(once.received > 2000);
  CHECK(once.received < 3700);
  CHECK(once.stats.drops[Drop::queue_full] + once.received >= once.stats.datagrams_sent - once.stats.drops[Drop::link_loss]);
  CHECK(once.stats.drops[Drop::queue_full] > 1000);
  CHECK(again.digest == once.digest);
  CHECK(again.received == once.received);
  plan.sites[0].wifi->aggregation = true;
  CHECK(two_stations_send(plan, 24).received > once.received * 12 / 10);
}

TEST_CASE("a plan with Wi-Fi that makes no sense is refused") {
  NetworkPlan plan = one_cell();
  plan.sites.push_back({"shed", 0, 0u, LinkConfig(), LinkConfig()});
  auto world = make_ns3_world(plan, {});
  REQUIRE_FALSE(world);
  CHECK(world.error() == "site shed stands behind a Wi-Fi cell, which holds people only");
  plan = one_cell();
  plan.hosts[2].family = IpFamily::v6;
  world = make_ns3_world(plan, {});
  REQUIRE_FALSE(world);
  CHECK(world.error() == "the Wi-Fi cell of site home carries IPv4 only, and host far speaks IPv6");
}
