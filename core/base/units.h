// Data sizes and rates, so that bits and bytes cannot be confused in a signature.
#pragma once

#include <cstdint>
#include <limits>

#include "core/base/time.h"

namespace tacoma {

/// An amount of data in whole bytes.
class DataSize {
 public:
  constexpr DataSize() = default;
  static constexpr DataSize bytes(int64_t n) { return DataSize(n); }
  static constexpr DataSize zero() { return DataSize(0); }
  constexpr int64_t bytes() const { return bytes_; }
  constexpr int64_t bits() const { return bytes_ * 8; }
  constexpr DataSize operator+(DataSize o) const { return DataSize(bytes_ + o.bytes_); }
  constexpr DataSize operator-(DataSize o) const { return DataSize(bytes_ - o.bytes_); }
  constexpr DataSize& operator+=(DataSize o) { bytes_ += o.bytes_; return *this; }
  constexpr DataSize& operator-=(DataSize o) { bytes_ -= o.bytes_; return *this; }
  constexpr bool operator==(DataSize o) const { return bytes_ == o.bytes_; }
  constexpr bool operator!=(DataSize o) const { return bytes_ != o.bytes_; }
  constexpr bool operator<(DataSize o) const { return bytes_ < o.bytes_; }
  constexpr bool operator<=(DataSize o) const { return bytes_ <= o.bytes_; }
  constexpr bool operator>(DataSize o) const { return bytes_ > o.bytes_; }
  constexpr bool operator>=(DataSize o) const { return bytes_ >= o.bytes_; }

 private:
  explicit constexpr DataSize(int64_t n) : bytes_(n) {}
  int64_t bytes_ = 0;
};

/// A rate in bits per second. `DataRate::infinite()` means "no limit".
class DataRate {
 public:
  constexpr DataRate() = default;
  static constexpr DataRate bps(int64_t n) { return DataRate(n); }
  static constexpr DataRate kbps(int64_t n) { return DataRate(n * 1'000); }
  static constexpr DataRate mbps(int64_t n) { return DataRate(n * 1'000'000); }
  static constexpr DataRate zero() { return DataRate(0); }
  static constexpr DataRate infinite() { return DataRate(std::numeric_limits<int64_t>::max()); }
  constexpr int64_t bps() const { return bps_; }
  constexpr bool is_infinite() const { return bps_ == std::numeric_limits<int64_t>::max(); }
  constexpr DataRate operator+(DataRate o) const { return DataRate(bps_ + o.bps_); }
  constexpr bool operator==(DataRate o) const { return bps_ == o.bps_; }
  constexpr bool operator!=(DataRate o) const { return bps_ != o.bps_; }
  constexpr bool operator<(DataRate o) const { return bps_ < o.bps_; }
  constexpr bool operator<=(DataRate o) const { return bps_ <= o.bps_; }
  constexpr bool operator>(DataRate o) const { return bps_ > o.bps_; }
  constexpr bool operator>=(DataRate o) const { return bps_ >= o.bps_; }

 private:
  explicit constexpr DataRate(int64_t n) : bps_(n) {}
  int64_t bps_ = 0;
};

/// The time that `size` takes on a wire of `rate`, rounded up; zero for an unlimited rate, infinite for a rate of zero.
constexpr Duration operator/(DataSize size, DataRate rate) {
  if (rate.is_infinite()) return Duration::zero();
  if (rate.bps() <= 0) return Duration::infinite();
  // 8e9 * bytes fits in 63 bits up to 1.1 GB, far above any packet or queue here.
  return Duration::nanoseconds((size.bytes() * 8'000'000'000 + rate.bps() - 1) / rate.bps());
}

/// The amount that a rate carries in `d`, rounded down. Defined for finite, non-negative values.
constexpr DataSize operator*(DataRate rate, Duration d) {
  const int64_t seconds = d.ns() / 1'000'000'000;
  const int64_t rest = d.ns() % 1'000'000'000;
  return DataSize::bytes((rate.bps() * seconds) / 8 + static_cast<int64_t>(static_cast<double>(rate.bps()) * static_cast<double>(rest) / 8e9));
}

/// The mean rate of `size` over `d` (d > 0).
constexpr DataRate operator/(DataSize size, Duration d) {
  return DataRate::bps(static_cast<int64_t>(static_cast<double>(size.bytes()) * 8e9 / static_cast<double>(d.ns())));
}

}  // namespace tacoma
