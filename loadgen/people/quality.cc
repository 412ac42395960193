#include "loadgen/people/quality.h"

#include <algorithm>
#include <cmath>

namespace tacoma {

double transmission_rating(const CallConditions& c) {
  // Ro - Is with all default values, G.107 section 7.7: 93.2.
  constexpr double kDefaultRating = 93.2;
  // Idd, G.107 equations 7-27 and 7-28: nothing up to 100 ms.
  const double delay_ms = c.mouth_to_ear.to_ms();
  double delay_impairment = 0;
  if (delay_ms > 100) {
    const double x = std::log2(delay_ms / 100);
    delay_impairment = 25 * (std::pow(1 + std::pow(x, 6), 1.0 / 6) - 3 * std::pow(1 + std::pow(x / 3, 6), 1.0 / 6) + 2);
  }
  // Ie-eff, G.107 equation 7-29; its Ppl is in per cent.
  const double loss = std::clamp(c.loss, 0.0, 1.0) * 100;
  const double ie = c.equipment_impairment;
  const double effective = loss > 0 ? ie + (95 - ie) * loss / (loss / c.burst_ratio + c.loss_robustness) : ie;
  return kDefaultRating - delay_impairment - effective;
}

double mos_of_rating(double r) {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  return std::max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

double video_quality(uint32_t height, double fps, double bits_per_second, double frozen_share) {
  if (height == 0 || fps <= 0) return 0;
  const double lines = height;
  const double pixels = lines * lines * 16 / 9;
  const double size = 1 - std::exp(-lines / 220);
  const double motion = std::min(1.0, std::log1p(fps) / std::log1p(25.0));
  const double detail = 1 - std::exp(-bits_per_second / (pixels * fps) / 0.03);
  return 1 + 4 * size * motion * detail * (1 - std::clamp(frozen_share, 0.0, 1.0));
}

Duration FreezeDetector::threshold() const {
  if (held_ < kEnough) return Duration::infinite();
  const int64_t mean = static_cast<int64_t>(sum_ / held_);
  return Duration::microseconds(std::max(3 * mean, mean + 150'000));
}

// Counts the gap since the last frame as far as `until`, if it is a freeze by then.
void FreezeDetector::account(Instant until) {
  if (!has_frame_) return;
  if (!frozen_now_) {
    const Duration limit = threshold();
    if (limit.is_infinite() || until - last_frame_ < limit) return;
    frozen_now_ = true;
    ++interval_.freezes;
    counted_to_ = std::max(last_frame_, interval_start_);
  }
  if (until > counted_to_) {
    interval_.frozen += until - counted_to_;
    interval_.longest = std::max(interval_.longest, until - last_frame_);
    counted_to_ = until;
  }
}

void FreezeDetector::rendered(Instant at) {
  account(at);
  if (has_frame_) {
    const uint32_t gap = static_cast<uint32_t>(std::clamp<int64_t>((at - last_frame_).us(), 0, 0xffffffffll));
    if (held_ == kMean) sum_ -= gaps_[next_];
    else ++held_;
    gaps_[next_] = gap;
    sum_ += gap;
    next_ = static_cast<uint8_t>((next_ + 1) % kMean);
  }
  has_frame_ = true;
  frozen_now_ = false;
  last_frame_ = at;
}

void FreezeDetector::pause(Instant at) {
  account(at);
  has_frame_ = frozen_now_ = false;
}

FreezeDetector::Interval FreezeDetector::take(Instant until) {
  account(until);
  const Interval result = interval_;
  interval_ = Interval();
  interval_start_ = until;
  return result;
}

}  // namespace tacoma
