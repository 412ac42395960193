// How fast the receiver is really being served.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// Received bytes over a sliding window of arrival times, in buckets of 5 ms: a bridge has one for each receiver.
class DeliveredRate {
 public:
  static constexpr Duration kBucket = Duration::milliseconds(5);
  static constexpr Duration kWindow = Duration::milliseconds(500);
  static constexpr Duration kNewest = Duration::milliseconds(200);
  static constexpr Duration kShortest = Duration::milliseconds(150);  // below this span there is no estimate

  void on_packet(const PacketResult& packet) {
    // Arrivals that jump (a lying or restarted receiver) start over.
    if (held_ > 0 && (packet.arrival > newest_ + Duration::seconds(2) || packet.arrival + Duration::seconds(2) < newest_)) clear();
    if (held_++ == 0) {
      begin_ = newest_ = packet.arrival;
      bucket_ = packet.arrival / kBucket;
    }
    if (packet.arrival > newest_) {
      newest_ = packet.arrival;
      for (const int64_t last = newest_ / kBucket; bucket_ < last;) {
        uint32_t& expired = bytes_[slot(++bucket_)];
        sum_ -= expired;
        expired = 0;
      }
    }
    const int64_t bucket = packet.arrival / kBucket;
    if (bucket + static_cast<int64_t>(bytes_.size()) <= bucket_) return;  // older than the window
    bytes_[slot(bucket)] += static_cast<uint32_t>(packet.size.bytes());
    sum_ += packet.size.bytes();
  }
  std::optional<DataRate> rate() const {
    if (held_ < 2) return std::nullopt;
    const Duration age = newest_ - begin_;
    if (age < kShortest) return std::nullopt;
    const Duration span = age < kWindow ? age : kWindow;
    return DataSize::bytes(sum_) / span;
  }
  /// For the moment of congestion, when the link is full: the larger one of the whole window and its newest part, since a rate that has
  /// only just risen is not in the whole yet.
  std::optional<DataRate> newest_rate() const {
    const std::optional<DataRate> whole = rate();
    if (!whole || newest_ - begin_ < kNewest) return whole;
    int64_t bytes = 0;
    for (int64_t back = 0; back < kNewest / kBucket; ++back) bytes += bytes_[slot(bucket_ - back)];
    return std::max(*whole, DataSize::bytes(bytes) / kNewest);
  }
  void clear() { *this = DeliveredRate(); }

 private:
  size_t slot(int64_t bucket) const {
    const auto size = static_cast<int64_t>(bytes_.size());
    return static_cast<size_t>(((bucket % size) + size) % size);
  }
  std::array<uint32_t, kWindow / kBucket> bytes_{};
  uint64_t held_ = 0;
  int64_t bucket_ = 0, sum_ = 0;
  Duration begin_, newest_;
};

}  // namespace tacoma
