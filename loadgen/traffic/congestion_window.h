// How many bytes TCP may have on the way: NewReno (RFC 5681, 6582) or CUBIC (RFC 9438).
#pragma once

#include <cstdint>

#include "core/base/network.h"

namespace tacoma {

/// Pure arithmetic on bytes; whoever owns it knows what is on the way.
class CongestionWindow {
 public:
  CongestionWindow(FlowPlan::Control control, int64_t segment) : control_(control), segment_(segment), window_(kInitialSegments * segment) {}

  int64_t bytes() const { return window_; }
  int64_t threshold() const { return threshold_; }

  /// `acked` bytes of new data, outside of recovery.
  void on_ack(Instant now, int64_t acked, Duration round_trip);
  /// Loss was seen by duplicates with `flight` bytes on the way: the window of fast recovery.
  void on_loss(Instant now, int64_t flight);
  /// In recovery: a duplicate tells that a segment has left the network, a partial acknowledgement that `acked` bytes have.
  void on_duplicate() { window_ += segment_; }
  void on_partial_ack(int64_t acked);
  /// Recovery is over.
  void on_recovered(int64_t flight);
  void on_timeout(Instant now, int64_t flight);
  /// Nothing was sent for longer than a timeout (RFC 5681 section 4.1).
  void on_idle();

 private:
  static constexpr int64_t kInitialSegments = 10;  // RFC 6928
  void reduce(Instant now, int64_t flight);
  void grow_cubic(Instant now, int64_t acked, Duration round_trip);
  double segments(int64_t n) const { return static_cast<double>(n) / static_cast<double>(segment_); }

  const FlowPlan::Control control_;
  const int64_t segment_;
  int64_t window_;
  int64_t threshold_ = INT64_MAX;
  int64_t acked_ = 0;  // towards the next segment of congestion avoidance
  // CUBIC, in segments and seconds.
  double most_ = 0, before_ = 0, inflection_ = 0, reno_ = 0;
  Instant epoch_ = Instant::never();
};

}  // namespace tacoma
