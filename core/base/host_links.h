// The links of a plan as models, made alike by every world that shapes with LinkModel.
#pragma once

#include <string>
#include <vector>

#include "core/base/link_model.h"
#include "core/base/network.h"
#include "core/base/process.h"
#include "core/base/result.h"

namespace tacoma {

/// Both directions of one host's access link.
struct HostLinks {
  LinkModel up, down;
};

/// Whether a plan makes sense: regions and hosts that exist, changes in order, probabilities within 0 and 1. Otherwise a sentence
/// that names the place. Worlds that model QueueDisc::drop_tail only pass `drop_tail_only`.
Result<void> check_network(const NetworkPlan& plan, bool drop_tail_only);

/// The model of each host's links, with all later changes, by HostId. Each draws from the plan's seed and the host's name,
/// so one more host shifts nobody else's draws. The plan has passed check_network.
std::vector<HostLinks> make_links(const NetworkPlan& plan);

/// What an empty path takes at the start of the run: up link, between the regions, down link. The hosts exist.
Duration one_way_delay(const NetworkPlan& plan, HostId from, HostId to);
inline Duration round_trip(const NetworkPlan& plan, HostId a, HostId b) { return one_way_delay(plan, a, b) + one_way_delay(plan, b, a); }

/// IP and transport header bytes of one packet: UDP (RFC 768) or TCP without options (RFC 9293) over IPv4 or IPv6.
constexpr int64_t udp_overhead(IpFamily family) { return family == IpFamily::v4 ? 28 : 48; }
constexpr int64_t tcp_overhead(IpFamily family) { return family == IpFamily::v4 ? 40 : 60; }

/// The law of Process::deadline: after on_deadline(now) it is later than now. Aborts with a message that names the host and
/// the deadline's reason.
void assert_deadline_advanced(const std::string& host, const Deadline& deadline, Instant now);

}  // namespace tacoma
