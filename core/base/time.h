// Virtual time. An Instant is counted from the start of the run; nothing here can ask what time it is:
// the world that hosts a process passes `now` to it.
#pragma once

#include <cstdint>
#include <limits>

namespace tacoma {

/// A span of time in whole nanoseconds; may be negative. `Duration::infinite()` absorbs additions by callers'
/// care only: compare with it, do not compute with it.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration nanoseconds(int64_t n) { return Duration(n); }
  static constexpr Duration microseconds(int64_t n) { return Duration(n * 1'000); }
  static constexpr Duration milliseconds(int64_t n) { return Duration(n * 1'000'000); }
  static constexpr Duration seconds(int64_t n) { return Duration(n * 1'000'000'000); }
  static constexpr Duration from_seconds(double s) { return Duration(static_cast<int64_t>(s * 1e9 + (s < 0 ? -0.5 : 0.5))); }
  static constexpr Duration zero() { return Duration(0); }
  static constexpr Duration infinite() { return Duration(std::numeric_limits<int64_t>::max()); }

  constexpr int64_t ns() const { return ns_; }
  constexpr int64_t us() const { return ns_ / 1'000; }
  constexpr int64_t ms() const { return ns_ / 1'000'000; }
  constexpr double to_seconds() const { return static_cast<double>(ns_) * 1e-9; }
  constexpr double to_ms() const { return static_cast<double>(ns_) * 1e-6; }
  constexpr bool is_infinite() const { return ns_ == std::numeric_limits<int64_t>::max(); }

  constexpr Duration operator+(Duration o) const { return Duration(ns_ + o.ns_); }
  constexpr Duration operator-(Duration o) const { return Duration(ns_ - o.ns_); }
  constexpr Duration operator-() const { return Duration(-ns_); }
  constexpr Duration operator*(int64_t k) const { return Duration(ns_ * k); }
  constexpr Duration operator/(int64_t k) const { return Duration(ns_ / k); }
  constexpr int64_t operator/(Duration o) const { return ns_ / o.ns_; }
  constexpr Duration& operator+=(Duration o) { ns_ += o.ns_; return *this; }
  constexpr Duration& operator-=(Duration o) { ns_ -= o.ns_; return *this; }
  constexpr bool operator==(Duration o) const { return ns_ == o.ns_; }
  constexpr bool operator!=(Duration o) const { return ns_ != o.ns_; }
  constexpr bool operator<(Duration o) const { return ns_ < o.ns_; }
  constexpr bool operator<=(Duration o) const { return ns_ <= o.ns_; }
  constexpr bool operator>(Duration o) const { return ns_ > o.ns_; }
  constexpr bool operator>=(Duration o) const { return ns_ >= o.ns_; }

 private:
  explicit constexpr Duration(int64_t n) : ns_(n) {}
  int64_t ns_ = 0;
};

/// A point in the run's time, in nanoseconds since its start. Every process of a run shares the same zero.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant at(Duration since_start) { return Instant(since_start.ns()); }
  static constexpr Instant never() { return Instant(std::numeric_limits<int64_t>::max()); }

  constexpr Duration since_start() const { return Duration::nanoseconds(ns_); }
  constexpr int64_t ns() const { return ns_; }
  constexpr bool is_never() const { return ns_ == std::numeric_limits<int64_t>::max(); }

  constexpr Instant operator+(Duration d) const { return d.is_infinite() ? never() : Instant(ns_ + d.ns()); }
  constexpr Instant operator-(Duration d) const { return Instant(ns_ - d.ns()); }
  constexpr Duration operator-(Instant o) const { return Duration::nanoseconds(ns_ - o.ns_); }
  constexpr bool operator==(Instant o) const { return ns_ == o.ns_; }
  constexpr bool operator!=(Instant o) const { return ns_ != o.ns_; }
  constexpr bool operator<(Instant o) const { return ns_ < o.ns_; }
  constexpr bool operator<=(Instant o) const { return ns_ <= o.ns_; }
  constexpr bool operator>(Instant o) const { return ns_ > o.ns_; }
  constexpr bool operator>=(Instant o) const { return ns_ >= o.ns_; }

 private:
  explicit constexpr Instant(int64_t n) : ns_(n) {}
  int64_t ns_ = 0;
};

/// NTP time (RFC 3550 section 4: 32.32 fixed point) of an Instant. All clocks of a run agree, so a constant
/// offset is all that is needed; 2026-01-01 keeps captures readable in tools that print dates.
constexpr uint64_t to_ntp(Instant t) {
  constexpr uint64_t kRunEpoch = 3'976'214'400ull;  // 2026-01-01 00:00:00 UTC in seconds since 1900
  const uint64_t ns = static_cast<uint64_t>(t.ns());
  const uint64_t seconds = ns / 1'000'000'000ull;
  const uint64_t rest = ns % 1'000'000'000ull;
  return ((kRunEpoch + seconds) << 32) | ((rest << 32) / 1'000'000'000ull);
}

/// The inverse of to_ntp, to within a nanosecond.
constexpr Instant from_ntp(uint64_t ntp) {
  constexpr uint64_t kRunEpoch = 3'976'214'400ull;
  const int64_t seconds = static_cast<int64_t>(ntp >> 32) - static_cast<int64_t>(kRunEpoch);
  const int64_t rest = static_cast<int64_t>(((ntp & 0xffffffffull) * 1'000'000'000ull + 0x80000000ull) >> 32);
  return Instant::at(Duration::seconds(seconds) + Duration::nanoseconds(rest));
}

}  // namespace tacoma
