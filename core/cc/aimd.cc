#include "core/cc/aimd.h"

#include <algorithm>
#include <cmath>

namespace tacoma {

namespace {
constexpr double kDecrease = 0.92;
constexpr double kIncreasePerSecond = 1.08;
constexpr double kPacketBits = 1200 * 8;
constexpr double kResponse = 0.07;       // s
constexpr double kFullStep = 700'000;   // bps; below it the step falls with the root of the rate
}  // namespace

void AimdRate::set(DataRate rate) { rate_ = std::clamp(rate, limits_.lowest, limits_.highest); }

void AimdRate::raise_to(DataRate measured) {
  if (measured > rate_) set(measured);
}

// One packet more each response time, as TCP does; but that of a short path, not ours: who is far away would get less of a shared link. Times
// the priority: those who share a link are cut together, so their rates come to the proportion of what they add in between.
double AimdRate::additive_bps(double seconds) const {
  const double low = std::min(1.0, std::sqrt(static_cast<double>(rate_.bps()) / kFullStep));
  return limits_.priority * kPacketBits / kResponse * low * seconds;
}

DataRate AimdRate::update(Instant now, PathUse use, std::optional<DataRate> delivered, bool limited) {
  const double elapsed = last_update_.is_never() ? 0.0 : std::min((now - last_update_).to_seconds(), 1.0);
  last_update_ = now;
  // Over: cut. Under: the queue drains, let it. Normal: go on, after one round of holding.
  if (use == PathUse::over) mode_ = Mode::decrease;
  else if (use == PathUse::under) mode_ = Mode::hold;
  else if (mode_ == Mode::hold) mode_ = Mode::increase;

  const double delivered_kbps = delivered ? static_cast<double>(delivered->bps()) / 1000 : static_cast<double>(rate_.bps()) / 1000;
  const double upper = full_kbps_ ? *full_kbps_ + 3 * std::sqrt(full_deviation_ * *full_kbps_) : 0;
  const double lower = full_kbps_ ? *full_kbps_ - 3 * std::sqrt(full_deviation_ * *full_kbps_) : 0;

  if (mode_ == Mode::increase) {
    if (full_kbps_ && delivered_kbps > upper) {  // the link got faster
      full_kbps_.reset();
      faster_ = true;
    }
    if (limited) return rate_;
    const double now_bps = static_cast<double>(rate_.bps());
    const double additive = std::max(additive_bps(elapsed), 1'000.0 * elapsed);
    const double more = full_kbps_ ? additive : std::max(now_bps * (std::pow(kIncreasePerSecond, elapsed) - 1), additive);
    double next = now_bps + more;
    // Never far above what arrives: an estimate that ran ahead would overshoot when the sender fills it.
    if (delivered) next = std::min(next, std::max(now_bps, 1.5 * delivered_kbps * 1000 + 10'000));
    set(DataRate::bps(static_cast<int64_t>(next)));
  } else if (mode_ == Mode::decrease) {
    double next = kDecrease * std::min(delivered_kbps * 1000, static_cast<double>(rate_.bps()));
    if (next > static_cast<double>(rate_.bps()) && full_kbps_) next = kDecrease * *full_kbps_ * 1000;
    if (next < static_cast<double>(rate_.bps())) set(DataRate::bps(static_cast<int64_t>(next)));
    if (full_kbps_ && delivered_kbps < lower) full_kbps_.reset();  // the link got slower: what was known is void
    if (delivered) {
      const double weight = full_kbps_ ? 0.05 : 1.0;
      const double before = full_kbps_.value_or(delivered_kbps);
      full_kbps_ = before + weight * (delivered_kbps - before);
      const double error = *full_kbps_ - delivered_kbps;
      full_deviation_ = std::clamp((1 - weight) * full_deviation_ + weight * error * error / std::max(*full_kbps_, 1.0), 0.4, 2.5);
    }
    mode_ = Mode::hold;
  }
  return rate_;
}

}  // namespace tacoma
