#include "core/cc/delay_trend.h"

#include <algorithm>
#include <cmath>

namespace tacoma {

namespace {
constexpr Duration kGroupSpan = Duration::milliseconds(5);      // packets sent this close together are one group
constexpr Duration kBurstSpan = Duration::milliseconds(100);    // ... but a burst never grows longer than this
constexpr Duration kArrivalJump = Duration::seconds(3);         // the receiver's clock was set, or the path slept
constexpr double kSmoothing = 0.9;
constexpr double kGain = 4.0;
constexpr uint32_t kMostDeltas = 60;
constexpr double kOverTimeMs = 10;
constexpr double kGainUp = 0.0087, kGainDown = 0.039;           // of the threshold, a millisecond
constexpr double kIgnoreAboveMs = 15;                           // spikes further than this from the threshold do not move it
}  // namespace

void DelayTrend::reset() {
  current_.reset();
  previous_.reset();
  count_ = next_ = 0;
  deltas_ = 0;
  accumulated_ms_ = smoothed_ms_ = trend_ms_ = last_trend_ = 0;
  time_over_ms_ = -1;
  overs_ = 0;
  state_ = PathUse::normal;
}

// A group is what was sent within 5 ms; packets that a link released at once (arriving closer together than they were sent)
// also belong to it, or each of them would look like a shrinking queue.
bool DelayTrend::belongs(const PacketResult& packet) const {
  if (packet.sent - current_->first_sent <= kGroupSpan) return true;
  const Duration arrival_delta = packet.arrival - current_->last_arrival;
  const Duration send_delta = packet.sent - current_->last_sent;
  return arrival_delta - send_delta < Duration::zero() && arrival_delta <= kGroupSpan && packet.arrival - current_->first_arrival < kBurstSpan;
}

PathUse DelayTrend::on_packet(const PacketResult& packet) {
  if (current_ && (packet.arrival - current_->last_arrival > kArrivalJump || current_->last_arrival - packet.arrival > kArrivalJump)) reset();
  if (!current_) {
    current_ = Group{packet.sent, packet.sent, packet.arrival, packet.arrival};
    first_arrival_ms_ = packet.arrival.to_ms();
    return state_;
  }
  if (packet.sent < current_->first_sent) return state_;  // reordered in the sender's own record
  if (belongs(packet)) {
    current_->last_sent = std::max(current_->last_sent, packet.sent);
    current_->last_arrival = std::max(current_->last_arrival, packet.arrival);
    return state_;
  }
  if (previous_)
    on_variation((current_->last_sent - previous_->last_sent).to_ms(), (current_->last_arrival - previous_->last_arrival).to_ms(),
                 current_->last_arrival.to_ms());
  previous_ = current_;
  current_ = Group{packet.sent, packet.sent, packet.arrival, packet.arrival};
  return state_;
}

void DelayTrend::on_variation(double send_delta_ms, double arrival_delta_ms, double arrival_ms) {
  deltas_ = std::min(deltas_ + 1, kMostDeltas);
  accumulated_ms_ += arrival_delta_ms - send_delta_ms;
  smoothed_ms_ = kSmoothing * smoothed_ms_ + (1 - kSmoothing) * accumulated_ms_;
  points_[next_] = {arrival_ms - first_arrival_ms_, smoothed_ms_};
  next_ = (next_ + 1) % kWindow;
  count_ = std::min(count_ + 1, kWindow);
  const double trend = count_ == kWindow ? slope().value_or(last_trend_ / (deltas_ * kGain)) : 0;
  detect(trend, send_delta_ms, arrival_ms);
}

// Least squares through the window.
std::optional<double> DelayTrend::slope() const {
  double mean_x = 0, mean_y = 0;
  for (const Point& p : points_) { mean_x += p.time_ms; mean_y += p.delay_ms; }
  mean_x /= kWindow;
  mean_y /= kWindow;
  double numerator = 0, denominator = 0;
  for (const Point& p : points_) {
    numerator += (p.time_ms - mean_x) * (p.delay_ms - mean_y);
    denominator += (p.time_ms - mean_x) * (p.time_ms - mean_x);
  }
  if (denominator == 0) return std::nullopt;
  return numerator / denominator;
}

void DelayTrend::detect(double trend, double send_delta_ms, double now_ms) {
  if (deltas_ < 2) return;
  const double modified = deltas_ * trend * kGain;
  trend_ms_ = modified;
  if (modified > threshold_ms_) {
    time_over_ms_ = time_over_ms_ < 0 ? send_delta_ms / 2 : time_over_ms_ + send_delta_ms;
    ++overs_;
    if (time_over_ms_ > kOverTimeMs && overs_ > 1 && modified >= last_trend_) {
      time_over_ms_ = 0;
      overs_ = 0;
      state_ = PathUse::over;
    }
  } else {
    time_over_ms_ = -1;
    overs_ = 0;
    state_ = modified < -threshold_ms_ ? PathUse::under : PathUse::normal;
  }
  last_trend_ = modified;
  adapt(modified, now_ms);
}

void DelayTrend::adapt(double trend, double now_ms) {
  if (last_adapted_ms_ < 0) last_adapted_ms_ = now_ms;
  if (std::abs(trend) <= threshold_ms_ + kIgnoreAboveMs) {
    const double gain = std::abs(trend) < threshold_ms_ ? kGainDown : kGainUp;
    const double elapsed = std::clamp(now_ms - last_adapted_ms_, 0.0, 100.0);
    threshold_ms_ = std::clamp(threshold_ms_ + gain * (std::abs(trend) - threshold_ms_) * elapsed, 6.0, 600.0);
  }
  last_adapted_ms_ = now_ms;
}

}  // namespace tacoma
