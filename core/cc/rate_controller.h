// Congestion control as values in, update out (the shape of libwebrtc's network control interface): bridge and participant use
// the same controllers, and none of them knows a clock, a socket or a timer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ecn.h"
#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma {

/// One packet that the controller's owner has sent, as its feedback tells of it.
struct PacketResult {
  int64_t sequence = 0;       // transport-wide, extended
  Instant sent;
  DataSize size;              // on the wire
  uint32_t probe = 0;         // id of the probe cluster that it belongs to; 0: none
  bool received = false;
  Duration arrival;           // if received: on the receiver's clock, whose zero is unknown
  Ecn ecn = Ecn::not_ect;     // if received: as it arrived
};

/// What one feedback message told, ascending by sequence. `at` is when it came in.
struct FeedbackReport {
  Instant at;
  Span<const PacketResult> packets;
};

/// A burst that finds out whether more fits: send `packets` or more of `size` in all at `rate`, marked with `id`.
struct ProbeCluster {
  uint32_t id = 0;
  DataRate rate;
  DataSize size;
  uint32_t packets = 5;
};

struct RateUpdate {
  DataRate target;                    // what to send, all streams and repairs together
  DataRate pacing;                    // at which packets may leave
  std::vector<ProbeCluster> probes;   // to send now; mostly empty
};

struct RateLimits {
  DataRate start = DataRate::kbps(2'500);
  DataRate lowest = DataRate::kbps(30);
  DataRate highest = DataRate::mbps(20);
  double priority = 1;  // where flows share a link, one of 2 aims at twice the rate of one of 1 (PRIO of RFC 8698)
};

/// A congestion controller. All inputs are clamped: lies in feedback move the target inside of the limits at most.
class RateController {
 public:
  virtual ~RateController() = default;
  virtual RateUpdate on_feedback(const FeedbackReport& report) = 0;
  /// Round trip of the path, from RTCP or from feedback.
  virtual void on_round_trip(Duration round_trip) = 0;
  /// An upper bound that the receiver states (REMB). Zero or absurd values are clamped to the limits.
  virtual void on_receiver_limit(Instant now, DataRate limit) = 0;
  /// What the owner would send if it could: probing aims there and no further. Zero: nothing more is wanted. `in_steps`: by layers, whose
  /// next one may cost twice the target; what is sent until then proves nothing, only probes do.
  virtual void set_wanted(DataRate wanted, bool in_steps) = 0;
  /// Every 25 ms or so while the path is up.
  virtual RateUpdate on_tick(Instant now) = 0;
  virtual DataRate target() const = 0;
  /// The target but for what is held back for a moment, so that a queue drains: what steps that are dear to take back go by.
  virtual DataRate sustained() const { return target(); }
  /// How long the newest packet that was told of waited on the path.
  virtual Duration waited() const = 0;
  /// Everything that came lately has waited there, not that packet alone.
  virtual bool queue_stands() const = 0;
  virtual const char* name() const = 0;
};

/// Google congestion control (draft-ietf-rmcat-gcc-02 with the trendline filter of later libwebrtc).
std::unique_ptr<RateController> make_gcc(const RateLimits& limits);
/// NADA (RFC 8698).
std::unique_ptr<RateController> make_nada(const RateLimits& limits);

}  // namespace tacoma
