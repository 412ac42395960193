// NADA, network-assisted dynamic adaptation (RFC 8698): one aggregate congestion signal in units of delay, and two modes.
// Symbols and default values are those of the RFC's section 4 and figures 3 and 4.
#include <algorithm>
#include <cmath>
#include <deque>

#include "core/cc/delivered_rate.h"
#include "core/cc/full_link.h"
#include "core/cc/marks.h"
#include "core/cc/probing.h"
#include "core/cc/rate_controller.h"
#include "core/cc/sent_rate.h"

namespace tacoma {

namespace {

constexpr double kXref = 10;            // ms
constexpr double kKappa = 0.5;
constexpr double kEta = 2.0;
constexpr double kTau = 500;            // ms
constexpr double kQeps = 10;            // ms: below it no queue is building
constexpr double kDfilt = 120;          // ms
constexpr double kGammaMax = 0.5;
constexpr double kQbound = 50;          // ms
constexpr double kQth = 50;             // ms
constexpr double kLambda = 0.5;
constexpr double kDloss = 10;           // ms
constexpr double kPlrRef = 0.01;
constexpr double kDmark = 2;            // ms
constexpr double kPmrRef = 0.01;
constexpr double kLogWindow = 500;      // ms
constexpr double kMultiloss = 7;        // observation window in loss intervals
constexpr double kLeastStep = 0.5;      // of the rate, in one update; the most is that of ramping up
constexpr Duration kGivesWay = Duration::seconds(3);  // ours: a queue that stands for less is perhaps our own

class Nada final : public RateController {
 public:
  explicit Nada(const RateLimits& limits) : limits_(limits), rate_(static_cast<double>(limits.start.bps())), probes_(limits), receiver_limit_(limits.highest) {}

  RateUpdate on_feedback(const FeedbackReport& report) override {
    RateUpdate update;
    std::optional<DataRate> probed;
    sent_.on_results(report.packets);
    for (const PacketResult& p : report.packets) {
      note_loss(p);
      if (!p.received) continue;
      delivered_.on_packet(p);
      marks_.on_packet(p);
      if (const auto measured = meter_.on_packet(p)) {
        probed = std::max(probed.value_or(measured->rate), measured->rate);
        probes_.on_measured(report.at, measured->rate, update.probes);
      }
      // One-way delay on two clocks: only its distance from the smallest seen means something.
      const double delay = (p.arrival - p.sent.since_start()).to_ms();
      base_delay_ = base_set_ ? std::min(base_delay_, delay) : delay;
      base_set_ = true;
      delays_.push_back(delay - base_delay_);
      if (delays_.size() > 15) delays_.pop_front();
    }
    if (delays_.empty()) return filled(update);
    full_.on_feedback(report.packets, waited());
    const double elapsed = last_.is_never() ? 100.0 : std::clamp((report.at - last_).to_ms(), 10.0, 500.0);
    last_ = report.at;
    // The minimum of a short window filters what is jitter and not queue (RFC 8698 section 5.1.1).
    const double queue = *std::min_element(delays_.begin(), delays_.end());
    const double loss = loss_ratio_;
    const double marked = marks_.share();
    // Squared, losses of 30 % are nine seconds of delay: a step by that is no step towards anything.
    const double signal = std::min(warped(queue, report.at) + kDmark * (marked / kPmrRef) * (marked / kPmrRef) + kDloss * (loss / kPlrRef) * (loss / kPlrRef), kTau);
    // No queue has built up over the whole log window: of the filtered delay, or a path with jitter would never ramp up.
    queues_.push_back({report.at, queue});
    while (report.at - queues_.front().first > Duration::milliseconds(static_cast<int64_t>(kLogWindow))) queues_.pop_front();
    const bool ramp = loss == 0 && marked == 0 && std::all_of(queues_.begin(), queues_.end(), [](const auto& q) { return q.second < kQeps; });
    // RMAX is what the application would send at most: with more than that, the queue that the rate settles at (XREF * RMAX / rate)
    // grows for nothing.
    const DataRate most = wanted_ > DataRate::zero() ? std::clamp(wanted_, limits_.lowest, limits_.highest) : limits_.highest;
    const double highest = static_cast<double>(most.bps());
    if (ramp) {
      const double gamma = std::min(kGammaMax, kQbound / (round_trip_.to_ms() + elapsed + kDfilt));
      if (const auto delivered = delivered_.rate()) rate_ = std::max(rate_, (1 + gamma) * static_cast<double>(delivered->bps()));
    } else {
      const double offset = signal - limits_.priority * kXref * highest / rate_;
      const double difference = signal - previous_signal_;
      const double change = kKappa * (elapsed / kTau) * (offset / kTau) + kKappa * kEta * (difference / kTau);
      const double next = rate_ * std::clamp(1 - change, kLeastStep, 1 + kGammaMax);
      // A rate that is not used proves nothing about more of it (RFC 8698 leaves such senders open).
      if (next < rate_ || !sent_.is_below(target())) rate_ = next;
    }
    previous_signal_ = signal;
    // What goes by layers cannot come down as gently: far too much of it goes into that queue. Not of the RFC either.
    const std::optional<DataRate> left = in_steps_ ? full_.fallen_from(target()) : std::nullopt;
    if (left) rate_ = static_cast<double>(left->bps());
    else if (probed && queue < kQbound) rate_ = std::max(rate_, static_cast<double>(probed->bps()));
    clamp();
    return filled(update);
  }

  void on_round_trip(Duration round_trip) override { round_trip_ = std::clamp(round_trip, Duration::milliseconds(1), Duration::seconds(5)); }
  void on_receiver_limit(Instant, DataRate limit) override { receiver_limit_ = std::clamp(limit, limits_.lowest, limits_.highest); clamp(); }
  void set_wanted(DataRate wanted, bool in_steps) override {
    wanted_ = std::min(wanted, limits_.highest);
    in_steps_ = in_steps;
  }

  RateUpdate on_tick(Instant now) override {
    RateUpdate update;
    if (!last_.is_never() && now - last_ > Duration::seconds(1)) {  // feedback has stopped (RFC 8698 section 4.2 leaves it open): halve
      last_ = now;
      rate_ /= 2;
      clamp();
    }
    // NADA ramps up on what arrives. A sender that does not fill its rate (a bridge whose next layer is twice as large) would
    // never find out more: it probes, which the RFC neither asks for nor forbids.
    const bool limited = sent_.is_below(target());
    if (limited) probes_.on_tick(now, {target(), wanted_, !delays_.empty() && delays_.back() > kQbound, limited}, update.probes);
    return filled(update);
  }
  DataRate target() const override { return std::min(DataRate::bps(static_cast<int64_t>(rate_)), receiver_limit_); }
  Duration waited() const override { return Duration::from_seconds(delays_.empty() ? 0 : delays_.back() / 1e3); }
  bool queue_stands() const override { return full_.stands(); }
  const char* name() const override { return "nada"; }

 private:
  void clamp() { rate_ = std::clamp(rate_, static_cast<double>(limits_.lowest.bps()), static_cast<double>(limits_.highest.bps())); }
  RateUpdate& filled(RateUpdate& update) {
    update.target = target();
    update.pacing = DataRate::bps(static_cast<int64_t>(1.5 * static_cast<double>(update.target.bps())));
    for (const ProbeCluster& cluster : update.probes) meter_.expect(cluster);
    return update;
  }

  void note_loss(const PacketResult& p) {
    // Exponential over about the log window: smooth enough that one loss is not a spike.
    const double weight = 1.0 / std::max(20.0, kLogWindow / 10);
    loss_ratio_ += weight * ((p.received ? 0.0 : 1.0) - loss_ratio_);
    if (loss_ratio_ < 1e-4) loss_ratio_ = 0;
    ++since_loss_;
    if (!p.received) {
      mean_interval_ = mean_interval_ == 0 ? static_cast<double>(since_loss_) : 0.5 * (mean_interval_ + static_cast<double>(since_loss_));
      since_loss_ = 0;
    }
  }

  // Where loss shows that somebody else fills the queue, a long queue says less about us (RFC 8698 equation 1).
  double warped(double queue, Instant now) {
    if (queue < kQth) standing_since_ = Instant::never();
    else if (standing_since_.is_never()) standing_since_ = now;
    const bool loss_lately = mean_interval_ > 0 && static_cast<double>(since_loss_) < kMultiloss * mean_interval_;
    if (!loss_lately || queue < kQth || now - standing_since_ < kGivesWay) return queue;
    return kQth * std::exp(-kLambda * (queue - kQth) / kQth);
  }

  RateLimits limits_;
  double rate_;
  ProbePlan probes_;
  ProbeMeter meter_;
  SentRate sent_;
  DataRate wanted_;
  bool in_steps_ = false;
  DataRate receiver_limit_;
  DeliveredRate delivered_;
  FullLink full_;
  Marks marks_;
  std::deque<double> delays_;
  std::deque<std::pair<Instant, double>> queues_;  // filtered, of the log window
  double base_delay_ = 0;
  bool base_set_ = false;
  double previous_signal_ = 0;
  double loss_ratio_ = 0, mean_interval_ = 0;
  uint64_t since_loss_ = 0;
  Duration round_trip_ = Duration::milliseconds(200);
  Instant last_ = Instant::never(), standing_since_ = Instant::never();
};

}  // namespace

std::unique_ptr<RateController> make_nada(const RateLimits& limits) { return std::make_unique<Nada>(limits); }

}  // namespace tacoma
