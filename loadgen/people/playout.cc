#include "loadgen/people/playout.h"

#include <algorithm>

namespace tacoma {
namespace {
constexpr uint32_t kOne = 32'768;              // 1 in Q15
constexpr uint32_t kForget = 32'768 * 983 / 1000;  // NetEq forgets 1.7 % a packet
constexpr uint32_t kQuantile = kOne * 97 / 100;
}  // namespace

void PlayoutDelay::add(Instant arrival, Duration transit) {
  if (arrival >= turn_) {
    // After a silence longer than the memory neither half says anything about now.
    fastest_old_ = arrival >= turn_ + kMemory ? Duration::infinite() : fastest_new_;
    fastest_new_ = Duration::infinite();
    turn_ = arrival + kMemory;
  }
  fastest_new_ = std::min(fastest_new_, transit);
  const int64_t late = (transit - fastest()) / kWidth;
  const size_t bucket = static_cast<size_t>(std::clamp<int64_t>(late, 0, kBuckets - 1));

  uint32_t sum = 0;
  if (known_) {
    for (uint16_t& share : share_) {
      share = static_cast<uint16_t>((share * kForget) >> 15);
      sum += share;
    }
  }
  share_[bucket] = static_cast<uint16_t>(share_[bucket] + (kOne - sum));  // rounding goes to the newest
  known_ = true;

  uint32_t seen = 0;
  size_t i = 0;
  while (i + 1 < kBuckets && (seen += share_[i]) < kQuantile) ++i;
  wait_ = std::clamp(kWidth * static_cast<int64_t>(i + 1), limits_.least, limits_.most);
}

}  // namespace tacoma
