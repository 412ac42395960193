// Which packets of one SSRC have been seen (RFC 3711 section 3.3.2), and the 48-bit index of the next one (section 3.3.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tacoma {

/// The index (rollover counter and sequence number) that a sequence number most likely stands for, given the highest so far.
/// Before the first rollover nothing lies below zero: what seems to is taken as later in the same cycle.
inline uint64_t estimate_index(uint64_t highest, uint16_t sequence) {
  const auto delta = static_cast<int16_t>(sequence - static_cast<uint16_t>(highest));
  if (delta < 0 && highest < static_cast<uint64_t>(-static_cast<int64_t>(delta))) return sequence;
  return highest + static_cast<uint64_t>(static_cast<int64_t>(delta));
}

template <size_t kSize>
class ReplayWindow {
 public:
  uint64_t highest() const { return highest_; }
  /// Neither seen nor too old to tell. Ask before authentication, accept() after.
  bool fresh(uint64_t index) const {
    if (index > highest_) return true;
    return highest_ - index < kSize && !(seen_[word(index)] & bit(index));
  }
  void accept(uint64_t index) {
    if (index > highest_) {
      if (index - highest_ >= kSize) {
        seen_.fill(0);
      } else {
        for (uint64_t i = highest_ + 1; i <= index; ++i) seen_[word(i)] &= ~bit(i);
      }
      highest_ = index;
    }
    seen_[word(index)] |= bit(index);
  }

 private:
  static_assert(kSize % 64 == 0);
  static size_t word(uint64_t index) { return index % kSize / 64; }
  static uint64_t bit(uint64_t index) { return uint64_t{1} << (index % 64); }
  uint64_t highest_ = 0;
  std::array<uint64_t, kSize / 64> seen_{};
};

}  // namespace tacoma
