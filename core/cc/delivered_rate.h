// How fast the receiver is really being served.
#pragma once

#include <optional>
#include <vector>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// Received bytes over a sliding window of arrival times.
class DeliveredRate {
 public:
  static constexpr Duration kWindow = Duration::milliseconds(500);
  static constexpr Duration kShortest = Duration::milliseconds(150);  // below this span there is no estimate

  void on_packet(const PacketResult& packet) {
    // Arrivals that jump (a lying or restarted receiver) start over.
    if (held_ > 0 && (packet.arrival > newest_ + Duration::seconds(2) || packet.arrival + Duration::seconds(2) < newest_)) clear();
    if (held_ == 0) begin_ = newest_ = packet.arrival;
    newest_ = packet.arrival > newest_ ? packet.arrival : newest_;
    push({packet.arrival, packet.size.bytes()});
    bytes_ += packet.size.bytes();
    while (held_ > 0 && front().arrival + kWindow < newest_) {
      bytes_ -= front().bytes;
      first_ = (first_ + 1) & (ring_.size() - 1);
      --held_;
    }
  }
  std::optional<DataRate> rate() const {
    if (held_ < 2) return std::nullopt;
    const Duration age = newest_ - begin_;
    if (age < kShortest) return std::nullopt;
    const Duration span = age < kWindow ? age : kWindow;
    return DataSize::bytes(bytes_) / span;
  }
  void clear() { held_ = 0; first_ = 0; bytes_ = 0; }

 private:
  struct Entry {
    Duration arrival;
    int64_t bytes = 0;
  };
  const Entry& front() const { return ring_[first_]; }
  void push(const Entry& e) {
    if (held_ == ring_.size()) {
      std::vector<Entry> larger(ring_.empty() ? 32 : ring_.size() * 2);
      for (size_t i = 0; i < held_; ++i) larger[i] = ring_[(first_ + i) & (ring_.size() - 1)];
      ring_ = std::move(larger);
      first_ = 0;
    }
    ring_[(first_ + held_++) & (ring_.size() - 1)] = e;
  }
  std::vector<Entry> ring_;
  size_t first_ = 0, held_ = 0;
  int64_t bytes_ = 0;
  Duration begin_, newest_;
};

}  // namespace tacoma
