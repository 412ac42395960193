// A NetworkPlan as ns-3 nodes, devices, queues and routes.
#pragma once

#include <memory>
#include <vector>

#include "core/base/network.h"
#include "ns3/ipv4-address.h"
#include "ns3/ipv6-address.h"
#include "ns3/node.h"
#include "ns3/point-to-point-net-device.h"
#include "sim/ns3/access_channel.h"
#include "sim/ns3/wifi_air.h"

namespace tacoma::sim {

/// One host's access link, or a site's; end 0 of the channel is the host or the site's router (up), end 1 the router it is joined
/// to (down).
struct AccessLink {
  ns3::Ptr<ns3::Node> host;
  ns3::Ptr<ns3::PointToPointNetDevice> up, down;
  ns3::Ptr<AccessChannel> channel;
  LinkConfig up_config, down_config;
  uint32_t outer_v4 = 0, outer_v6 = 0;  // its interfaces on the router it is joined to
};

struct Topology {
  std::vector<AccessLink> links;  // by HostId, then those of sites
  std::vector<std::unique_ptr<WifiAir>> air;  // by site; null where it has no Wi-Fi
  bool has_v6 = false;
};

/// Most hosts a region holds: 256 middle routers x 32 aggregation routers x 32 hosts.
inline constexpr uint32_t kHostsPerRegion = 262'144;
inline constexpr uint32_t kMaxRegions = 64;

/// Addresses are positions in the tree, so that each router needs one route a child: region in the top 6 of 24 bits, then 8 bits of
/// middle router, 5 of aggregation router, 5 of host.
ns3::Ipv4Address v4_address(uint32_t position);
ns3::Ipv6Address v6_address(uint32_t position);
std::vector<uint32_t> host_positions(const NetworkPlan& plan);

Topology build_topology(const NetworkPlan& plan);

/// Whether the link follows a recorded trace at any time: then the channel shapes it by LinkModel, changes included.
bool has_trace(const NetworkPlan& plan, HostId link, bool is_up);

/// Applies a new state to one direction of a link: rate, queue limit, delay, jitter, loss. The packet on the wire keeps its time.
/// False: the queue holds more than the new limit, which is for now what it holds; call again when it has drained.
bool apply_link(AccessLink& link, bool is_up, const LinkConfig& config);

}  // namespace tacoma::sim
