#include "loadgen/traffic/congestion_window.h"

#include <algorithm>
#include <cmath>

namespace tacoma {
namespace {

// RFC 9438 sections 4.1 and 4.6.
constexpr double kC = 0.4, kBeta = 0.7;
constexpr double kAlpha = 3 * (1 - kBeta) / (1 + kBeta);

}  // namespace

void CongestionWindow::on_ack(Instant now, int64_t acked, Duration round_trip) {
  if (window_ < threshold_) {  // RFC 5681 section 3.1, with appropriate byte counting up to two segments
    window_ += std::min(acked, 2 * segment_);
    return;
  }
  if (control_ == FlowPlan::Control::cubic) return grow_cubic(now, acked, round_trip);
  acked_ += acked;
  while (acked_ >= window_) {
    acked_ -= window_;
    window_ += segment_;
  }
}

void CongestionWindow::grow_cubic(Instant now, int64_t acked, Duration round_trip) {
  const double window = segments(window_);
  if (epoch_.is_never()) {
    epoch_ = now;
    most_ = std::max(most_, window);
    inflection_ = std::cbrt((most_ - window) / kC);
    reno_ = window;
  }
  const auto cubic = [&](double t) { return kC * (t - inflection_) * (t - inflection_) * (t - inflection_) + most_; };
  const double t = (now - epoch_).to_seconds();
  reno_ += (reno_ < before_ ? kAlpha : 1) * segments(acked) / window;
  double next = reno_;
  if (cubic(t) >= reno_) {
    const double target = std::clamp(cubic(t + round_trip.to_seconds()), window, 1.5 * window);
    next = window + (target - window) / window * segments(acked);
  }
  window_ = std::max(window_, static_cast<int64_t>(next * static_cast<double>(segment_)));
}

void CongestionWindow::reduce(Instant, int64_t flight) {
  if (control_ == FlowPlan::Control::cubic) {
    const double window = segments(window_);
    before_ = window;
    most_ = window < most_ ? window * (1 + kBeta) / 2 : window;  // fast convergence, section 4.7
    epoch_ = Instant::never();
    threshold_ = std::max(static_cast<int64_t>(static_cast<double>(flight) * kBeta), 2 * segment_);
  } else {
    threshold_ = std::max(flight / 2, 2 * segment_);
  }
  acked_ = 0;
}

void CongestionWindow::on_loss(Instant now, int64_t flight) {
  reduce(now, flight);
  window_ = threshold_ + 3 * segment_;
}

void CongestionWindow::on_partial_ack(int64_t acked) {
  window_ = std::max(window_ - acked, segment_);
  if (acked >= segment_) window_ += segment_;
}

void CongestionWindow::on_recovered(int64_t flight) { window_ = std::min(threshold_, std::max(flight, segment_) + segment_); }

void CongestionWindow::on_timeout(Instant now, int64_t flight) {
  reduce(now, flight);
  window_ = segment_;
}

void CongestionWindow::on_idle() {
  window_ = std::min(window_, kInitialSegments * segment_);
  epoch_ = Instant::never();
}

}  // namespace tacoma
