// Spreads what a sender has made at once (the packets of a frame) over time, and never holds anything for longer than a bound.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma {

/// A queue of `T` (a packet, or whatever becomes one) that leaves at a rate. When the rate would hold the oldest for longer than
/// kLongest, it is exceeded: late media is worth less than a short queue in the network. What may not wait (audio) does
/// not belong in here; tell of it with `on_unpaced`, so that the rest makes room.
template <typename T>
class Pacer {
 public:
  static constexpr Duration kLongest = Duration::milliseconds(250);
  static constexpr Duration kBurst = Duration::milliseconds(5);  // may leave at once after a pause, or after a late wake-up
  static constexpr size_t kLimit = 2048;                         // packets

  void set_rate(DataRate rate) { rate_ = rate; }
  /// False when kLimit is reached: `item` was not taken.
  bool push(Instant now, DataSize size, T&& item) {
    if (held_ == kLimit) return false;
    if (held_ == ring_.size()) grow();
    ring_[(first_ + held_++) & (ring_.size() - 1)] = {now, size, std::move(item)};
    queued_ += size;
    return true;
  }
  bool may_pop(Instant now) const { return held_ > 0 && now >= next_; }
  /// The next one, when its time has come: may_pop(now) holds.
  T pop(Instant now) {
    Waiting& front = ring_[first_];
    charge(now, front.size, effective(now));
    queued_ -= front.size;
    T item = std::move(front.item);
    front.item = T();
    first_ = (first_ + 1) & (ring_.size() - 1);
    --held_;
    return item;
  }
  void on_unpaced(Instant now, DataSize size) { charge(now, size, rate_); }
  /// never() when empty.
  Instant deadline() const { return held_ == 0 ? Instant::never() : next_; }
  DataSize queued() const { return queued_; }
  bool empty() const { return held_ == 0; }
  /// How long the oldest has waited.
  Duration waited(Instant now) const { return held_ == 0 ? Duration::zero() : now - ring_[first_].since; }
  void clear() {
    while (held_ > 0) {
      ring_[first_].item = T();
      first_ = (first_ + 1) & (ring_.size() - 1);
      --held_;
    }
    queued_ = DataSize::zero();
  }

 private:
  struct Waiting {
    Instant since;
    DataSize size;
    T item{};
  };
  DataRate effective(Instant now) const {
    const Duration left = std::max(kLongest - waited(now), Duration::milliseconds(1));
    return std::max(rate_, queued_ / left);
  }
  void charge(Instant now, DataSize size, DataRate rate) {
    next_ = std::max(next_, now - kBurst);
    const Duration takes = size / rate;
    next_ = next_ + std::min(takes, kLongest);
    next_ = std::min(next_, now + kLongest);
  }
  void grow() {
    std::vector<Waiting> larger(ring_.empty() ? 16 : ring_.size() * 2);
    for (size_t i = 0; i < held_; ++i) larger[i] = std::move(ring_[(first_ + i) & (ring_.size() - 1)]);
    ring_ = std::move(larger);
    first_ = 0;
  }

  std::vector<Waiting> ring_;  // a power of two
  size_t first_ = 0, held_ = 0;
  DataSize queued_;
  DataRate rate_ = DataRate::infinite();
  Instant next_;
};

}  // namespace tacoma
