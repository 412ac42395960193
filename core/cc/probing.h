// When to try for more, and what a burst of packets found.
#pragma once

#include <optional>
#include <vector>

#include "core/cc/rate_controller.h"

namespace tacoma {

/// Decides on probe clusters, only while more is wanted than the target allows: at the start (3 and 6 times the start rate), when
/// the want has grown, again and again (more often when the sender does not fill its target, or goes by steps, because then nothing else finds out),
/// and after a drop (back to where the rate was). Each goes on at twice the rate while it pays, and none beyond twice the want.
class ProbePlan {
 public:
  explicit ProbePlan(const RateLimits& limits) : limits_(limits) {}
  /// The detector's view of the path, and the sender's of itself.
  struct State {
    DataRate target, wanted;
    bool congested = false, limited = false, in_steps = false, full_lately = false;
  };
  /// Appends clusters to send now.
  void on_tick(Instant now, const State& state, std::vector<ProbeCluster>& out);
  /// A cluster measured this much.
  void on_measured(Instant now, DataRate measured, std::vector<ProbeCluster>& out);
  /// The same where only a part of it is believed at once: if there is reason to try more, so at `again`, unless the path is congested then.
  void on_believed(Instant again, DataRate believed, DataRate measured);
  /// There is reason to try for more at `when`.
  void go_on(Instant when) { next_at_ = when; }
  /// The rate fell by a tenth or more.
  void on_large_drop(Instant now, DataRate before);

 private:
  static constexpr Duration kEvery = Duration::seconds(4), kEveryLimited = Duration::seconds(2), kEveryInSteps = Duration::seconds(1);
  /// By steps, a cluster that measured nothing (a busy receiver takes it in one go) is soon followed by another; not for ever.
  static constexpr Duration kUnanswered = Duration::milliseconds(400);
  static constexpr uint32_t kMostUnanswered = 2;
  static constexpr Duration kAfterWant = Duration::milliseconds(500);
  static constexpr Duration kAfterDrop = Duration::milliseconds(200);
  static constexpr Duration kRecovery = Duration::seconds(5);
  void add(Instant now, DataRate rate, std::vector<ProbeCluster>& out);

  RateLimits limits_;
  uint32_t next_id_ = 1;
  bool started_ = false;
  Instant last_probe_ = Instant::never();
  DataRate last_rate_;
  uint32_t unanswered_ = 0;            // clusters in a row
  Instant next_at_ = Instant::never();
  DataRate wanted_;                    // now, and when the last probe was sent
  DataRate wanted_then_;
  std::optional<DataRate> recover_to_;
  Instant recover_from_ = Instant::never();
};

/// What a cluster found. `full`: the link delivered it slower than it was sent, so it was full meanwhile; perhaps with others' packets
/// too, in which case the rate is more than what is left for us.
struct ProbeResult {
  DataRate rate;
  bool full = false;
};

/// Measures clusters from feedback.
class ProbeMeter {
 public:
  /// A cluster that will be sent: packets of others are not believed to be a probe.
  void expect(const ProbeCluster& cluster);
  /// What a cluster found, when this packet completed it.
  std::optional<ProbeResult> on_packet(const PacketResult& packet);

 private:
  struct Cluster {
    uint32_t id = 0;
    uint32_t least_packets = 0;
    int64_t least_bytes = 0;
    uint32_t packets = 0;
    int64_t bytes = 0, first_bytes = 0, last_bytes = 0;
    Instant first_sent, last_sent;
    Duration first_arrival, last_arrival;
    bool reported = false;
  };
  static constexpr size_t kClusters = 16;
  std::vector<Cluster> clusters_;
};

}  // namespace tacoma
