// What a datagram costs in the light world when the processes do next to nothing: every host sends one datagram of 1,000 bytes each
// 20 ms to another host, over links with rate, delay, jitter and loss.
#include <benchmark/benchmark.h>

#include "sim/light/light_world.h"

namespace {

using namespace tacoma;

class Ticker : public Process {
 public:
  Ticker(SocketAddress to, Duration first) : to_(to), next_(Instant::at(first)) {}
  void start(Instant, Outbox&) override {}
  void on_datagrams(Instant, Span<Datagram> in, Outbox&) override { received_ += in.size(); }
  void on_stream(Instant, const StreamEvent&, Outbox&) override {}
  void on_deadline(Instant now, Outbox& out) override {
    out.send(to_, out.pool().make(1000));
    next_ = now + Duration::milliseconds(20);
  }
  Deadline deadline() const override { return {next_, "tick"}; }

 private:
  SocketAddress to_;
  Instant next_;
  uint64_t received_ = 0;
};

void datagrams(benchmark::State& state) {
  const uint32_t count = static_cast<uint32_t>(state.range(0));
  NetworkPlan plan;
  plan.regions = {"eu"};
  plan.one_way = {{Duration::milliseconds(2)}};
  LinkConfig link;
  link.rate = DataRate::mbps(50);
  link.delay = Duration::milliseconds(10);
  link.jitter = Duration::milliseconds(2);
  link.loss = 0.001;
  for (uint32_t i = 0; i < count; ++i) plan.hosts.push_back({"h" + std::to_string(i), 0, link, link, IpFamily::v4});
  auto world = std::move(*make_light_world(plan, {}));
  std::vector<Ticker> tickers;
  tickers.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    // A stride that is prime to the number of hosts spreads the receivers over memory, as conferences do.
    tickers.emplace_back(world->address(HostId((i * 7919ull + 1) % count), IpFamily::v4), Duration::microseconds(i * 20'000ull / count));
    world->attach(HostId(i), &tickers.back());
  }
  Instant end = Instant::at(Duration::seconds(1));
  world->run_until(end);  // warm-up
  const uint64_t before = world->stats().datagrams_sent;
  for (auto _ : state) {
    end = end + Duration::milliseconds(20);
    world->run_until(end);
  }
  state.SetItemsProcessed(static_cast<int64_t>(world->stats().datagrams_sent - before));  // items: datagrams, each two links and one wake-up
}
BENCHMARK(datagrams)->ArgName("hosts")->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
