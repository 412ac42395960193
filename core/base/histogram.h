// A mergeable histogram of durations. Percentiles are never averaged: histograms are added, then asked.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/time.h"

namespace tacoma {

/// Counts durations in buckets of at most 1/32 (3.2 %) relative width: exact below 32 us, then 32 buckets an octave.
/// Negative values count as zero; values of 2^32 us (71 minutes) and more count in the last bucket. Memory grows only
/// over the range that was seen.
class Histogram {
 public:
  void add(Duration value, uint64_t times = 1) {
    const uint32_t bucket = bucket_of(value);
    if (bucket - first_ >= counts_.size()) grow(bucket);  // below first_, too: the difference wraps
    counts_[bucket - first_] += times;
    total_ += times;
  }
  void merge(const Histogram& other) {
    other.each([this](Duration low, Duration, uint64_t count) { add(low, count); });
  }
  uint64_t total() const { return total_; }
  /// The q-quantile (0 <= q <= 1) as the middle of its bucket; zero when empty.
  Duration quantile(double q) const {
    if (total_ == 0) return Duration::zero();
    uint64_t rank = static_cast<uint64_t>(q * static_cast<double>(total_ - 1) + 0.5);
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (rank < counts_[i]) {
        const uint32_t b = first_ + static_cast<uint32_t>(i);
        return (lower(b) + lower(b + 1)) / 2;
      }
      rank -= counts_[i];
    }
    return lower(first_ + static_cast<uint32_t>(counts_.size()));
  }
  /// Calls visit(low, high, count) for each bucket that holds something, ascending; low <= value < high.
  template <typename Visit>
  void each(Visit visit) const {
    for (size_t i = 0; i < counts_.size(); ++i) {
      const uint32_t b = first_ + static_cast<uint32_t>(i);
      if (counts_[i] != 0) visit(lower(b), lower(b + 1), uint64_t{counts_[i]});
    }
  }
  void clear() { counts_.clear(); total_ = 0; first_ = 0; }

 private:
  // By a few buckets at a time, not by doubling: a run holds several of these for each person.
  void grow(uint32_t bucket) {
    constexpr uint32_t kStep = 8;
    const uint32_t low = bucket / kStep * kStep, high = low + kStep;
    const uint32_t first = counts_.empty() ? low : std::min(first_, low);
    const uint32_t end = counts_.empty() ? high : std::max(first_ + static_cast<uint32_t>(counts_.size()), high);
    std::vector<uint32_t> wider(end - first);
    std::copy(counts_.begin(), counts_.end(), wider.begin() + (counts_.empty() ? 0 : first_ - first));
    counts_.swap(wider);
    first_ = first;
  }
  static uint32_t bucket_of(Duration value) {
    int64_t us = value.us();
    if (us < 0) us = 0;
    if (us > 0xffffffffll) us = 0xffffffffll;
    if (us < 32) return static_cast<uint32_t>(us);
    const int octave = 63 - __builtin_clzll(static_cast<uint64_t>(us));  // >= 5
    return static_cast<uint32_t>((octave - 4) * 32 + ((us >> (octave - 5)) & 31));
  }
  static Duration lower(uint32_t bucket) {
    if (bucket < 32) return Duration::microseconds(bucket);
    const int octave = static_cast<int>(bucket / 32) + 4;
    return Duration::microseconds((int64_t{32} + bucket % 32) << (octave - 5));
  }
  std::vector<uint32_t> counts_;
  uint32_t first_ = 0;
  uint64_t total_ = 0;
};

}  // namespace tacoma
