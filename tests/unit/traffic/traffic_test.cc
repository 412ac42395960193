// Competing traffic over the light world: TCP fills and shares a bottleneck as its RFCs have it, UDP keeps its rate.
#include <catch2/catch.hpp>

#include <memory>

#include "loadgen/traffic/cbr.h"
#include "loadgen/traffic/tcp_receiver.h"
#include "loadgen/traffic/tcp_sender.h"
#include "sim/light/light_world.h"

using namespace tacoma;

namespace {

constexpr Duration ms(int64_t n) { return Duration::milliseconds(n); }
constexpr Instant at_s(int64_t n) { return Instant::at(Duration::seconds(n)); }

FlowPlan bulk(FlowPlan::Control control, Instant start, Instant stop) {
  FlowPlan flow;
  flow.kind = FlowPlan::Kind::tcp;
  flow.control = control;
  flow.start = start;
  flow.stop = stop;
  flow.transfers = {{Duration::zero(), FlowPlan::kEndless}};
  return flow;
}

/// Flows through one bottleneck, all receivers behind a site.
class Bottleneck {
 public:
  explicit Bottleneck(std::vector<FlowPlan> flows, DataRate rate = DataRate::mbps(2), double loss = 0) : flows_(std::move(flows)) {
    NetworkPlan plan;
    plan.regions = {"here"};
    plan.one_way = {{Duration::zero()}};
    SitePlan neck{"neck", 0, {}, {}, {}};
    neck.down.rate = rate;
    neck.down.loss = loss;
    neck.down.delay = neck.up.delay = ms(50);
    plan.sites = {neck};
    for (size_t i = 0; i < flows_.size(); ++i) {
      plan.hosts.push_back({"from" + std::to_string(i), 0, {}, {}, IpFamily::v4});
      plan.hosts.push_back({"to" + std::to_string(i), 0, {}, {}, IpFamily::v4, 0u});
    }
    auto made = make_light_world(plan, {});
    REQUIRE(made);
    world_ = std::move(*made);
    for (uint32_t i = 0; i < flows_.size(); ++i) {
      const SocketAddress to = world_->address(HostId(2 * i + 1), IpFamily::v4);
      const bool tcp = flows_[i].kind == FlowPlan::Kind::tcp;
      ends_.push_back(tcp ? std::unique_ptr<TrafficProcess>(std::make_unique<TcpSender>(flows_[i], to)) : std::make_unique<CbrSender>(flows_[i], to));
      ends_.push_back(tcp ? std::unique_ptr<TrafficProcess>(std::make_unique<TcpReceiver>()) : std::make_unique<CbrReceiver>());
      world_->attach(HostId(2 * i + 1), ends_[2 * i + 1].get());
      world_->attach(HostId(2 * i), ends_[2 * i].get());
    }
  }
  /// Runs on; what each flow did meanwhile.
  std::vector<FlowSample> until(Instant end) {
    world_->run_until(end);
    std::vector<FlowSample> samples(flows_.size());
    for (size_t i = 0; i < ends_.size(); ++i) ends_[i]->take_sample(samples[i / 2]);
    return samples;
  }

 private:
  const std::vector<FlowPlan> flows_;
  std::vector<std::unique_ptr<TrafficProcess>> ends_;
  std::unique_ptr<World> world_;
};

double mbps(const FlowSample& sample, int seconds) { return static_cast<double>(sample.bytes) * 8e-6 / seconds; }

}  // namespace

TEST_CASE("a TCP alone fills its bottleneck") {
  const auto control = GENERATE(FlowPlan::Control::new_reno, FlowPlan::Control::cubic);
  Bottleneck net({bulk(control, at_s(0), at_s(100))});
  net.until(at_s(20));
  const FlowSample sample = net.until(at_s(80))[0];
  CHECK(mbps(sample, 60) > 0.9 * 2 * 1460 / 1500);
  CHECK(mbps(sample, 60) <= 2);
  CHECK(sample.retransmitted > 0);
  CHECK(static_cast<double>(sample.retransmitted) < 0.03 * static_cast<double>(sample.packets));
}

TEST_CASE("two TCP share their bottleneck") {
  const auto control = GENERATE(FlowPlan::Control::new_reno, FlowPlan::Control::cubic);
  Bottleneck net({bulk(control, at_s(0), at_s(300)), bulk(control, at_s(10), at_s(300))});
  net.until(at_s(60));
  const auto samples = net.until(at_s(260));
  const double a = mbps(samples[0], 200), b = mbps(samples[1], 200);
  CAPTURE(a, b);
  CHECK(a + b > 1.7);
  CHECK(a / b > 1.0 / 2.5);
  CHECK(a / b < 2.5);
}

TEST_CASE("TCP gets through loss, and all it sent arrives") {
  FlowPlan flow = bulk(FlowPlan::Control::new_reno, at_s(1), at_s(200));
  flow.transfers = {{Duration::zero(), 50'000}, {Duration::seconds(2), 30'001}, {Duration::zero(), 1'000'000}};
  Bottleneck net({flow}, DataRate::mbps(10), 0.05);
  const FlowSample sample = net.until(at_s(190))[0];
  CHECK(sample.bytes == 1'080'001);
  CHECK(sample.retransmitted > 20);
}

TEST_CASE("a bottleneck that is cut for a while stops TCP, which comes back by its timeout") {
  Bottleneck net({bulk(FlowPlan::Control::new_reno, at_s(0), at_s(30))}, DataRate::kbps(200), 0.3);
  CHECK(mbps(net.until(at_s(30))[0], 30) > 0.005);
  const FlowSample after = net.until(at_s(60))[0];  // it has stopped: what was on the way arrives, nothing follows
  CHECK(after.packets == 0);
}

TEST_CASE("UDP keeps the rate of each period") {
  FlowPlan flow;
  flow.start = at_s(1);
  flow.stop = at_s(40);
  flow.periods = {{at_s(0), DataRate::mbps(1)}, {at_s(11), DataRate::zero()}, {at_s(21), DataRate::kbps(500)}};
  Bottleneck net({flow});
  CHECK(net.until(at_s(1))[0].packets <= 1);
  CHECK(net.until(at_s(11))[0].packets == Approx(833).margin(1));  // of 12,000 bits in 10 s
  CHECK(net.until(at_s(20))[0].packets == 0);
  const FlowSample last = net.until(at_s(50))[0];
  CHECK(last.packets == Approx(792).margin(1));
  CHECK(last.bytes == last.packets * 1472);
}
