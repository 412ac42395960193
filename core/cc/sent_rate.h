// How much is being sent, and whether that is less than might be: then the application, not the network, sets the rate.
#pragma once

#include <algorithm>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// Smoothed over half a second, from what feedback tells of.
class SentRate {
 public:
  void on_results(Span<const PacketResult> packets) {
    if (packets.empty()) return;
    int64_t bytes = 0;
    for (const PacketResult& packet : packets) bytes += packet.size.bytes();
    const Instant newest = packets[packets.size() - 1].sent;
    if (!last_sent_.is_never() && newest > last_sent_) {
      const double seconds = std::min((newest - last_sent_).to_seconds(), 1.0);
      const double rate = static_cast<double>(bytes) * 8 / seconds;
      const double weight = std::min(1.0, seconds / 0.5);
      bps_ += weight * (rate - bps_);
    }
    last_sent_ = std::max(last_sent_.is_never() ? newest : last_sent_, newest);
  }
  /// Below 65 % of what it may.
  bool is_below(DataRate target) const { return bps_ > 0 && bps_ < 0.65 * static_cast<double>(target.bps()); }

 private:
  Instant last_sent_ = Instant::never();
  double bps_ = 0;
};

}  // namespace tacoma
