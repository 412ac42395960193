// How long packets wait on the path now: what the delay is above its base.
#pragma once

#include <algorithm>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// The trend of the delay says whether a queue grows, not that there is one: flows that share a link can stand in a queue that none of
/// them sees. The distance from the smallest one-way delay of late does, as in NADA (RFC 8698 section 5.1.1) and SCReAM (RFC 8298
/// section 4.1.2.1). Clocks need not agree. The base is of the last one to two minutes: a shorter
/// one takes a queue that stands among several flows for the path, one without an end another route for a queue.
class QueueDelay {
 public:
  void on_packet(const PacketResult& packet) {
    const Duration delay = packet.arrival - packet.sent.since_start();
    if (base_begun_.is_never() || packet.sent - base_begun_ >= kBase) {
      before_ = base_begun_.is_never() ? delay : base_;
      base_ = delay;
      base_begun_ = packet.sent;
    }
    base_ = std::min(base_, delay);
    // The smallest of a short while is queue; what is above it may be jitter.
    if (recent_begun_.is_never() || packet.sent - recent_begun_ >= kRecent) {
      recent_before_ = recent_begun_.is_never() ? delay : recent_;
      recent_ = delay;
      recent_begun_ = packet.sent;
    }
    recent_ = std::min(recent_, delay);
    newest_ = delay;
  }
  Duration now() const {
    if (base_begun_.is_never()) return Duration::zero();
    return std::min(recent_, recent_before_) - std::min(base_, before_);
  }
  /// Of the newest packet, jitter and all.
  Duration newest() const { return base_begun_.is_never() ? Duration::zero() : newest_ - std::min(base_, before_); }
  void clear() { *this = QueueDelay(); }

 private:
  static constexpr Duration kBase = Duration::seconds(60), kRecent = Duration::milliseconds(100);
  Duration base_, before_, recent_, recent_before_, newest_;
  Instant base_begun_ = Instant::never(), recent_begun_ = Instant::never();
};

}  // namespace tacoma
