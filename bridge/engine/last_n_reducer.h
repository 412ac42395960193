// Fewer pictures for everybody when the bridge has more to do than it can.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/time.h"

namespace tacoma::bridge {

/// Watches the stress level and sets a bridge-wide last-n: three quarters of what is forwarded when it is too high, a quarter more when
/// there is room again, no limit once nobody would notice it. One step a minute: its effect has to show first. The shape is
/// that of Jitsi Videobridge's load management, which is off by default, too.
class LastNReducer {
 public:
  static constexpr double kTooHigh = 0.9, kRoomAgain = 0.6;
  static constexpr Duration kStep = Duration::seconds(60);
  static constexpr int32_t kLeast = 1, kMost = 100;

  /// `most_forwarded`: the largest number of video sources that anybody receives. The last-n from now on; -1: no limit.
  int32_t update(Instant now, double stress, size_t most_forwarded) {
    if (!changed_at_.is_never() && now - changed_at_ < kStep) return last_n_;
    const int32_t before = last_n_;
    if (stress > kTooHigh) {
      const int32_t from = last_n_ >= 0 ? last_n_ : static_cast<int32_t>(std::min<size_t>(most_forwarded, kMost));
      last_n_ = std::max(kLeast, from * 3 / 4);
    } else if (stress < kRoomAgain && last_n_ >= 0) {
      last_n_ = std::max(last_n_ + 1, last_n_ * 5 / 4);
      if (last_n_ > kMost) last_n_ = -1;
    }
    if (last_n_ != before) changed_at_ = now;
    return last_n_;
  }

 private:
  int32_t last_n_ = -1;
  Instant changed_at_ = Instant::never();
};

}  // namespace tacoma::bridge
