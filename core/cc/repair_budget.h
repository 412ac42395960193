// How much of what a sender may send goes into sending again.
#pragma once

#include <algorithm>
#include <array>

#include "core/base/units.h"

namespace tacoma {

/// Retransmissions over the last half second. Without a bound, what a full queue drops is asked for and sent again, and keeps the queue
/// full: the target of a congestion controller is for media and repairs together.
class RepairBudget {
 public:
  static constexpr Duration kWindow = Duration::milliseconds(500);
  static constexpr double kShare = 0.25;                                      // of the target
  static constexpr DataSize kAtLeast = DataSize::bytes(5 * 1250);             // in a window, however small the target

  /// Whether `size` may be sent again now; counts it if so.
  bool take(Instant now, DataSize size, DataRate target) {
    expire(now);
    if (!target.is_infinite()) {
      const DataSize most = std::max(DataRate::bps(static_cast<int64_t>(static_cast<double>(target.bps()) * kShare)) * kWindow, kAtLeast);
      if (sum_ + size > most) return false;
    }
    slots_[slot(at_)] += size.bytes();
    sum_ += size;
    return true;
  }
  DataRate rate(Instant now) {
    expire(now);
    return sum_ / kWindow;
  }

 private:
  static constexpr Duration kSlot = Duration::milliseconds(50);
  static constexpr int64_t kSlots = kWindow / kSlot;
  static size_t slot(int64_t at) { return static_cast<size_t>(at % kSlots); }
  void expire(Instant now) {
    const int64_t to = now.since_start() / kSlot;
    for (at_ = std::max(at_, to - kSlots); at_ < to;) {
      int64_t& old = slots_[slot(++at_)];
      sum_ -= DataSize::bytes(old);
      old = 0;
    }
  }
  std::array<int64_t, static_cast<size_t>(kSlots)> slots_{};
  int64_t at_ = 0;
  DataSize sum_;
};

}  // namespace tacoma
