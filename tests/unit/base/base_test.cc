#include <catch2/catch.hpp>

#include "core/base/deadlines.h"
#include "core/base/flat_map.h"
#include "core/base/histogram.h"
#include "core/base/link_model.h"
#include "core/base/packet_pool.h"
#include "core/base/process.h"
#include "core/base/result.h"
#include "core/base/world.h"

using namespace tacoma;

TEST_CASE("a size over a rate is the time on the wire, rounded up") {
  CHECK(DataSize::bytes(1250) / DataRate::mbps(1) == Duration::milliseconds(10));
  CHECK((DataSize::bytes(1) / DataRate::bps(3)).ns() == 2'666'666'667);
  CHECK((DataSize::bytes(1) / DataRate::zero()).is_infinite());
}

TEST_CASE("NTP time goes there and back") {
  const Instant t = Instant::at(Duration::nanoseconds(12'345'678'901));
  CHECK(from_ntp(to_ntp(t)).ns() == Approx(t.ns()).margin(1));
}

TEST_CASE("a named split does not depend on earlier draws") {
  Rng a(7), b(7);
  for (int i = 0; i < 10; ++i) a.u64();
  CHECK(a.split("people").u64() == b.split("people").u64());
  CHECK(a.split("people", 1).u64() != a.split("people", 2).u64());
  CHECK(Rng(7).u64() != Rng(8).u64());
}

TEST_CASE("packets are shared by reference and come back to the pool") {
  PacketPool pool(256 * 1024);
  {
    PacketRef a = pool.make(100);
    REQUIRE(a);
    CHECK(a.capacity() == PacketPool::kSmall);
    PacketRef b = a;
    CHECK_FALSE(a.unique());
    CHECK(pool.in_use() == 1);
    CHECK_FALSE(pool.make(kMaxPacket + 1));
  }
  CHECK(pool.in_use() == 0);
  std::vector<PacketRef> all;
  while (PacketRef p = pool.make(kMaxPacket)) all.push_back(std::move(p));
  CHECK(pool.reserved_bytes() <= 256 * 1024);
  CHECK(all.size() >= 64);
}

TEST_CASE("deadlines come out in order, ties by number, and can be moved and removed") {
  Deadlines d;
  auto at = [](int ms) { return Instant::at(Duration::milliseconds(ms)); };
  d.set(3, at(5)); d.set(1, at(5)); d.set(2, at(9)); d.set(0, at(1)); d.set(4, at(2));
  d.set(2, at(3));
  d.set(4, Instant::never());
  std::vector<uint32_t> order;
  for (uint32_t object; d.pop_due(at(10), object);) order.push_back(object);
  CHECK(order == std::vector<uint32_t>{0, 2, 1, 3});
  CHECK(d.earliest().is_never());
}

TEST_CASE("the flat map agrees with a reference through many inserts and erases") {
  FlatMap<uint32_t, uint32_t> map;
  std::vector<int64_t> reference(64, -1);
  Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    const uint32_t key = rng.below(64);
    if (rng.chance(0.5)) { map.set(key, static_cast<uint32_t>(i)); reference[key] = i; }
    else { CHECK(map.erase(key) == (reference[key] >= 0)); reference[key] = -1; }
    const uint32_t probe = rng.below(64);
    const uint32_t* found = map.find(probe);
    REQUIRE((found != nullptr) == (reference[probe] >= 0));
    if (found) REQUIRE(*found == reference[probe]);
  }
}

TEST_CASE("histogram quantiles are within a bucket of the truth") {
  Histogram h, other;
  for (int i = 1; i <= 1000; ++i) (i % 2 ? h : other).add(Duration::microseconds(i * 100));
  h.merge(other);
  CHECK(h.total() == 1000);
  CHECK(h.quantile(0.5).to_ms() == Approx(50).epsilon(0.035));
  CHECK(h.quantile(0.99).to_ms() == Approx(99).epsilon(0.035));
  CHECK(h.quantile(0).to_ms() == Approx(0.1).epsilon(0.035));
}

TEST_CASE("a link serialises, queues in time and drops the tail") {
  LinkConfig config;
  config.rate = DataRate::mbps(1);
  config.delay = Duration::milliseconds(20);
  config.queue = Duration::milliseconds(100);
  LinkModel link(config, Rng(1));
  const Instant now;
  const LinkVerdict first = link.offer(now, 1250);  // 10 ms on the wire
  CHECK(first.arrival == now + Duration::milliseconds(30));
  int delivered = 1;
  for (int i = 0; i < 20; ++i) delivered += link.offer(now, 1250).delivered;
  CHECK(delivered == 10);  // 100 ms of queue
  const LinkModel::Counts counts = link.take_counts(now + Duration::seconds(1));
  CHECK(counts.packets == 10);
  CHECK(counts.queue_drops == 11);
}

TEST_CASE("a change of rate slows what is waiting") {
  LinkConfig config;
  config.rate = DataRate::mbps(1);
  LinkModel link(config, Rng(1));
  config.rate = DataRate::kbps(100);
  link.change_at(Instant::at(Duration::milliseconds(5)), config);
  // Half of the packet leaves at 1 Mbps in 5 ms, the other half at a tenth of it in 50 ms.
  CHECK(link.offer(Instant(), 1250).arrival.ns() == Approx(55e6).margin(10));
}

TEST_CASE("jitter never reorders and stays in its range") {
  LinkConfig config;
  config.delay = Duration::milliseconds(10);
  config.jitter = Duration::milliseconds(30);
  LinkModel link(config, Rng(3));
  Instant last;
  for (int i = 0; i < 1000; ++i) {
    const Instant now = Instant::at(Duration::milliseconds(i));
    const LinkVerdict v = link.offer(now, 100);
    REQUIRE(v.delivered);
    REQUIRE(v.arrival >= last);
    REQUIRE(v.arrival - now >= config.delay);
    REQUIRE(v.arrival - now <= config.delay + config.jitter);
    last = v.arrival;
  }
}

TEST_CASE("loss follows its probability, and Gilbert-Elliott loss comes in bursts") {
  LinkConfig config;
  config.loss = 0.1;
  LinkModel independent(config, Rng(5));
  config.loss = 0;
  config.bursts = GilbertElliott{0.01, 0.25, 0, 1};  // mean burst of 4, 3.85 % in all
  LinkModel bursty(config, Rng(5));
  int lost = 0, burst_lost = 0, bursts = 0;
  bool before = false;
  for (int i = 0; i < 100'000; ++i) {
    const Instant now = Instant::at(Duration::milliseconds(i));
    lost += !independent.offer(now, 100).delivered;
    const bool gone = !bursty.offer(now, 100).delivered;
    burst_lost += gone;
    bursts += gone && !before;
    before = gone;
  }
  CHECK(lost == Approx(10'000).epsilon(0.05));
  CHECK(burst_lost == Approx(3'846).epsilon(0.15));
  CHECK(static_cast<double>(burst_lost) / bursts == Approx(4).epsilon(0.15));
}
