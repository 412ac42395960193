#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/base/link_model.h"
#include "core/cc/full_link.h"
#include "core/cc/pacer.h"
#include "core/cc/probing.h"
#include "core/cc/repair_budget.h"
#include "core/cc/send_side.h"
#include "tests/support/instants.h"

using namespace tacoma;

namespace {

// A bridge-like sender: media of a given rate whatever the target, padding where a probe asks for it, feedback every 100 ms.
class Leg {
 public:
  Leg(Congestion congestion, DataRate link, const RateLimits& limits) : side(congestion, limits), link_(config(link), Rng(3)) {}
  static LinkConfig config(DataRate rate) {
    LinkConfig link;
    link.rate = rate;
    link.delay = Duration::milliseconds(20);
    link.queue = Duration::milliseconds(300);
    return link;
  }
  void run_until(Instant end) {
    for (; now_ < end; now_ = now_ + Duration::milliseconds(1)) {
      while (!flying_.empty() && flying_.front().first <= now_) {
        statuses_.push_back(flying_.front().second);
        flying_.pop_front();
      }
      if (feedback && now_.ns() % 100'000'000 == 0 && !statuses_.empty()) {
        side.on_feedback(now_, statuses_, scratch_);
        statuses_.clear();
      }
      if (side.deadline() <= now_) side.on_deadline(now_);
      for (DataSize due = side.probe_due(now_); due > DataSize::zero(); due -= DataSize::bytes(std::min<int64_t>(due.bytes(), 255))) {
        send(255);
        probe_bytes += 255;
      }
      REQUIRE(side.deadline() > now_);
      budget_ += static_cast<double>(media.bps()) / 8000;
      for (; budget_ >= 1000; budget_ -= 1000) send(1000);
    }
  }

  void widen(DataRate rate) { link_.change_at(now_, config(rate)); }

  SendSide side;
  DataRate media = DataRate::kbps(150);
  bool feedback = true;
  int64_t probe_bytes = 0;

 private:
  void send(int64_t bytes) {
    const uint16_t sequence = side.next_sequence();
    side.on_sent(now_, DataSize::bytes(bytes));
    const LinkVerdict verdict = link_.offer(now_, bytes + 28);
    if (verdict.delivered) flying_.push_back({verdict.arrival, {sequence, true, verdict.arrival.since_start()}});
    else flying_.push_back({flying_.empty() ? now_ : flying_.back().first, {sequence, false, Duration::zero()}});
  }
  LinkModel link_;
  Instant now_;
  double budget_ = 0;
  std::deque<std::pair<Instant, TransportStatus>> flying_;
  std::vector<TransportStatus> statuses_;
  std::vector<PacketResult> scratch_;
};

const RateLimits kLimits{DataRate::kbps(300), DataRate::kbps(30), DataRate::mbps(20)};

}  // namespace

TEST_CASE("probes find the way to what is wanted though the media is small, and rest there") {
  const Congestion congestion = GENERATE(Congestion::gcc, Congestion::nada);
  Leg leg(congestion, DataRate::mbps(8), kLimits);
  leg.side.set_wanted(DataRate::mbps(3));
  leg.run_until(at_ms(10'000));
  INFO(to_string(congestion) << " target " << leg.side.target().bps() << ", probed with " << leg.probe_bytes << " bytes");
  CHECK(leg.side.target() >= DataRate::mbps(3));
  CHECK(leg.side.target() <= DataRate::mbps(8));
  const int64_t bytes = leg.probe_bytes;
  CHECK(bytes > 0);
  CHECK(bytes < 150'000);
  if (congestion == Congestion::nada) return;  // its gradual mode keeps a small rate moving, with a probe now and then
  leg.run_until(at_ms(30'000));
  CHECK(leg.probe_bytes == bytes);
}

TEST_CASE("a narrow link stays narrow however much is wanted") {
  const Congestion congestion = GENERATE(Congestion::gcc, Congestion::nada);
  Leg leg(congestion, DataRate::kbps(500), kLimits);
  leg.side.set_wanted(DataRate::mbps(3));
  leg.run_until(at_ms(20'000));
  INFO(to_string(congestion) << " target " << leg.side.target().bps());
  CHECK(leg.side.target() < DataRate::kbps(600));
  CHECK(leg.side.target() > DataRate::kbps(200));
}

TEST_CASE("nothing wanted, nothing probed") {
  Leg leg(Congestion::gcc, DataRate::mbps(8), kLimits);
  leg.run_until(at_ms(10'000));
  CHECK(leg.probe_bytes == 0);
}

TEST_CASE("a want that grows is probed for at once") {
  Leg leg(Congestion::gcc, DataRate::mbps(8), kLimits);
  leg.run_until(at_ms(5'000));
  leg.side.set_wanted(DataRate::mbps(2));
  leg.run_until(at_ms(6'000));
  CHECK(leg.side.target() >= DataRate::mbps(2));
  leg.side.set_wanted(DataRate::mbps(5));
  leg.run_until(at_ms(7'000));
  CHECK(leg.side.target() >= DataRate::mbps(5));
}

TEST_CASE("who goes by steps finds within two seconds that a narrow link is wide again, soon after a cut, too") {
  for (const bool full : {false, true}) {
    Leg leg(Congestion::gcc, DataRate::kbps(500), kLimits);
    leg.side.set_wanted(DataRate::mbps(1), true);
    leg.run_until(at_ms(20'000));
    int64_t now = 20'000;
    if (full) {
      leg.media = DataRate::kbps(700);
      leg.run_until(at_ms(now += 1'000));
      leg.media = DataRate::kbps(150);
    }
    CHECK(leg.side.target() < DataRate::kbps(700));
    leg.widen(DataRate::mbps(8));
    leg.run_until(at_ms(now + 2'000));
    INFO("target " << leg.side.target().bps());
    CHECK(leg.side.target() >= DataRate::mbps(1));
  }
}

TEST_CASE("who goes by steps learns within 400 ms that the link carries far less; who can hold back takes a moment to be sure") {
  for (const auto& [congestion, in_steps] : {std::pair(Congestion::gcc, true), std::pair(Congestion::nada, true), std::pair(Congestion::gcc, false)}) {
    Leg leg(congestion, DataRate::mbps(8), kLimits);
    leg.side.set_wanted(DataRate::mbps(3), in_steps);
    leg.media = DataRate::mbps(2);
    leg.run_until(at_ms(20'000));
    REQUIRE(leg.side.sustained() > DataRate::mbps(2));
    leg.widen(DataRate::kbps(400));
    leg.run_until(at_ms(20'400));
    INFO(to_string(congestion) << " by steps " << in_steps << ", sustained " << leg.side.sustained().bps());
    CHECK((leg.side.sustained() < DataRate::kbps(500)) == in_steps);
  }
}

TEST_CASE("a probe that a large packet closes is measured; one that was held up and let go at once is not") {
  for (const bool held_up : {false, true}) {
    ProbeMeter meter;
    meter.expect({7, DataRate::kbps(1'280), DataSize::bytes(2'400), 5});
    std::optional<ProbeResult> found;
    int64_t us = 0;
    for (const int64_t bytes : {295, 104, 295, 104, 1'200, 600}) {
      PacketResult p;
      p.sent = Instant::at(Duration::microseconds(us));
      p.arrival = Duration::microseconds(held_up ? 30'000 + us / 4 : us + 1'000);
      p.size = DataSize::bytes(bytes);
      p.received = true;
      p.probe = 7;
      if (const auto result = meter.on_packet(p)) found = result;
      us += 1'100;
    }
    CHECK(found.has_value() == !held_up);
    if (found) CHECK(found->rate.bps() == 798 * 8 * 1'000 / 4 * 10 / 11);  // all but the last in 4.4 ms
  }
}

TEST_CASE("a link that has fallen is told by what arrives of what is sent: not by little that is sent, nor by a pause of the link") {
  struct Path {
    FullLink link;
    int fallen = 0;      // reports after which it has
    Duration clock;      // of the receiver
    std::optional<DataRate> to;
    void report(int64_t sent_ms, int64_t arrival_ms, int64_t bytes = 1'000, bool received = true) {
      PacketResult p;
      p.sent = at_ms(sent_ms);
      p.size = DataSize::bytes(bytes);
      p.received = received;
      p.arrival = Duration::milliseconds(arrival_ms) + clock;
      link.on_feedback(Span<const PacketResult>(&p, 1), Duration::milliseconds(arrival_ms - sent_ms - 20));
      to = link.fallen_from(DataRate::mbps(2));
      fallen += to.has_value();
    }
  } path;
  int64_t t = 0;
  for (; t < 1'000; t += 4) path.report(t, t + 20);
  CHECK(path.fallen == 0);
  SECTION("narrow: a packet in 20 ms of one in 4 ms") {
    for (; t < 1'120; t += 4) path.report(t, 1'020 + (t - 1'000) * 5);
    REQUIRE(path.to);
    CHECK(path.to->bps() == 400'000);
    CHECK(path.fallen > 10);
    CHECK_FALSE(path.link.fallen_from(DataRate::kbps(700)));  // from so little it is not far
    path.clock = Duration::seconds(1'000);
    path.fallen = 0;
    for (int i = 0; i < 3; ++i, t += 4) path.report(t, 1'020 + (t - 1'000) * 5);
    CHECK(path.fallen == 0);  // another clock: anew
    path.clock = Duration::seconds(-1'000);
    for (int i = 0; i < 3; ++i, t += 4) path.report(t, 1'020 + (t - 1'000) * 5);
    CHECK(path.fallen == 0);
  }
  SECTION("narrow, and the queue is full: four of five are lost") {
    for (; t < 1'400; t += 4) path.report(t, t + 220, 1'000, t % 20 == 0);
    REQUIRE(path.to);
    CHECK(path.to->bps() == 400'000);
  }
  SECTION("a queue of others', and little is sent") {
    for (; t < 2'000; t += 20) path.report(t, t + 220, 100);
    CHECK(path.link.stands());
    CHECK(path.fallen == 0);
  }
  SECTION("a pause of 600 ms, and what has waited comes in 150 ms") {
    for (; t < 1'600; t += 4) path.report(t, 1'620 + (t - 1'000) / 4);
    CHECK(path.fallen == 0);
  }
  SECTION("one packet that is late among many that are not") {
    for (; t < 1'400; t += 4) path.report(t, t + (t % 100 == 0 ? 110 : 20));
    CHECK_FALSE(path.link.stands());
    CHECK(path.fallen == 0);
  }
}

TEST_CASE("the limit of a receiver is the estimate without feedback, and a bound with it") {
  SendSide side(Congestion::gcc, kLimits);
  CHECK_FALSE(side.is_informed());
  CHECK(side.target() == kLimits.start);
  side.on_remb(at_ms(0), DataRate::mbps(4));
  CHECK(side.is_informed());
  CHECK(side.target() == DataRate::mbps(4));
  side.on_remb(at_ms(0), DataRate::zero());
  CHECK(side.target() == kLimits.lowest);
  side.on_remb(at_ms(0), DataRate::infinite());
  CHECK(side.target() == kLimits.highest);
  // Its silence is not congestion: nobody promised feedback.
  side.on_remb(at_ms(0), DataRate::mbps(4));
  for (int ms = 0; ms < 10'000; ms += 20) {
    side.on_sent(at_ms(ms), DataSize::bytes(500));
    if (side.deadline() <= at_ms(ms)) side.on_deadline(at_ms(ms));
  }
  CHECK(side.target() == DataRate::mbps(4));
  Leg leg(Congestion::gcc, DataRate::mbps(8), kLimits);
  leg.side.set_wanted(DataRate::mbps(3));
  leg.side.on_remb(at_ms(0), DataRate::kbps(200));
  leg.run_until(at_ms(5'000));
  CHECK(leg.side.target() == DataRate::kbps(200));
}

TEST_CASE("without a controller there is no limit, no clock and no probe") {
  SendSide side(Congestion::none, kLimits);
  side.set_wanted(DataRate::mbps(9));
  side.on_sent(at_ms(1), DataSize::bytes(100));
  CHECK(side.target().is_infinite());
  CHECK(side.pacing().is_infinite());
  CHECK(side.deadline().is_never());
  CHECK(side.probe_due(at_ms(2)) == DataSize::zero());
  CHECK(side.next_sequence() == 2);
}

TEST_CASE("an owner with nothing to send for a probe is asked no more than once a millisecond, and not for ever") {
  SendSide side(Congestion::gcc, kLimits);
  side.set_wanted(DataRate::mbps(3));
  std::vector<PacketResult> scratch;
  side.on_sent(at_ms(0), DataSize::bytes(100));
  const std::vector<TransportStatus> feedback = {{1, true, Duration::milliseconds(5)}};
  side.on_feedback(at_ms(10), feedback, scratch);
  REQUIRE(side.is_probing());
  int asked = 0;
  for (int us = 10'000; us < 3'000'000; us += 100) {
    const Instant now = Instant::at(Duration::microseconds(us));
    if (side.deadline() <= now) side.on_deadline(now);
    asked += side.probe_due(now) > DataSize::zero();
    REQUIRE(side.deadline() > now);
  }
  CHECK(asked > 0);
  CHECK(asked < 4 * 250 + 10);
}

TEST_CASE("the history of a path with feedback stays small") {
  SentHistory history;
  std::vector<PacketResult> results;
  for (int i = 0; i < 100'000; ++i) {
    history.on_sent(at_ms(i), DataSize::bytes(1000));
    if (i % 100 == 99) {
      std::vector<TransportStatus> statuses;
      for (int k = i - 99; k <= i; ++k) statuses.push_back({static_cast<uint16_t>(k + 1), true, Duration::milliseconds(k + 20)});
      CHECK(history.on_feedback(at_ms(i), statuses, results) == 0);
    }
  }
  CHECK(history.remembered() <= 400);
}

TEST_CASE("a pacer spreads a frame, keeps order, and holds nothing for longer than its bound") {
  Pacer<int> pacer;
  pacer.set_rate(DataRate::mbps(2));
  for (int i = 0; i < 20; ++i) REQUIRE(pacer.push(at_ms(1'000), DataSize::bytes(1'000), int(i)));
  int next = 0;
  std::vector<Instant> left;
  for (int us = 1'000'000; us < 2'000'000 && !pacer.empty(); us += 250) {
    const Instant now = Instant::at(Duration::microseconds(us));
    while (pacer.may_pop(now)) {
      CHECK(pacer.pop(now) == next++);
      left.push_back(now);
    }
  }
  REQUIRE(left.size() == 20);
  // 19 packets of 8,000 bits at 2 Mbit/s are 76 ms; 5 ms may go ahead.
  CHECK((left.back() - left.front()).to_ms() == Approx(71).margin(2));
  CHECK(pacer.deadline().is_never());

  // A hundred times more than the rate carries in time.
  pacer.set_rate(DataRate::kbps(50));
  for (int i = 0; i < 200; ++i) REQUIRE(pacer.push(at_ms(3'000), DataSize::bytes(1'000), int(i)));
  Instant last;
  for (int us = 3'000'000; us < 5'000'000 && !pacer.empty(); us += 250) {
    const Instant now = Instant::at(Duration::microseconds(us));
    while (pacer.may_pop(now)) {
      pacer.pop(now);
      last = now;
    }
    CHECK(pacer.waited(now) <= Pacer<int>::kLongest);
  }
  CHECK(pacer.empty());
  CHECK(last - at_ms(3'000) <= Pacer<int>::kLongest);
}

TEST_CASE("a pacer has a limit, and gives everything back") {
  Pacer<std::unique_ptr<int>> pacer;
  for (size_t i = 0; i < Pacer<std::unique_ptr<int>>::kLimit; ++i) REQUIRE(pacer.push(at_ms(0), DataSize::bytes(10), std::make_unique<int>(1)));
  CHECK_FALSE(pacer.push(at_ms(0), DataSize::bytes(10), std::make_unique<int>(2)));
  CHECK(pacer.queued() == DataSize::bytes(10 * static_cast<int64_t>(Pacer<std::unique_ptr<int>>::kLimit)));
  pacer.clear();
  CHECK(pacer.empty());
  CHECK(pacer.queued() == DataSize::zero());
}

TEST_CASE("controllers go by name") {
  CHECK(parse_congestion("gcc") == Congestion::gcc);
  CHECK(parse_congestion("nada") == Congestion::nada);
  CHECK(parse_congestion("none") == Congestion::none);
  CHECK_FALSE(parse_congestion("cubic"));
}

TEST_CASE("What is sent again is a quarter of the target in half a second, a few packets at least, and without a target all of it") {
  const DataSize packet = DataSize::bytes(1'250);
  const auto taken = [&](DataRate target, RepairBudget& budget, int64_t at) {
    int n = 0;
    while (n < 100 && budget.take(at_ms(at), packet, target)) ++n;
    return n;
  };
  RepairBudget large, small, unbounded;
  CHECK(taken(DataRate::mbps(2), large, 1'000) == 25);   // 2 Mbps / 4 for 500 ms
  CHECK(taken(DataRate::mbps(2), large, 1'300) == 0);
  CHECK(taken(DataRate::mbps(2), large, 1'600) == 25);
  CHECK(taken(DataRate::kbps(30), small, 1'000) == 5);
  CHECK(taken(DataRate::infinite(), unbounded, 1'000) == 100);
  CHECK(taken(DataRate::mbps(2), unbounded, 1'100) == 0);  // what went out before counts
}
