// What a link carries while a queue stands in front of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// A controller takes its time to tell a link that has become narrow from a burst of somebody else's. What arrives in the meantime says how much
/// goes through now, whatever the cause. By times of arrival: what was sent last will be heard of when the queue has let it go.
class FullLink {
 public:
  static constexpr Duration kBucket = Duration::milliseconds(20);
  static constexpr Duration kWindow = Duration::milliseconds(160);
  static constexpr Duration kLeast = Duration::milliseconds(40);   // everything lately has waited so long ...
  static constexpr Duration kStands = Duration::milliseconds(60);  // and the newest packet so long

  /// `waited`: how long the newest packet that arrived has waited on the path.
  void on_feedback(Span<const PacketResult> packets, Duration waited) {
    const PacketResult* newest = nullptr;
    for (const PacketResult& p : packets)
      if (p.received) newest = &p;
    if (!newest) return;
    waited_ = waited;
    const Duration base = newest->arrival - newest->sent.since_start() - waited;
    for (const PacketResult& p : packets)
      if (p.received) note(p.arrival / kBucket, p.size, p.arrival - p.sent.since_start() - base);
  }
  /// Nothing: no queue stands.
  std::optional<DataRate> carries() const {
    if (waited_ < kStands) return std::nullopt;
    int64_t bytes = 0;
    Duration least = Duration::infinite();
    for (const Bucket& b : buckets_) {
      bytes += b.bytes;
      if (b.bytes > 0) least = std::min(least, b.least);
    }
    if (least < kLeast) return std::nullopt;
    return DataSize::bytes(bytes) / kWindow;
  }

 private:
  struct Bucket {
    int64_t bytes = 0;
    Duration least;
  };
  void note(int64_t at, DataSize size, Duration wait) {
    constexpr int64_t kJump = 100;  // buckets: another clock
    const auto count = static_cast<int64_t>(buckets_.size());
    if (at - last_ > kJump || last_ - at > kJump) {
      buckets_ = {};
      last_ = at;
    }
    for (; last_ < at; ++last_) slot(last_ + 1) = {};
    if (at + count <= last_) return;
    Bucket& b = slot(at);
    b.least = b.bytes == 0 ? wait : std::min(b.least, wait);
    b.bytes += size.bytes();
  }
  Bucket& slot(int64_t at) {
    const auto count = static_cast<int64_t>(buckets_.size());
    return buckets_[static_cast<size_t>((at % count + count) % count)];
  }

  std::array<Bucket, kWindow / kBucket> buckets_{};
  int64_t last_ = 0;
  Duration waited_;
};

}  // namespace tacoma
