// One direction of one link: serialisation at a rate, a queue limited in time (drop-tail, or with CoDel at its head), propagation delay,
// jitter without reordering, independent and bursty loss. The light world runs on it and the sockets world shapes with it, so that both
// meet the conditions that ns-3 simulates.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/codel.h"
#include "core/base/drop.h"
#include "core/base/ecn.h"
#include "core/base/loss_process.h"
#include "core/base/network.h"

namespace tacoma {

/// Where a packet offered to a link ends: it arrives at a time, or it is dropped for a reason.
struct LinkVerdict {
  bool delivered = false;
  Instant arrival;              // if delivered; never before an earlier packet's
  Drop reason = Drop::queue_full;
  Ecn ecn = Ecn::not_ect;       // if delivered: as it was offered, or CE
};

/// The model knows all changes of its link beforehand (they stand in the plan), so it can say at once when a packet will
/// arrive, exactly, even where the rate changes while the packet waits. Only QueueDisc::drop_tail and codel are modelled; callers
/// refuse plans that ask for another.
class LinkModel {
 public:
  LinkModel(const LinkConfig& initial, Rng rng);
  /// Adds a later state of the link. Must be called in order of time, before the first offer().
  void change_at(Instant at, const LinkConfig& config);

  /// Offers a packet of `ip_bytes` (payload and UDP/IP headers) at `now`, which never goes back. Loss is drawn when the
  /// packet leaves the queue: lost packets have used the wire.
  LinkVerdict offer(Instant now, int64_t ip_bytes, Ecn ecn = Ecn::not_ect);

  struct Counts {
    uint64_t packets = 0;  // left the queue for the wire
    uint64_t bytes = 0;
    uint64_t queue_drops = 0;
    uint64_t loss_drops = 0;
    Duration queue_max;
    uint64_t marked = 0;  // of `packets`, those that the queue marked (CE) where it would have dropped others
  };
  /// What happened since the last call.
  Counts take_counts(Instant now);
  /// Of a link with a trace: over the second before `now`.
  DataRate rate_at(Instant now) const;

 private:
  struct Phase {
    Instant from;
    LinkConfig config;
  };
  struct Waiting {
    Instant departure;
    uint32_t bytes;
    bool dropped;  // at the head of the queue: it never used the wire
    bool marked;   // or went on with CE instead
  };
  const LinkConfig& config_at(Instant at) const;
  Instant serialise(Instant start, int64_t bytes) const;
  Instant next_delivery(Instant now, const DeliveryTrace& trace, int64_t bytes);
  void wait(const Waiting& packet);
  void settle(Instant now);

  std::vector<Phase> phases_;
  mutable size_t phase_ = 0;  // of the last look-up; time mostly goes forward
  LossProcess chance_;
  Codel codel_;
  Instant busy_until_;
  Instant last_arrival_;
  Instant opportunity_;           // of a trace: the last one used,
  int64_t next_opportunity_ = 0;  // the number of the next,
  int64_t opportunity_left_ = 0;  // and what of the last is still free
  std::vector<Waiting> waiting_;  // ring: those that have not left yet
  size_t head_ = 0, held_ = 0;
  int64_t backlog_ = 0;
  Counts counts_;
};

}  // namespace tacoma
