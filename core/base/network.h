// The network that a run happens in, the same description for every world: hosts behind access links, some of them behind
// links that they share (sites), in regions that are joined by delay. Nothing is left to chance here but each link's own jitter and loss, drawn from `seed`.
#pragma once

#include <cstdint>
#include <memory>
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

/// How the extra delay of packets is distributed over [0, jitter]. `gaussian` is RFC 8868 section 4.5.1: |N(0, (jitter/3)^2)| cut at
/// `jitter`, and a packet never comes closer behind the one before it than the link takes to serialise it.
enum class JitterShape : uint8_t { uniform, gaussian };

/// Recorded capacity: moments at which the link may deliver up to kOpportunity bytes, as Mahimahi's traces list them (Netravali et
/// al., USENIX ATC 2015). An opportunity that finds nothing queued is lost.
struct DeliveryTrace {
  static constexpr int64_t kOpportunity = 1500;
  std::vector<uint32_t> opportunities_ms;  // ascending, of one round; not empty
  uint32_t period_ms = 0;                  // then it begins anew; at least the last opportunity, more than 0
  DataRate mean_rate() const {
    return DataRate::bps(static_cast<int64_t>(opportunities_ms.size()) * kOpportunity * 8 * 1000 / period_ms);
  }
};

enum class QueueDisc : uint8_t { drop_tail, fq_codel, codel, pie };

/// One direction of one link. Rates count IP packets: payload + 28 (IPv4/UDP) or 48 (IPv6/UDP) bytes.
struct LinkConfig {
  DataRate rate = DataRate::infinite();
  Duration delay;                                   // propagation
  Duration jitter;                                  // extra delay up to this, without reordering
  JitterShape jitter_shape = JitterShape::uniform;
  double loss = 0;                                  // independent, 0..1
  std::optional<GilbertElliott> bursts;             // on top of `loss`
  Duration queue = Duration::milliseconds(300);     // what the queue holds, as drain time at `rate`
  QueueDisc disc = QueueDisc::drop_tail;
  bool ecn = false;                                 // the disc marks what can ECN where it would drop it; not of drop_tail
  std::shared_ptr<const DeliveryTrace> trace;       // in place of `rate`, which then is the trace's mean
  bool operator==(const LinkConfig& o) const {
    return rate == o.rate && delay == o.delay && jitter == o.jitter && jitter_shape == o.jitter_shape && loss == o.loss && bursts == o.bursts && queue == o.queue && disc == o.disc && ecn == o.ecn &&
           trace == o.trace;
  }
};

/// A Wi-Fi access point, IEEE 802.11n at 5 GHz with 20 MHz and a long guard interval: everybody in its cell shares one channel, in both
/// directions, by listening and backing off. Losses over the air follow from the distance (log-distance, exponent 3) and from
/// collisions. Only the ns3 world has it.
struct WifiCell {
  static constexpr uint8_t kHighestMcs = 15;          // of two antennas
  static constexpr double kLargestDistance = 200;     // m
  uint8_t mcs = 11;                                   // modulation and coding of data, at all times: 11 is 16-QAM 1/2 twice, 52 Mbps
  double distance = 5;                                // m, of everybody from the access point
  bool aggregation = true;                            // A-MPDU: many packets an access to the channel
  Duration queue = Duration::milliseconds(300);       // a packet that has waited for so long for the channel is dropped
  bool operator==(const WifiCell& o) const { return mcs == o.mcs && distance == o.distance && aggregation == o.aggregation && queue == o.queue; }
};

/// A link that several hosts of a region share: a household's line, an office's uplink, the bottleneck of a test. Hosts behind the
/// same site reach each other without passing it, or, where it has a Wi-Fi cell, over its access point.
struct SitePlan {
  std::string name;                // unique among hosts and sites
  uint32_t region = 0;
  std::optional<uint32_t> behind;  // a site before this one that this one stands behind, of the same region
  LinkConfig up, down;             // towards the region, and back
  std::optional<WifiCell> wifi = std::nullopt;  // then it is this between its hosts' own links and the site; no site is behind it
};

struct HostPlan {
  std::string name;        // unique in the run: "standup/far-1", "eu-1"
  uint32_t region = 0;     // index into NetworkPlan::regions
  LinkConfig up;           // from the host into its region
  LinkConfig down;         // from its region to the host
  IpFamily family = IpFamily::v4;
  std::optional<uint32_t> site = std::nullopt;  // index into NetworkPlan::sites: what `up` and `down` end at; nullopt: the region
};

/// At `at`, one direction of a host's or site's link becomes `link`. What is already in the queue keeps its place.
struct LinkChange {
  Instant at;
  HostId host;             // or NetworkPlan::site_id
  bool is_up = false;
  LinkConfig link;
};

/// Traffic that is no meeting: it keeps the links busy from one host to another.
struct FlowPlan {
  enum class Kind : uint8_t { udp, tcp } kind = Kind::udp;
  enum class Control : uint8_t { new_reno, cubic } control = Control::new_reno;  // of tcp: RFC 5681 and 6582, or RFC 9438
  std::string name;                  // unique in the run
  std::string group;                 // what the scenario calls it, and its like
  HostId from, to;                   // hosts of their own: nothing else runs there
  Instant start, stop;

  /// Of udp: `rate` of IP packets of `packet_bytes` from `from` until the next period.
  struct Period {
    Instant from;
    DataRate rate;
  };
  std::vector<Period> periods;       // ascending
  uint32_t packet_bytes = 1500;

  /// Of tcp: one after the other over one connection, each `idle` after the one before has been acknowledged.
  struct Transfer {
    Duration idle;
    int64_t bytes = 0;               // kEndless: until `stop`
  };
  static constexpr int64_t kEndless = INT64_MAX;
  std::vector<Transfer> transfers;
};

struct NetworkPlan {
  std::vector<std::string> regions;
  std::vector<std::vector<Duration>> one_way;  // [from][to] delay between regions; zero on the diagonal
  std::vector<HostPlan> hosts;                 // HostId is the index
  std::vector<LinkChange> changes;             // ascending by time
  uint64_t seed = 1;
  std::vector<SitePlan> sites;
  std::vector<FlowPlan> flows;

  /// Links are known by the host they belong to; those of sites are numbered after all hosts.
  HostId site_id(size_t site) const { return HostId(static_cast<uint32_t>(hosts.size() + site)); }
  bool has_wifi() const {
    for (const SitePlan& site : sites)
      if (site.wifi) return true;
    return false;
  }
  size_t link_count() const { return hosts.size() + sites.size(); }
  const std::string& link_name(HostId id) const {
    return id.value() < hosts.size() ? hosts[id.value()].name : sites[id.value() - hosts.size()].name;
  }
  const LinkConfig& link(HostId id, bool is_up) const {
    if (id.value() < hosts.size()) return is_up ? hosts[id.value()].up : hosts[id.value()].down;
    const SitePlan& site = sites[id.value() - hosts.size()];
    return is_up ? site.up : site.down;
  }
};

}  // namespace tacoma
