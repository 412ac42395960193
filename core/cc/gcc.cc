// Google congestion control, sender side: the delay-based rate, bounded by the loss-based one and by the receiver's limit.
#include <algorithm>

#include "core/cc/aimd.h"
#include "core/cc/delay_trend.h"
#include "core/cc/delivered_rate.h"
#include "core/cc/loss_rate.h"
#include "core/cc/probing.h"
#include "core/cc/queue_delay.h"
#include "core/cc/rate_controller.h"
#include "core/cc/sent_rate.h"

namespace tacoma {

namespace {

constexpr double kPacingFactor = 1.5;
constexpr Duration kShortQueue = Duration::milliseconds(12);  // nothing is raised and nothing probed above it
constexpr Duration kLongQueue = Duration::milliseconds(30);   // above it the rate is cut, even if the queue does not grow
constexpr double kMostTolerant = 4;                           // times both, for who has the least of what it wants
constexpr Duration kFullLately = Duration::seconds(15);
constexpr Duration kGivesWay = Duration::seconds(3);          // a queue that stands for longer, although we give way, is not ours:
constexpr Duration kStandsFast = Duration::seconds(10);       // then for so long only its growth counts, as ever in GCC
constexpr Duration kFeedbackTimeout = Duration::seconds(1);

class Gcc final : public RateController {
 public:
  explicit Gcc(const RateLimits& limits) : limits_(limits), delay_(limits), loss_(limits), probes_(limits), receiver_limit_(limits.highest) {}

  RateUpdate on_feedback(const FeedbackReport& report) override {
    RateUpdate update;
    bool over = false;
    std::optional<DataRate> probed;
    for (const PacketResult& packet : report.packets) {
      if (!packet.received) continue;
      delivered_.on_packet(packet);
      queue_.on_packet(packet);
      over |= packet.probe == 0 && trend_.on_packet(packet) == PathUse::over;
      if (const auto measured = meter_.on_packet(packet)) {
        const DataRate found = believed(report.at, *measured);
        probed = std::max(probed.value_or(found), found);
        probes_.on_measured(report.at, measured->rate, update.probes);
      }
    }
    last_feedback_ = report.at;
    silence_.reset();
    sent_.on_results(report.packets);
    const std::optional<DataRate> delivered = delivered_.rate();
    // A cut once a round trip: what is in flight was sent at the old rate.
    const bool may_cut = last_cut_.is_never() || report.at - last_cut_ > std::min(round_trip_, Duration::milliseconds(200)) || still_far_above(delivered);
    const bool gives_way = gives_way_to_queue(report.at);
    over |= gives_way && queue_.now() > tolerated(kLongQueue);
    const bool holds = gives_way && queue_.now() > tolerated(kShortQueue) && trend_.state() == PathUse::normal;
    const PathUse use = over ? (may_cut ? PathUse::over : PathUse::normal) : holds ? PathUse::under : trend_.state();
    if (!over || may_cut) {
      const DataRate before = delay_.rate();
      delay_.update(report.at, use, use == PathUse::over ? delivered_.newest_rate() : delivered, limited());
      if (use == PathUse::over) {
        last_cut_ = report.at;
        if (static_cast<double>(delay_.rate().bps()) < 0.66 * static_cast<double>(before.bps())) probes_.on_large_drop(report.at, before);
      }
    }
    if (probed && use != PathUse::over) {
      delay_.raise_to(*probed);
      // The burst has made a queue of its own, which says nothing about the rate: the detector looks anew.
      trend_.reset();
      if (loss_.ratio() < 0.02) loss_.raise_to(*probed);
    }
    loss_.on_results(report.at, report.packets, delay_.rate());
    fill(update);
    return update;
  }

  void on_round_trip(Duration round_trip) override {
    round_trip_ = std::clamp(round_trip, Duration::milliseconds(1), Duration::seconds(5));
    delay_.on_round_trip(round_trip_);
    loss_.on_round_trip(round_trip_);
  }

  void on_receiver_limit(Instant, DataRate limit) override { receiver_limit_ = std::clamp(limit, limits_.lowest, limits_.highest); }
  void set_wanted(DataRate wanted) override { wanted_ = std::min(wanted, limits_.highest); }

  RateUpdate on_tick(Instant now) override {
    RateUpdate update;
    // No feedback for a second: the path or its way back is blocked. Halve once a second until something is heard.
    if (!last_feedback_.is_never() && now - last_feedback_ > kFeedbackTimeout && wanted_ > DataRate::zero()) {
      last_feedback_ = now;
      silence_ = DataRate::bps(std::max(limits_.lowest.bps(), target().bps() / 2));
      trend_.reset();
      queue_.clear();
      delivered_.clear();
    }
    probes_.on_tick(now, {target(), wanted_, trend_.state() == PathUse::over || queue_.now() > tolerated(kShortQueue), limited()}, update.probes);
    fill(update);
    return update;
  }

  DataRate target() const override {
    const DataRate rate = std::min({delay_.rate(), loss_.bound(), receiver_limit_});
    return silence_ ? std::min(rate, *silence_) : rate;
  }
  const char* name() const override { return "gcc"; }

 private:
  void fill(RateUpdate& update) {
    for (const ProbeCluster& cluster : update.probes) meter_.expect(cluster);
    update.target = target();
    update.pacing = DataRate::bps(static_cast<int64_t>(kPacingFactor * static_cast<double>(update.target.bps())));
  }

  // Who has little of what it wants stands more of a queue than who has nearly all: so those who share one come to equal rates, as by
  // the reference delay of RFC 8698 section 4.3, or to rates in the proportion of their priorities.
  Duration tolerated(Duration queue) const {
    const double wanted = static_cast<double>((wanted_ > DataRate::zero() ? wanted_ : limits_.highest).bps());
    return Duration::from_seconds(queue.to_seconds() * std::clamp(limits_.priority * wanted / static_cast<double>(target().bps()), 1.0, kMostTolerant));
  }
  // A full link that was full before is perhaps full of others: half of the way is left for the next probe.
  DataRate believed(Instant now, const ProbeResult& result) const {
    if (!result.full || last_cut_.is_never() || now - last_cut_ > kFullLately || result.rate <= delay_.rate()) return result.rate;
    return DataRate::bps((delay_.rate().bps() + result.rate.bps()) / 2);
  }
  bool gives_way_to_queue(Instant now) {
    if (queue_.now() <= tolerated(kLongQueue)) standing_since_ = Instant::never();
    else if (standing_since_.is_never() || now - standing_since_ > kGivesWay + kStandsFast) standing_since_ = now;
    return standing_since_.is_never() || now - standing_since_ <= kGivesWay;
  }
  bool limited() const { return sent_.is_below(target()); }
  bool still_far_above(std::optional<DataRate> delivered) const {
    return delivered && static_cast<double>(delivered->bps()) < 0.5 * static_cast<double>(delay_.rate().bps());
  }

  RateLimits limits_;
  DelayTrend trend_;
  QueueDelay queue_;
  DeliveredRate delivered_;
  AimdRate delay_;
  LossRate loss_;
  SentRate sent_;
  ProbePlan probes_;
  ProbeMeter meter_;
  DataRate receiver_limit_;
  DataRate wanted_;
  std::optional<DataRate> silence_;
  Duration round_trip_ = Duration::milliseconds(200);
  Instant last_feedback_ = Instant::never(), last_cut_ = Instant::never(), standing_since_ = Instant::never();
};

}  // namespace

std::unique_ptr<RateController> make_gcc(const RateLimits& limits) { return std::make_unique<Gcc>(limits); }

}  // namespace tacoma
