// When a receiver plays what it got: an adaptive delay that a high quantile of packets or frames keeps up with.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/time.h"

namespace tacoma {

/// Follows the transit time (arrival minus media time, from any constant zero) and says how much of it to wait for. The method of
/// NetEq: a histogram of how much later than the quickest recent one each arrives, which forgets slowly; its quantile is the wait.
class PlayoutDelay {
 public:
  struct Limits {
    Duration least, most;      // of the wait on top of the quickest transit
  };
  explicit PlayoutDelay(Limits limits) : limits_(limits), wait_(limits.least) {}

  void add(Instant arrival, Duration transit);
  /// The wait is never shorter than this from the next packet on; it only grows.
  void wait_at_least(Duration wait) { limits_.least = std::max(limits_.least, std::min(wait, limits_.most)); }
  bool known() const { return known_; }
  /// The transit time at which things are played: media time + this is when.
  Duration transit() const { return fastest() + wait_; }
  /// The share of it that the receiver adds.
  Duration wait() const { return wait_; }

 private:
  static constexpr size_t kBuckets = 40;                          // of 10 ms
  static constexpr Duration kWidth = Duration::milliseconds(10);
  static constexpr Duration kMemory = Duration::seconds(5);       // the quickest of the last 5 to 10 s
  Duration fastest() const { return fastest_old_ < fastest_new_ ? fastest_old_ : fastest_new_; }

  Limits limits_;
  Duration wait_;
  Duration fastest_old_ = Duration::infinite(), fastest_new_ = Duration::infinite();
  Instant turn_;                                                  // when the newer half becomes the older
  std::array<uint16_t, kBuckets> share_{};                        // Q15: together 32,768 once known
  bool known_ = false;
};

}  // namespace tacoma
