// When to try for more, and what a burst of packets found.
#pragma once

#include <optional>
#include <vector>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// Decides on probe clusters: at the start (3 and 6 times the start rate, and on while it pays), while more is wanted than the
/// target allows (towards what is wanted), and after a drop (back to where the rate was).
class ProbePlan {
 public:
  explicit ProbePlan(const RateLimits& limits) : limits_(limits) {}
  /// Appends clusters to send now. `target` is the current rate, `congested` the detector's view.
  void on_tick(Instant now, DataRate target, DataRate wanted, bool congested, std::vector<ProbeCluster>& out);
  /// A cluster measured this much.
  void on_measured(Instant now, DataRate measured, std::vector<ProbeCluster>& out);
  /// The rate fell by a third or more.
  void on_large_drop(Instant now, DataRate before);

 private:
  static constexpr Duration kEvery = Duration::seconds(5);
  void add(Instant now, DataRate rate, std::vector<ProbeCluster>& out);

  RateLimits limits_;
  uint32_t next_id_ = 1;
  bool started_ = false;
  Instant last_probe_ = Instant::never();
  DataRate last_rate_;
  bool exponential_ = false;           // the start: double while the measurement keeps up
  DataRate wanted_;
  std::optional<DataRate> recover_to_;
  Instant recover_from_ = Instant::never();
};

/// Measures clusters from feedback.
class ProbeMeter {
 public:
  /// The rate that one cluster found, when this packet completed it.
  std::optional<DataRate> on_packet(const PacketResult& packet);

 private:
  struct Cluster {
    uint32_t id = 0;
    uint32_t packets = 0;
    int64_t bytes = 0, first_bytes = 0, last_bytes = 0;
    Instant first_sent, last_sent;
    Duration first_arrival, last_arrival;
    bool reported = false;
  };
  static constexpr size_t kClusters = 4;
  std::vector<Cluster> clusters_;
};

}  // namespace tacoma
