// The links of a plan as models, made alike by every world that shapes with LinkModel.
#pragma once

#include <string>
#include <vector>

#include "core/base/link_model.h"
#include "core/base/network.h"
#include "core/base/process.h"
#include "core/base/result.h"

namespace tacoma {

/// Both directions of the link of one host or site.
struct HostLinks {
  LinkModel up, down;
};

/// Whether a plan makes sense: regions and hosts that exist, changes in order, probabilities within 0 and 1. Otherwise a sentence
/// that names the place. Worlds that have links of LinkModel only, and no Wi-Fi, pass `link_model_only`.
Result<void> check_network(const NetworkPlan& plan, bool link_model_only);
/// Whether the plan makes sense, but in the ns3 world only.
inline bool only_in_ns3(const NetworkPlan& plan) { return static_cast<bool>(check_network(plan, false)) && !check_network(plan, true); }

/// The model of each link, with all later changes: those of hosts by HostId, then those of sites. Each draws from the plan's seed
/// and the host's name, so one more host shifts nobody else's draws. The plan has passed check_network.
std::vector<HostLinks> make_links(const NetworkPlan& plan);

/// Which links lie between two hosts: the sender's own up link first, then these hops, the receiver's down link last. The plan has
/// passed check_network and outlives the routes.
class Routes {
 public:
  struct Hop {
    uint32_t link = 0;   // index into make_links()
    bool is_up = false;
    Duration before;     // travelled before the link is entered
  };
  explicit Routes(const NetworkPlan& plan);
  /// How many hops follow the sender's own up link.
  uint32_t count(uint32_t from, uint32_t to) const {
    return chains_.empty() ? 1 : static_cast<uint32_t>(chain(from).size() + chain(to).size()) - 2 * common(from, to) + 1;
  }
  /// How many of them are up links of the sender's sites; they come first.
  uint32_t ups(uint32_t from, uint32_t to) const {
    return chains_.empty() ? 0 : static_cast<uint32_t>(chain(from).size()) - common(from, to);
  }
  Hop hop(uint32_t from, uint32_t to, uint32_t n) const;

 private:
  using Chain = std::vector<uint32_t>;  // sites, from the host outwards
  const Chain& chain(uint32_t host) const { return plan_.hosts[host].site ? chains_[*plan_.hosts[host].site] : none_; }
  uint32_t common(uint32_t from, uint32_t to) const;

  const NetworkPlan& plan_;
  std::vector<Chain> chains_;  // by site
  Chain none_;
};

/// Sites behind sites: at most so many between a host and its region.
inline constexpr uint32_t kMaxSiteDepth = 8;

/// What an empty path takes at the start of the run: up links, between the regions, down links. The hosts exist.
Duration one_way_delay(const NetworkPlan& plan, HostId from, HostId to);
inline Duration round_trip(const NetworkPlan& plan, HostId a, HostId b) { return one_way_delay(plan, a, b) + one_way_delay(plan, b, a); }

/// IP and transport header bytes of one packet: UDP (RFC 768) or TCP without options (RFC 9293) over IPv4 or IPv6.
constexpr int64_t udp_overhead(IpFamily family) { return family == IpFamily::v4 ? 28 : 48; }
constexpr int64_t tcp_overhead(IpFamily family) { return family == IpFamily::v4 ? 40 : 60; }

/// The law of Process::deadline: after on_deadline(now) it is later than now. Aborts with a message that names the host and
/// the deadline's reason.
void assert_deadline_advanced(const std::string& host, const Deadline& deadline, Instant now);

}  // namespace tacoma
