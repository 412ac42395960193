// Does the queue on the path grow? Inter-group delay variation, smoothed and fitted with a line, against a threshold that
// adapts (draft-ietf-rmcat-gcc-02 sections 5.2 to 5.4; Carlucci et al., MMSys 2016; the trendline filter of libwebrtc).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "core/cc/rate_controller.h"

namespace tacoma {

enum class PathUse : uint8_t { normal, over, under };

class DelayTrend {
 public:
  /// One received packet, in order of sending. Returns the detector's state after it.
  PathUse on_packet(const PacketResult& packet);
  PathUse state() const { return state_; }
  /// Forgets the line, not the threshold: after a pause in sending.
  void reset();
  double threshold_ms() const { return threshold_ms_; }
  double trend_ms() const { return trend_ms_; }

 private:
  struct Group {
    Instant first_sent, last_sent;
    Duration first_arrival, last_arrival;
  };
  struct Point {
    double time_ms, delay_ms;
  };
  static constexpr size_t kWindow = 20;
  bool belongs(const PacketResult& packet) const;
  void on_variation(double send_delta_ms, double arrival_delta_ms, double arrival_ms);
  std::optional<double> slope() const;
  void detect(double trend, double send_delta_ms, double now_ms);
  void adapt(double trend, double now_ms);

  std::optional<Group> current_, previous_;
  std::array<Point, kWindow> points_{};
  size_t count_ = 0, next_ = 0;
  uint32_t deltas_ = 0;
  double first_arrival_ms_ = 0;
  double accumulated_ms_ = 0, smoothed_ms_ = 0;
  double trend_ms_ = 0, last_trend_ = 0;
  double threshold_ms_ = 12.5;
  double last_adapted_ms_ = -1;
  double time_over_ms_ = -1;
  uint32_t overs_ = 0;
  PathUse state_ = PathUse::normal;
};

}  // namespace tacoma
