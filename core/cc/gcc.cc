// Google congestion control, sender side: the delay-based rate, bounded by the loss-based one and by the receiver's limit.
#include <algorithm>
#include <cmath>

#include "core/cc/aimd.h"
#include "core/cc/delay_trend.h"
#include "core/cc/delivered_rate.h"
#include "core/cc/full_link.h"
#include "core/cc/loss_rate.h"
#include "core/cc/marks.h"
#include "core/cc/probing.h"
#include "core/cc/queue_delay.h"
#include "core/cc/rate_controller.h"
#include "core/cc/sent_rate.h"

namespace tacoma {

namespace {

constexpr double kPacingFactor = 1.5;
constexpr double kPacingWithRoom = 2.5;  // libwebrtc's: where less is sent than might be, or the link has never been full
// A standing queue, for who has all that it wants; who has less stands more, up to kMostTolerant times.
constexpr Duration kLongQueue = Duration::milliseconds(20);     // the rate is cut
constexpr Duration kGrowingQueue = Duration::milliseconds(15);  // the rate is cut, if it grows: a trend without a queue is jitter
constexpr Duration kShortQueue = Duration::milliseconds(8);     // nothing is raised and nothing probed
constexpr double kMostTolerant = 3;
constexpr Duration kDrain = Duration::milliseconds(250);        // a queue so much above a short one would stop us
constexpr double kDeepestDrain = 0.2;                           // ... but for this share
// Cuts.
constexpr Duration kBetweenCuts = Duration::milliseconds(400);
constexpr Duration kBurst = Duration::milliseconds(600);        // a queue that has stood for less may be a burst of somebody else's,
constexpr double kFarAbove = 0.5;                               // unless so little of the rate arrives
constexpr Duration kUsualUp = Duration::milliseconds(500), kUsualDown = Duration::seconds(3);
constexpr double kAfterStart = 0.5;                             // of what arrives, at a first cut
constexpr Duration kStart = Duration::seconds(10);              // ... within so long
constexpr Duration kInARow = Duration::seconds(2);              // cuts closer than this are one drop
constexpr double kLargeDrop = 0.9;                              // to less than this: a probe tries whether it was for a moment only
constexpr double kBackByProbe = 0.9;                            // ... and leads back to so much
constexpr Duration kFullLately = Duration::seconds(4);          // since a cut: only such probes are sent and believed
constexpr Duration kFullLatelySteps = Duration::seconds(1);     // ... where rates go by steps, which nothing else can find room for
constexpr double kStep = 1.5, kFurtherStep = 2;                                 // later, a probe leads so far, and the next waits until a queue would be seen
// Others' queues.
constexpr Duration kGivesWay = Duration::seconds(3);            // a queue that stands for longer, although we give way, is not ours:
constexpr Duration kStandsFast = Duration::seconds(10);         // then for so long only its growth counts, as ever in GCC
constexpr Duration kFeedbackTimeout = Duration::seconds(1);

DataRate times(DataRate rate, double factor) { return DataRate::bps(static_cast<int64_t>(static_cast<double>(rate.bps()) * factor)); }

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
        // What goes by layers is not sent before it is all there: a part of it proves nothing.
        if (last_cut_.is_never() || (in_steps_ && !full_lately(report.at))) probes_.on_measured(report.at, measured->rate, update.probes);
        else if (!full_lately(report.at)) probes_.on_believed(report.at + proof(), found, measured->rate);
        else if (measured->full) before_cuts_ = delay_.rate();  // it was not for a moment
      }
    }
    full_.on_feedback(report.packets, queue_.newest());
    if (begun_.is_never()) begun_ = report.at;
    if (!last_feedback_.is_never()) note_usual(report.at - last_feedback_);
    last_feedback_ = report.at;
    silence_.reset();
    sent_.on_results(report.packets);
    const std::optional<DataRate> delivered = delivered_.rate();
    const bool gives_way = gives_way_to_queue(report.at);
    over &= !gives_way || queue_.now() > tolerated(kGrowingQueue);
    over |= gives_way && queue_.now() > tolerated(kLongQueue);
    // What goes by layers has no time to see whether it is for a moment only: far too much of it goes into that queue.
    const std::optional<DataRate> left = in_steps_ ? full_.fallen_from(delay_.rate()) : std::nullopt;
    over |= left.has_value();
    const bool may_cut = left || may_cut_again(report.at, delivered);
    // A queue that shrinks is left to; one that has gone is no reason to wait, though the trend still remembers it.
    const bool holds = gives_way ? queue_.now() > tolerated(kShortQueue) : trend_.state() == PathUse::under;
    const bool marked = !over && any_marked(report);  // else the cut for the queue is the answer
    if (marked && may_cut) {
      delay_.lower_to(times(delay_.rate(), after_mark(delay_.rate(), wanted())));
      last_cut_ = report.at;
    }
    const PathUse use = over ? (may_cut ? PathUse::over : PathUse::under) : holds || marked ? PathUse::under : PathUse::normal;
    if (!over || may_cut) {
      const DataRate before = delay_.rate();
      delay_.update(report.at, use, use == PathUse::over ? (left ? left : carried(report.at)) : delivered, limited());
      if (delay_.has_got_faster()) {
        faster_ = true;
        probes_.go_on(report.at);
      }
      if (use == PathUse::over) after_cut(report.at, before);
    }
    if (probed && use != PathUse::over) {
      if (!last_cut_.is_never() && *probed > delay_.rate()) {
        before_raise_ = delay_.rate();
        raised_at_ = report.at;
      }
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
    loss_.on_round_trip(round_trip_);
  }

  void on_receiver_limit(Instant, DataRate limit) override { receiver_limit_ = std::clamp(limit, limits_.lowest, limits_.highest); }
  void set_wanted(DataRate wanted, bool in_steps) override {
    wanted_ = std::min(wanted, limits_.highest);
    in_steps_ = in_steps;
  }

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
    probes_.on_tick(now, {target(), wanted_, trend_.state() == PathUse::over || queue_.now() > tolerated(kShortQueue), limited(), in_steps_, full_lately(now)}, update.probes);
    fill(update);
    return update;
  }

  DataRate target() const override {
    return bounded(drained());
  }
  DataRate sustained() const override { return bounded(delay_.rate()); }
  Duration waited() const override { return queue_.newest(); }
  bool queue_stands() const override { return full_.stands(); }
  const char* name() const override { return "gcc"; }

 private:
  void after_cut(Instant now, DataRate before) {
    // The first one ends a start that ran into others, who are to find the queue gone soon: half, as TCP leaves its slow start.
    const bool is_first = last_cut_.is_never() && now - begun_ < kStart;
    if (is_first) delay_.lower_to(times(std::min(before, delivered_.newest_rate().value_or(before)), kAfterStart));
    // A step that a probe led to did not hold: back to where it was.
    const bool failed = goes_on(now);
    raised_at_ = Instant::never();
    if (failed) delay_.lower_to(before_raise_);
    // Of cuts in a row the first counts.
    const bool in_a_row = !last_cut_.is_never() && now - last_cut_ <= kInARow;
    before_cuts_ = failed ? before_raise_ : std::max(std::min(before, usual()), in_a_row ? before_cuts_ : DataRate::zero());
    last_cut_ = now;
    faster_ = false;
    const bool large = static_cast<double>(delay_.rate().bps()) < kLargeDrop * static_cast<double>(before_cuts_.bps());
    if (large && !is_first && !failed) probes_.on_large_drop(now, before_cuts_);
  }
  void fill(RateUpdate& update) {
    for (const ProbeCluster& cluster : update.probes) meter_.expect(cluster);
    update.target = target();
    update.pacing = times(update.target, limited() || last_cut_.is_never() ? kPacingWithRoom : kPacingFactor);
  }

  DataRate bounded(DataRate rate) const {
    const DataRate bound = std::min({rate, loss_.bound(), receiver_limit_});
    return silence_ ? std::min(bound, *silence_) : bound;
  }
  DataRate wanted() const { return wanted_ > DataRate::zero() ? wanted_ : limits_.highest; }
  // Who has little of what it wants stands more of a queue than who has nearly all: so those who share one come to equal rates, as by
  // the reference delay of RFC 8698 section 4.3, or to rates in the proportion of their priorities.
  Duration tolerated(Duration queue) const {
    const double share = std::sqrt(limits_.priority * static_cast<double>(wanted().bps()) / static_cast<double>(delay_.rate().bps()));
    return Duration::from_seconds(queue.to_seconds() * std::clamp(share, 1.0, kMostTolerant));
  }
  // A queue that stands is to drain: while it does, less than what the link carries, the less the longer it is.
  DataRate drained() const {
    const Duration above = queue_.now() - tolerated(kShortQueue);
    if (!gives_way_ || above <= Duration::zero()) return delay_.rate();
    return std::max(limits_.lowest, times(delay_.rate(), std::max(kDeepestDrain, 1 - above.to_seconds() / kDrain.to_seconds())));
  }
  // What the rate is cut from: what arrives, when the queue stands for longer. At first it may be a burst of somebody else's that takes our
  // turn for a moment; the queue that it leaves is drained all the same.
  std::optional<DataRate> carried(Instant now) const {
    const std::optional<DataRate> newest = delivered_.newest_rate();
    if (!newest || !gives_way_) return newest;
    if (standing_since_.is_never()) return std::max(*newest, usual());
    if (now - standing_since_ > kBurst) return newest;
    if (now - standing_since_ > kBurst / 2 && static_cast<double>(newest->bps()) < kFarAbove * static_cast<double>(delay_.rate().bps())) return newest;
    return std::max(*newest, usual());
  }
  // Once while a queue stands: what is in flight was sent at the old rate. Those who share a queue then cut alike, whatever their round trips.
  bool may_cut_again(Instant now, std::optional<DataRate> delivered) const {
    if (last_cut_.is_never()) return true;
    const Duration since = now - last_cut_;
    if (since > std::max(kBetweenCuts, round_trip_ + queue_.now() + Duration::milliseconds(150))) return true;
    return delivered && since > Duration::milliseconds(100) && static_cast<double>(delivered->bps()) < kFarAbove * static_cast<double>(delay_.rate().bps());
  }
  // A link that was full lately is perhaps full of others: a burst finds the way back to what was sent before, and no further.
  DataRate believed(Instant now, const ProbeResult& result) const {
    if (last_cut_.is_never() || result.rate <= delay_.rate()) return result.rate;
    const DataRate step = in_steps_ ? result.rate : std::min(times(delay_.rate(), goes_on(now) ? kFurtherStep : kStep), result.rate);
    if (!full_lately(now)) return step;
    return result.full ? delay_.rate() : std::min(times(before_cuts_, kBackByProbe), step);
  }
  bool goes_on(Instant now) const { return !raised_at_.is_never() && now - raised_at_ < kInARow; }
  // So long after a step up the queue that it makes has been seen.
  Duration proof() const { return round_trip_ + kBetweenCuts / 2; }
  bool gives_way_to_queue(Instant now) {
    if (queue_.now() <= tolerated(kLongQueue)) standing_since_ = Instant::never();
    else if (standing_since_.is_never() || now - standing_since_ > kGivesWay + kStandsFast) standing_since_ = now;
    gives_way_ = standing_since_.is_never() || now - standing_since_ <= kGivesWay;
    return gives_way_;
  }
  // What arrives when the link is not full, smoothed: what a probe raised the rate to for a moment was not sent.
  DataRate usual() const { return DataRate::bps(static_cast<int64_t>(usual_bps_)); }
  void note_usual(Duration elapsed) {
    const std::optional<DataRate> delivered = delivered_.rate();
    if (!delivered || !standing_since_.is_never()) return;
    const double now_bps = static_cast<double>(delivered->bps());
    usual_bps_ = usual_bps_ == 0 ? now_bps : usual_bps_ + std::min(1.0, elapsed.to_seconds() / (now_bps > usual_bps_ ? kUsualUp : kUsualDown).to_seconds()) * (now_bps - usual_bps_);
  }
  bool full_lately(Instant now) const {
    return !last_cut_.is_never() && !faster_ && now - last_cut_ <= (in_steps_ ? kFullLatelySteps : kFullLately);
  }
  bool limited() const { return sent_.is_below(target()); }

  RateLimits limits_;
  DelayTrend trend_;
  QueueDelay queue_;
  DeliveredRate delivered_;
  FullLink full_;
  AimdRate delay_;
  LossRate loss_;
  SentRate sent_;
  ProbePlan probes_;
  Instant raised_at_ = Instant::never();  // by a probe, on a link that has been full
  DataRate before_raise_;
  bool faster_ = false;  // the link, since the last cut
  ProbeMeter meter_;
  DataRate receiver_limit_;
  DataRate wanted_;
  bool in_steps_ = false;
  std::optional<DataRate> silence_;
  DataRate before_cuts_;
  double usual_bps_ = 0;
  bool gives_way_ = true;
  Duration round_trip_ = Duration::milliseconds(200);
  Instant begun_ = Instant::never(), last_feedback_ = Instant::never(), last_cut_ = Instant::never(), standing_since_ = Instant::never();
};

}  // namespace

std::unique_ptr<RateController> make_gcc(const RateLimits& limits) { return std::make_unique<Gcc>(limits); }

}  // namespace tacoma
