// The loss-based half of GCC (draft-ietf-rmcat-gcc-02 section 6): under 2 % loss the bound grows, over 10 % it shrinks, between
// it stays. It sees only the loss of its own hop: a bridge numbers what it sends itself, so what the sender's leg lost before
// is not in there and punishes nobody.
#pragma once

#include <algorithm>

#include "core/cc/rate_controller.h"

namespace tacoma {

class LossRate {
 public:
  explicit LossRate(const RateLimits& limits) : limits_(limits), bound_(limits.highest) {}

  void on_results(Instant now, Span<const PacketResult> packets, DataRate current) {
    for (const PacketResult& p : packets) {
      ++packets_;
      lost_ += !p.received;
    }
    // Too few packets say little about a ratio: wait for 20, or for a second.
    if (since_.is_never()) since_ = now;
    if (packets_ < 20 && now - since_ < Duration::seconds(1)) return;
    if (packets_ == 0) return;
    ratio_ = static_cast<double>(lost_) / static_cast<double>(packets_);
    const double elapsed = std::clamp((now - since_).to_seconds(), 0.0, 1.0);
    const double rate = static_cast<double>(std::min(bound_, current).bps());
    if (ratio_ > 0.10) {
      if (last_cut_.is_never() || now - last_cut_ > Duration::milliseconds(300) + round_trip_) {
        bound_ = DataRate::bps(static_cast<int64_t>(rate * (1 - 0.5 * ratio_)));
        last_cut_ = now;
      }
    } else if (ratio_ < 0.02 && !bound_.is_infinite()) {
      // The bound follows the delay-based rate closely above it, so that it is near when it is needed.
      bound_ = DataRate::bps(static_cast<int64_t>(static_cast<double>(bound_.bps()) * (1 + 0.08 * elapsed) + 1'000 * elapsed));
    }
    bound_ = std::clamp(bound_, limits_.lowest, limits_.highest);
    packets_ = lost_ = 0;
    since_ = now;
  }
  void on_round_trip(Duration round_trip) { round_trip_ = round_trip; }
  void raise_to(DataRate measured) { bound_ = std::clamp(std::max(bound_, measured), limits_.lowest, limits_.highest); }
  DataRate bound() const { return bound_; }
  double ratio() const { return ratio_; }

 private:
  RateLimits limits_;
  DataRate bound_;
  Duration round_trip_ = Duration::milliseconds(200);
  uint64_t packets_ = 0, lost_ = 0;
  Instant since_ = Instant::never();
  Instant last_cut_ = Instant::never();
  double ratio_ = 0;
};

}  // namespace tacoma
