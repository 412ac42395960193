// Sequence numbers and timestamps that wrap, made into numbers that do not.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "core/base/assert.h"

namespace tacoma {

/// True when `a` comes after `b` on the circle of T (RFC 1982): less than half a turn ahead.
template <typename T>
constexpr bool is_newer(T a, T b) {
  return a != b && static_cast<T>(a - b) < static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
}

/// Extends a wrapping number to 64 bits: each value is taken as the one nearest to the newest seen so far. The first
/// value is itself, so results may become negative when older ones follow.
template <typename T>
class Unwrapper {
 public:
  int64_t unwrap(T value) {
    const int64_t extended = peek(value);
    if (!started_ || extended > newest_) { newest_ = extended; started_ = true; }
    return extended;
  }
  /// What unwrap would return, without remembering.
  int64_t peek(T value) const {
    if (!started_) return value;
    return newest_ + static_cast<std::make_signed_t<T>>(static_cast<T>(value - static_cast<T>(newest_)));
  }
  bool started() const { return started_; }
  /// The newest value so far; only after the first.
  int64_t newest() const { TACOMA_ASSERT(started_); return newest_; }

 private:
  int64_t newest_ = 0;
  bool started_ = false;
};

using SequenceUnwrapper = Unwrapper<uint16_t>;
using TimestampUnwrapper = Unwrapper<uint32_t>;

/// Which of the newest kSize extended sequence numbers have been seen: the duplicate check before anything is spent
/// on a packet.
class SequenceWindow {
 public:
  static constexpr int64_t kSize = 1024;
  enum class Seen : uint8_t { fresh, duplicate, too_old };
  /// Marks `sequence` as seen and tells what it was. A jump ahead forgets what falls out of the window.
  Seen mark(int64_t sequence) {
    if (!started_) { started_ = true; newest_ = sequence; set(sequence); return Seen::fresh; }
    if (sequence > newest_) {
      if (sequence - newest_ >= kSize) bits_.fill(0);
      else for (int64_t s = newest_ + 1; s <= sequence; ++s) word(s) &= ~bit(s);
      newest_ = sequence;
      set(sequence);
      return Seen::fresh;
    }
    if (newest_ - sequence >= kSize) return Seen::too_old;
    if (word(sequence) & bit(sequence)) return Seen::duplicate;
    set(sequence);
    return Seen::fresh;
  }
  /// It is in the window, and has been seen.
  bool has(int64_t sequence) const {
    return started_ && sequence <= newest_ && newest_ - sequence < kSize && (bits_[static_cast<size_t>((sequence & (kSize - 1)) >> 6)] & bit(sequence)) != 0;
  }

 private:
  uint64_t& word(int64_t s) { return bits_[static_cast<size_t>((s & (kSize - 1)) >> 6)]; }
  static uint64_t bit(int64_t s) { return uint64_t{1} << (s & 63); }
  void set(int64_t s) { word(s) |= bit(s); }
  std::array<uint64_t, kSize / 64> bits_{};
  int64_t newest_ = 0;
  bool started_ = false;
};

}  // namespace tacoma
