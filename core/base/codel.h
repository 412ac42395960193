// CoDel, controlled delay active queue management (RFC 8289): when packets have waited for more than a target during a whole interval,
// one is dropped, or marked where its sender can ECN, and then one more after ever shorter times until the wait is below the target.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma {

class Codel {
 public:
  static constexpr Duration kTarget = Duration::milliseconds(5), kInterval = Duration::milliseconds(100);
  static constexpr int64_t kLargestPacket = 1500;  // bytes of IP

  /// 5 ms, and never less than a link of `rate` needs for one full packet (section 4.4): a wait for the packet ahead is no queue.
  static Duration target_at(DataRate rate) {
    if (rate.is_infinite() || rate.bps() <= 0) return kTarget;
    return std::max(kTarget, DataSize::bytes(kLargestPacket) / rate);
  }

  /// The head of the queue leaves it at `now` after waiting for `sojourn`; calls come in order of time. True: it is to be dropped or
  /// marked. Of one that is dropped the next one leaves at the same time.
  bool takes(Instant now, Duration sojourn, Duration target) {
    if (sojourn < target) above_from_ = Instant::never();
    else if (above_from_.is_never()) above_from_ = now + kInterval;
    const bool stands = !above_from_.is_never() && now >= above_from_;
    if (acting_) {
      if (!stands) acting_ = false;
      if (!acting_ || now < next_) return false;
      ++count_;
      next_ = next_ + spacing();
      return true;
    }
    if (!stands) return false;
    acting_ = true;
    // Soon after the last time: it goes on at the pace that it had come to.
    const uint32_t since_begin = count_ - first_count_;
    count_ = since_begin > 1 && now - next_ < kInterval * 16 ? since_begin : 1;
    first_count_ = count_;
    next_ = now + spacing();
    return true;
  }

 private:
  Duration spacing() const { return Duration::nanoseconds(static_cast<int64_t>(static_cast<double>(kInterval.ns()) / std::sqrt(static_cast<double>(count_)))); }

  Instant above_from_ = Instant::never();  // first_above_time
  Instant next_;                           // drop_next
  uint32_t count_ = 0, first_count_ = 0;   // count, lastcount
  bool acting_ = false;                    // dropping
};

}  // namespace tacoma
