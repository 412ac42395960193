#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>

#include "core/base/link_model.h"
#include "core/cc/rate_controller.h"
#include "core/cc/sent_history.h"
#include "tests/support/instants.h"

using namespace tacoma;

namespace {

// One sender that obeys its controller over one link, with feedback every 50 ms over a clean way back.
class Path {
 public:
  // Packets of several senders go in at one clock: `last_offer` is never before an earlier one's.
  struct Shared {
    LinkModel model;
    Instant last_offer;
  };
  Path(const std::string& kind, const LinkConfig& link, uint64_t seed = 1)
      : Path(kind, std::make_shared<Shared>(Shared{LinkModel(link, Rng(seed)), {}}), limits()) {}
  Path(const std::string& kind, std::shared_ptr<Shared> link, const RateLimits& limits)
      : controller_(kind == "nada" ? make_nada(limits) : make_gcc(limits)), link_(std::move(link)) {
    controller_->set_wanted(DataRate::mbps(4), false);
  }
  static RateLimits limits(double priority = 1) { return {DataRate::kbps(300), DataRate::kbps(50), DataRate::mbps(4), priority}; }
  LinkModel& link() { return link_->model; }
  RateController& controller() { return *controller_; }
  void set_application_limit(DataRate limit) { application_ = limit; }

  void run_until(Instant end) {
    for (; now_ < end; now_ = now_ + Duration::milliseconds(1)) {
      deliver();
      if (now_.ns() % 50'000'000 == 0) report();
      if (now_.ns() % 25'000'000 == 0) take(controller_->on_tick(now_));
      send();
    }
  }
  // Mean of what arrived over a stretch of time, and the 95th percentile of the queueing delay there.
  double received_kbps(int64_t from_ms, int64_t to_ms) const {
    int64_t bytes = 0;
    for (const auto& a : arrived_)
      if (a.at >= at_ms(from_ms) && a.at < at_ms(to_ms)) bytes += a.bytes;
    return static_cast<double>(bytes) * 8 / static_cast<double>(to_ms - from_ms);
  }
  double p95_delay_ms(int64_t from_ms, int64_t to_ms) const {
    std::vector<double> delays;
    for (const auto& a : arrived_)
      if (a.at >= at_ms(from_ms) && a.at < at_ms(to_ms)) delays.push_back(a.delay_ms);
    if (delays.empty()) return 0;
    std::sort(delays.begin(), delays.end());
    return delays[delays.size() * 95 / 100];
  }

 private:
  struct Flying { Instant arrives; uint16_t sequence; bool lost; int64_t bytes; Instant sent; };
  struct Arrived { Instant at; int64_t bytes; double delay_ms; };

  void take(const RateUpdate& update) {
    rate_ = std::min(update.target, application_);
    for (const ProbeCluster& probe : update.probes) probes_.push_back(probe);
  }
  void send_one(int64_t bytes, uint32_t probe, Instant when) {
    const uint16_t sequence = history_.next_sequence();
    history_.on_sent(when, DataSize::bytes(bytes), probe);
    link_->last_offer = std::max(when, link_->last_offer);
    const LinkVerdict verdict = link_->model.offer(link_->last_offer, bytes);
    flying_.push_back({verdict.delivered ? verdict.arrival : when + Duration::milliseconds(150), sequence, !verdict.delivered, bytes, when});
  }
  void send() {
    if (!probes_.empty()) {
      const ProbeCluster probe = probes_.front();
      probes_.pop_front();
      const int64_t bytes = std::max<int64_t>(200, probe.size.bytes() / probe.packets);
      for (uint32_t i = 0; i < probe.packets; ++i) send_one(bytes, probe.id, now_ + (DataSize::bytes(bytes * i) / probe.rate));
    }
    budget_ += static_cast<double>(rate_.bps()) / 8 / 1000;
    for (; budget_ >= 1000; budget_ -= 1000) send_one(1000, 0, std::max(now_, link_->last_offer));
  }
  void deliver() {
    std::stable_sort(flying_.begin(), flying_.end(), [](const Flying& a, const Flying& b) { return a.arrives < b.arrives; });
    while (!flying_.empty() && flying_.front().arrives <= now_) {
      const Flying f = flying_.front();
      flying_.pop_front();
      statuses_.push_back({f.sequence, !f.lost, f.arrives.since_start() + Duration::seconds(1000)});
      if (!f.lost) arrived_.push_back({f.arrives, f.bytes, (f.arrives - f.sent).to_ms()});
    }
  }
  void report() {
    waiting_.push_back({now_ + Duration::milliseconds(25), statuses_});
    statuses_.clear();
    while (!waiting_.empty() && waiting_.front().first <= now_) {
      history_.on_feedback(now_, waiting_.front().second, results_);
      waiting_.pop_front();
      if (history_.feedback_round_trip() > Duration::zero()) controller_->on_round_trip(history_.feedback_round_trip());
      take(controller_->on_feedback({now_, results_}));
    }
  }

  std::unique_ptr<RateController> controller_;
  std::shared_ptr<Shared> link_;
  SentHistory history_;
  Instant now_;
  DataRate rate_ = DataRate::kbps(300), application_ = DataRate::infinite();
  double budget_ = 0;
  std::deque<ProbeCluster> probes_;
  std::deque<Flying> flying_;
  std::vector<TransportStatus> statuses_;
  std::deque<std::pair<Instant, std::vector<TransportStatus>>> waiting_;
  std::vector<PacketResult> results_;
  std::vector<Arrived> arrived_;
};

LinkConfig bottleneck(DataRate rate) {
  LinkConfig link;
  link.rate = rate;
  link.delay = Duration::milliseconds(50);
  link.queue = Duration::milliseconds(300);
  return link;
}

}  // namespace

TEST_CASE("a controller alone on a link fills most of it with a short queue") {
  const std::string kind = GENERATE("gcc", "nada");
  Path path(kind, bottleneck(DataRate::mbps(1)));
  path.run_until(at_ms(60'000));
  INFO(kind << ": " << path.received_kbps(20'000, 60'000) << " kbps, p95 " << path.p95_delay_ms(20'000, 60'000) << " ms");
  CHECK(path.received_kbps(20'000, 60'000) > 800);
  CHECK(path.p95_delay_ms(20'000, 60'000) < 150);  // 50 ms of it is propagation
}

TEST_CASE("a controller follows capacity down and up again") {
  const std::string kind = GENERATE("gcc", "nada");
  Path path(kind, bottleneck(DataRate::mbps(2)));
  path.link().change_at(at_ms(30'000), bottleneck(DataRate::kbps(500)));
  path.link().change_at(at_ms(60'000), bottleneck(DataRate::mbps(2)));
  path.run_until(at_ms(100'000));
  INFO(kind << ": " << path.received_kbps(15'000, 30'000) << ", " << path.received_kbps(40'000, 60'000) << ", " << path.received_kbps(75'000, 100'000));
  CHECK(path.received_kbps(15'000, 30'000) > 1'500);
  // NADA comes down through its own queue target and takes longer to settle.
  CHECK(path.received_kbps(40'000, 60'000) > (kind == "nada" ? 320 : 380));
  CHECK(path.p95_delay_ms(40'000, 60'000) < 200);
  CHECK(path.received_kbps(75'000, 100'000) > 1'500);
}

TEST_CASE("of two who share a link the one of twice the priority gets about twice as much") {
  const std::string kind = "nada";
  const auto link = std::make_shared<Path::Shared>(Path::Shared{LinkModel(bottleneck(DataRate::mbps(2)), Rng(1)), {}});
  Path first(kind, link, Path::limits(2)), second(kind, link, Path::limits());
  for (int64_t ms = 1; ms <= 180'000; ++ms) {
    first.run_until(at_ms(ms));
    second.run_until(at_ms(ms));
  }
  const double ratio = first.received_kbps(60'000, 180'000) / second.received_kbps(60'000, 180'000);
  INFO(kind << ": " << first.received_kbps(60'000, 180'000) << " and " << second.received_kbps(60'000, 180'000) << " kbps");
  CHECK(ratio > 1.4);
  CHECK(ratio < 2.8);
}

TEST_CASE("a little loss that is not congestion does not starve GCC") {
  LinkConfig link = bottleneck(DataRate::mbps(2));
  link.loss = 0.01;
  Path path("gcc", link);
  path.run_until(at_ms(60'000));
  CHECK(path.received_kbps(20'000, 60'000) > 1'500);
}

TEST_CASE("an application that sends little does not raise the target without proof") {
  Path path("gcc", bottleneck(DataRate::mbps(20)));
  path.controller().set_wanted(DataRate::zero(), false);
  path.set_application_limit(DataRate::kbps(100));
  path.run_until(at_ms(2'000));
  const DataRate early = path.controller().target();
  path.run_until(at_ms(60'000));
  CHECK(path.controller().target() <= early);
}

TEST_CASE("a receiver limit bounds the target, and absurd ones are clamped") {
  const std::string kind = GENERATE("gcc", "nada");
  Path path(kind, bottleneck(DataRate::mbps(4)));
  path.run_until(at_ms(10'000));
  path.controller().on_receiver_limit(at_ms(10'000), DataRate::kbps(200));
  CHECK(path.controller().target() == DataRate::kbps(200));
  path.controller().on_receiver_limit(at_ms(10'000), DataRate::zero());
  CHECK(path.controller().target() == DataRate::kbps(50));
  path.controller().on_receiver_limit(at_ms(10'000), DataRate::bps(INT64_MAX));
  CHECK(path.controller().target() <= DataRate::mbps(4));
}

TEST_CASE("silence of the feedback halves the rate until it is heard again") {
  const std::string kind = GENERATE("gcc", "nada");
  Path path(kind, bottleneck(DataRate::mbps(2)));
  path.run_until(at_ms(20'000));
  const DataRate before = path.controller().target();
  for (int i = 1; i <= 200; ++i) path.controller().on_tick(at_ms(20'000 + i * 25));
  CHECK(path.controller().target().bps() <= before.bps() / 8);
}

TEST_CASE("feedback about packets that were never sent is counted and changes nothing") {
  SentHistory history;
  for (int i = 0; i < 10; ++i) history.on_sent(at_ms(i), DataSize::bytes(100));
  CHECK(history.in_flight() == DataSize::bytes(1000));
  std::vector<TransportStatus> statuses = {{5, true, Duration::milliseconds(1)}, {300, true, Duration::milliseconds(2)}, {5, true, Duration::milliseconds(3)}};
  std::vector<PacketResult> results;
  CHECK(history.on_feedback(at_ms(50), statuses, results) == 1);
  REQUIRE(results.size() == 1);
  CHECK(results[0].sequence == 5);
  CHECK(history.in_flight() == DataSize::bytes(900));
}

TEST_CASE("lies in feedback stay inside of the limits") {
  const std::string kind = GENERATE("gcc", "nada");
  auto controller = kind == "nada" ? make_nada(Path::limits()) : make_gcc(Path::limits());
  controller->set_wanted(DataRate::mbps(100), false);
  Rng rng(9);
  for (int i = 0; i < 5'000; ++i) {
    std::vector<PacketResult> packets;
    for (uint32_t k = 0; k < rng.below(40); ++k) {
      PacketResult p;
      p.sequence = static_cast<int64_t>(rng.below(1000));
      p.sent = at_ms(rng.below(1'000'000));
      p.size = DataSize::bytes(rng.below(1'500));
      p.probe = rng.below(3);
      p.received = rng.chance(0.7);
      p.arrival = Duration::nanoseconds(static_cast<int64_t>(rng.u64() >> 8) - (int64_t{1} << 54));
      packets.push_back(p);
    }
    controller->on_feedback({at_ms(i * 20), packets});
    controller->on_round_trip(Duration::nanoseconds(static_cast<int64_t>(rng.u64() >> 2)));
    controller->on_tick(at_ms(i * 20 + 10));
    REQUIRE(controller->target() >= Path::limits().lowest);
    REQUIRE(controller->target() <= Path::limits().highest);
  }
}
