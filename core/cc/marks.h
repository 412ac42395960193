// ECN marks as a sign of congestion. A mark says what a loss would have said, sooner and without the loss (RFC 3168 section 5); how much less it
// has to cost is the controller's to say (RFC 8311, RFC 8511).
#pragma once

#include <algorithm>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// For a controller to which the first mark of a round trip is the sign (RFC 6679 section 7.3.3). The marks of a probe are of its own making, as
/// the queue is.
inline bool any_marked(const FeedbackReport& report) {
  return std::any_of(report.packets.begin(), report.packets.end(), [](const PacketResult& p) { return p.received && p.ecn == Ecn::ce && p.probe == 0; });
}
/// What it leaves of the rate: 85 % (RFC 8511 for CUBIC) to who has all that it wants, and the more to others the less they have. A mark hits one of
/// those who share a queue, a queue all: so they come to equal rates all the same.
inline double after_mark(DataRate rate, DataRate wanted) {
  constexpr double kCut = 0.15, kLeastShare = 0.2;
  return 1 - kCut * std::clamp(static_cast<double>(rate.bps()) / static_cast<double>(std::max<int64_t>(1, wanted.bps())), kLeastShare, 1.0);
}

/// The share of marked packets, for a controller that goes by it: p_mark of RFC 8698 section 4.2, smoothed over some 50 packets.
class Marks {
 public:
  void on_packet(const PacketResult& packet) {
    share_ += ((packet.ecn == Ecn::ce ? 1.0 : 0.0) - share_) / 50;
    if (share_ < 1e-4) share_ = 0;
  }
  double share() const { return share_; }

 private:
  double share_ = 0;
};

}  // namespace tacoma
