// The network that a run happens in, the same description for every world: hosts behind access links, in regions that
// are joined by delay. Nothing is left to chance here but each link's own jitter and loss, drawn from `seed`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/id.h"
#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma {

/// Two-state loss (Gilbert 1960, Elliott 1963), stepped once a packet.
struct GilbertElliott {
  double good_to_bad = 0;  // transition probability per packet
  double bad_to_good = 1;
  double loss_good = 0;    // loss probability in each state
  double loss_bad = 1;
  bool operator==(const GilbertElliott& o) const {
    return good_to_bad == o.good_to_bad && bad_to_good == o.bad_to_good && loss_good == o.loss_good && loss_bad == o.loss_bad;
  }
};

enum class QueueDisc : uint8_t { drop_tail, fq_codel, codel, pie };

/// One direction of one link. Rates count IP packets: payload + 28 (IPv4/UDP) or 48 (IPv6/UDP) bytes.
struct LinkConfig {
  DataRate rate = DataRate::infinite();
  Duration delay;                                   // propagation
  Duration jitter;                                  // extra delay, uniform in [0, jitter], without reordering
  double loss = 0;                                  // independent, 0..1
  std::optional<GilbertElliott> bursts;             // on top of `loss`
  Duration queue = Duration::milliseconds(300);     // what the queue holds, as drain time at `rate`
  QueueDisc disc = QueueDisc::drop_tail;
  bool operator==(const LinkConfig& o) const {
    return rate == o.rate && delay == o.delay && jitter == o.jitter && loss == o.loss && bursts == o.bursts && queue == o.queue && disc == o.disc;
  }
};

struct HostPlan {
  std::string name;        // unique in the run: "standup/far-1", "eu-1"
  uint32_t region = 0;     // index into NetworkPlan::regions
  LinkConfig up;           // from the host into its region
  LinkConfig down;         // from its region to the host
  IpFamily family = IpFamily::v4;
};

/// At `at`, one direction of a host's link becomes `link`. What is already in the queue keeps its place.
struct LinkChange {
  Instant at;
  HostId host;
  bool is_up = false;
  LinkConfig link;
};

struct NetworkPlan {
  std::vector<std::string> regions;
  std::vector<std::vector<Duration>> one_way;  // [from][to] delay between regions; zero on the diagonal
  std::vector<HostPlan> hosts;                 // HostId is the index
  std::vector<LinkChange> changes;             // ascending by time
  uint64_t seed = 1;
};

}  // namespace tacoma
