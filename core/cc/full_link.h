// Whether a queue stands on a path, and what goes through it when that is far less than is sent.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// A controller takes its time to tell a link that has become narrow from a burst of somebody else's. What arrives in the meantime says how much
/// goes through, whatever the cause. By times of arrival: of what was sent last one hears when the queue has let it go. Against what was sent in the
/// same packets: who sends little, or hears of all that a link held back at once, has not lost it.
class FullLink {
 public:
  static constexpr Duration kSlice = Duration::milliseconds(20);
  static constexpr size_t kSlices = 6;                               // the last of which is still growing
  static constexpr Duration kShortest = Duration::milliseconds(60);  // below this span there is no rate
  static constexpr Duration kLeastWait = Duration::milliseconds(40);  // of everything lately ...
  static constexpr Duration kWait = Duration::milliseconds(60);       // ... and of the newest packet: a queue
  static constexpr double kFar = 0.5;
  static constexpr Duration kJump = Duration::seconds(1);            // of arrivals: another clock, or a long pause

  /// `waited`: how long the newest packet that arrived has waited on the path.
  void on_feedback(Span<const PacketResult> packets, Duration waited) {
    for (const PacketResult& p : packets) {
      if (!p.received) {
        if (count_ > 0) newest().lost += static_cast<uint32_t>(p.size.bytes());
        continue;
      }
      note(p);
      waited_ = waited;
      base_ = p.arrival - p.sent.since_start() - waited;
    }
  }
  /// All that has come lately has waited.
  bool stands() const {
    if (count_ == 0 || waited_ < kWait) return false;
    for (size_t i = 0; i < count_; ++i)
      if (slices_[i].arrival - slices_[i].sent.since_start() - base_ < kLeastWait) return false;
    return true;
  }
  /// What goes through a queue that stands, if it is far less than what was sent into it and than `rate`.
  std::optional<DataRate> fallen_from(DataRate rate) const {
    if (!stands()) return std::nullopt;
    const Slice &first = slices_[0], &last = slices_[count_ - 1];
    const Duration span = last.arrival - first.arrival;
    if (span < kShortest) return std::nullopt;
    int64_t bytes = 0, lost = 0;  // from the first slice's beginning to the last one's
    for (size_t i = 0; i + 1 < count_; ++i) {
      bytes += slices_[i].bytes;
      lost += slices_[i].lost;
    }
    const auto arrived = static_cast<double>((DataSize::bytes(bytes) / span).bps());
    const double sent = static_cast<double>(bytes + lost) * 8 / std::max((last.sent - first.sent).to_seconds(), 0.001);
    if (arrived >= kFar * sent || arrived >= kFar * static_cast<double>(rate.bps())) return std::nullopt;
    return DataRate::bps(static_cast<int64_t>(arrived));
  }

 private:
  struct Slice {
    Instant sent;      // its first packet
    Duration arrival;
    uint32_t bytes = 0, lost = 0;
  };
  Slice& newest() { return slices_[count_ - 1]; }
  void note(const PacketResult& p) {
    if (count_ > 0 && (p.arrival > newest().arrival + kJump || p.arrival + kJump < newest().arrival)) count_ = 0;
    if (count_ == 0 || p.arrival >= newest().arrival + kSlice) {
      if (count_ == kSlices) std::move(slices_.begin() + 1, slices_.end(), slices_.begin());
      else ++count_;
      newest() = {p.sent, p.arrival, 0, 0};
    }
    newest().bytes += static_cast<uint32_t>(p.size.bytes());
  }

  std::array<Slice, kSlices> slices_{};
  size_t count_ = 0;
  Duration waited_, base_;
};

}  // namespace tacoma
