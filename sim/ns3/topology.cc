#include "sim/ns3/topology.h"

#include <algorithm>
#include <string>

#include "ns3/arp-cache.h"
#include "ns3/boolean.h"
#include "ns3/config.h"
#include "ns3/drop-tail-queue.h"
#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-interface.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv4-routing-table-entry.h"
#include "ns3/ipv4-static-routing.h"
#include "ns3/ipv4-static-routing-helper.h"
#include "ns3/ipv4.h"
#include "ns3/ipv6-static-routing-helper.h"
#include "ns3/ipv6-static-routing.h"
#include "ns3/ipv6.h"
#include "ns3/net-device-queue-interface.h"
#include "ns3/node-container.h"
#include "ns3/pie-queue-disc.h"
#include "ns3/queue-disc.h"
#include "ns3/string.h"
#include "ns3/traffic-control-helper.h"
#include "ns3/traffic-control-layer.h"
#include "ns3/uinteger.h"
#include "core/base/codel.h"
#include "core/base/host_links.h"

namespace tacoma::sim {

using ns3::Ptr;

namespace {

constexpr uint64_t kUnlimitedBps = 400'000'000'000ull;
constexpr uint32_t kLargestPacket = 1502;  // 1,500 and PPP
constexpr uint32_t kMostFlat = 256;        // hosts on one router: reading through its routes then costs less than another hop

ns3::DataRate ns3_rate(DataRate rate) {
  if (rate.is_infinite()) return ns3::DataRate(kUnlimitedBps);
  return ns3::DataRate(static_cast<uint64_t>(std::max<int64_t>(rate.bps(), 1'000)));  // zero: the channel drops everything
}

// What the queue holds, in bytes, as drain time at the link's rate; an empty queue takes a packet of any size.
uint32_t queue_bytes(const LinkConfig& config) {
  if (config.rate.is_infinite()) return 64u << 20;
  return std::max(kLargestPacket, static_cast<uint32_t>(std::min<int64_t>((config.rate * config.queue).bytes(), 256 << 20)));
}

std::string disc_type(QueueDisc disc) {
  switch (disc) {
    case QueueDisc::fq_codel: return "ns3::FqCoDelQueueDisc";
    case QueueDisc::codel: return "ns3::CoDelQueueDisc";
    case QueueDisc::pie: return "ns3::PieQueueDisc";
    case QueueDisc::drop_tail: break;
  }
  return "";
}

// As LinkModel has it: the disc of ns-3 goes by 5 ms at any rate, and holds 1.5 MB. False: it holds more than it may.
bool set_codel(ns3::QueueDisc& disc, const LinkConfig& config) {
  disc.SetAttribute("Target", ns3::TimeValue(ns3::NanoSeconds(Codel::target_at(config.rate).ns())));
  const uint32_t wanted = queue_bytes(config), held = disc.GetNBytes();
  disc.SetMaxSize(ns3::QueueSize(ns3::QueueSizeUnit::BYTES, std::max(wanted, held)));
  return held <= wanted;
}

class Builder {
 public:
  explicit Builder(const NetworkPlan& plan) : plan_(plan), rng_(Rng(plan.seed).split("ns3 links")) {
    for (const HostPlan& host : plan.hosts) topology_.has_v6 |= host.family == IpFamily::v6;
    stack_.SetIpv4StackInstall(true);
    stack_.SetIpv6StackInstall(topology_.has_v6);
  }

  Topology build() {
    build_regions();
    const std::vector<uint32_t> positions = host_positions(plan_);
    // Routers of one region are made in order of position, so that a parent exists before its children.
    topology_.links.resize(plan_.link_count());
    for (size_t i = 0; i < plan_.sites.size(); ++i) attach_site(i);
    for (size_t i = 0; i < plan_.hosts.size(); ++i) attach_host(i, positions[i]);
    // Fixed random streams: a second world in one program draws what the first drew.
    stack_.AssignStreams(ns3::NodeContainer::GetGlobal(), 1'000);
    shape_by_model();
    return std::move(topology_);
  }

 private:
  struct Router {
    Ptr<ns3::Node> node;
    uint32_t position, bits;  // the part of the address space below it
  };
  struct Join {
    Ptr<ns3::PointToPointNetDevice> a, b;
    Ptr<AccessChannel> channel;
    uint32_t a_interface_v4, b_interface_v4, a_interface_v6 = 0, b_interface_v6 = 0;
  };

  /// An interface to the air.
  struct OnAir {
    uint32_t interface = 0;
    ns3::Ipv4Address address;
    ns3::Address hardware;
  };

  Ptr<ns3::Node> make_node() {
    auto node = ns3::CreateObject<ns3::Node>();
    stack_.Install(node);
    return node;
  }

  Ptr<ns3::PointToPointNetDevice> make_device(const LinkConfig& config) {
    auto device = ns3::CreateObject<ns3::PointToPointNetDevice>();
    device->SetAddress(ns3::Mac48Address::Allocate());
    device->SetDataRate(ns3_rate(config.rate));
    auto queue = ns3::CreateObject<ns3::DropTailQueue<ns3::Packet>>();
    const bool by_disc = config.disc != QueueDisc::drop_tail;
    queue->SetMaxSize(ns3::QueueSize(ns3::QueueSizeUnit::BYTES, by_disc ? kLargestPacket : queue_bytes(config)));
    device->SetQueue(queue);
    if (by_disc) {
      // Flow control lets the disc, not the device's queue, hold what waits.
      auto interface = ns3::CreateObject<ns3::NetDeviceQueueInterface>();
      interface->GetTxQueue(0)->ConnectQueueTraces(queue);
      device->AggregateObject(interface);
    }
    return device;
  }

  Join join(Ptr<ns3::Node> a, const LinkConfig& from_a, Ptr<ns3::Node> b, const LinkConfig& from_b) {
    Join made;
    made.channel = ns3::CreateObject<AccessChannel>();
    made.a = make_device(from_a);
    made.b = make_device(from_b);
    a->AddDevice(made.a);
    b->AddDevice(made.b);
    made.a->Attach(made.channel);
    made.b->Attach(made.channel);
    const uint64_t number = joins_++;
    made.channel->set_direction(0, from_a, rng_.split("a", number));
    made.channel->set_direction(1, from_b, rng_.split("b", number));
    made.a_interface_v4 = add_v4(a, made.a, ns3::Ipv4Address(next_router_v4_++));
    made.b_interface_v4 = add_v4(b, made.b, ns3::Ipv4Address(next_router_v4_++));
    if (topology_.has_v6) {
      made.a_interface_v6 = add_v6(a, made.a);
      made.b_interface_v6 = add_v6(b, made.b);
    }
    return made;
  }

  static uint32_t add_v4(Ptr<ns3::Node> node, Ptr<ns3::NetDevice> device, ns3::Ipv4Address address) {
    auto ip = node->GetObject<ns3::Ipv4>();
    const uint32_t interface = ip->AddInterface(device);
    ip->AddAddress(interface, ns3::Ipv4InterfaceAddress(address, ns3::Ipv4Mask("/32")));
    ip->SetMetric(interface, 1);
    ip->SetUp(interface);
    // Every route is put there on purpose: static routing scans its table for each packet.
    auto routing = ns3::Ipv4StaticRoutingHelper().GetStaticRouting(ip);
    for (uint32_t i = routing->GetNRoutes(); i-- > 0;)
      if (routing->GetRoute(i).GetInterface() == interface) routing->RemoveRoute(i);
    return interface;
  }

  static uint32_t add_v6(Ptr<ns3::Node> node, Ptr<ns3::NetDevice> device) {
    auto ip = node->GetObject<ns3::Ipv6>();
    const uint32_t interface = ip->AddInterface(device);
    ip->SetMetric(interface, 1);
    ip->SetUp(interface);
    ip->SetForwarding(interface, true);
    return interface;
  }

  static void route_down(Ptr<ns3::Node> node, uint32_t position, uint32_t bits, uint32_t v4_interface, uint32_t v6_interface, bool v6) {
    auto routing = ns3::Ipv4StaticRoutingHelper().GetStaticRouting(node->GetObject<ns3::Ipv4>());
    routing->AddNetworkRouteTo(v4_address(position), ns3::Ipv4Mask(0xffffffffu << bits), v4_interface);
    if (v6) {
      auto routing6 = ns3::Ipv6StaticRoutingHelper().GetStaticRouting(node->GetObject<ns3::Ipv6>());
      routing6->AddNetworkRouteTo(v6_address(position), ns3::Ipv6Prefix(static_cast<uint8_t>(128 - bits)), v6_interface);
    }
  }

  static void route_up(Ptr<ns3::Node> node, uint32_t v4_interface, uint32_t v6_interface, bool v6) {
    ns3::Ipv4StaticRoutingHelper().GetStaticRouting(node->GetObject<ns3::Ipv4>())->SetDefaultRoute(ns3::Ipv4Address("0.0.0.0"), v4_interface);
    if (v6) ns3::Ipv6StaticRoutingHelper().GetStaticRouting(node->GetObject<ns3::Ipv6>())->SetDefaultRoute(ns3::Ipv6Address("::"), v6_interface);
  }

  void build_regions() {
    for (uint32_t r = 0; r < plan_.regions.size(); ++r) regions_.push_back({make_node(), r << 18, 18});
    for (uint32_t a = 0; a < regions_.size(); ++a)
      for (uint32_t b = a + 1; b < regions_.size(); ++b) {
        LinkConfig there, back;
        there.delay = plan_.one_way[a][b];
        back.delay = plan_.one_way[b][a];
        const Join made = join(regions_[a].node, there, regions_[b].node, back);
        route_down(regions_[a].node, b << 18, 18, made.a_interface_v4, made.a_interface_v6, topology_.has_v6);
        route_down(regions_[b].node, a << 18, 18, made.b_interface_v4, made.b_interface_v6, topology_.has_v6);
      }
  }

  // The child of `parent` that covers `position` with `bits` of address below it, made when first needed.
  Router& child(std::vector<Router>& known, Router& parent, uint32_t position, uint32_t bits) {
    const uint32_t base = position >> bits << bits;
    for (auto it = known.rbegin(); it != known.rend(); ++it)
      if (it->position == base) return *it;
    Router made{make_node(), base, bits};
    const Join link = join(parent.node, LinkConfig(), made.node, LinkConfig());
    route_down(parent.node, base, bits, link.a_interface_v4, link.a_interface_v6, topology_.has_v6);
    route_up(made.node, link.b_interface_v4, link.b_interface_v6, topology_.has_v6);
    known.push_back(made);
    return known.back();
  }

  void attach_host(size_t index, uint32_t position) {
    const HostPlan& plan = plan_.hosts[index];
    Router& region = regions_[plan.region];
    // Levels only where there are enough hosts to need them: up to some hundred it is host, region, host.
    Router* parent = &region;
    if (!plan.site && region_size(plan.region) > 1024) parent = &child(middles_, *parent, position, 10);
    if (!plan.site && region_size(plan.region) > kMostFlat) parent = &child(aggregates_, *parent, position, 5);
    const bool by_air = plan.site && topology_.air[*plan.site];
    const Ptr<ns3::Node> outer = by_air ? make_station(*plan.site, position) : plan.site ? topology_.links[plan_.site_id(*plan.site).value()].host : parent->node;
    const Join made = attach(index, plan.up, outer, plan.down);
    AccessLink& link = topology_.links[index];
    auto ip = link.host->GetObject<ns3::Ipv4>();
    ip->RemoveAddress(made.a_interface_v4, 0);
    ip->AddAddress(made.a_interface_v4, ns3::Ipv4InterfaceAddress(v4_address(position), ns3::Ipv4Mask("/32")));
    auto routing = ns3::Ipv4StaticRoutingHelper().GetStaticRouting(ip);
    for (uint32_t i = routing->GetNRoutes(); i-- > 0;)
      if (routing->GetRoute(i).GetInterface() == made.a_interface_v4) routing->RemoveRoute(i);
    if (topology_.has_v6)
      link.host->GetObject<ns3::Ipv6>()->AddAddress(made.a_interface_v6, ns3::Ipv6InterfaceAddress(v6_address(position), ns3::Ipv6Prefix(128)));
    route_up(link.host, made.a_interface_v4, made.a_interface_v6, topology_.has_v6);
    route_down(outer, position, 0, made.b_interface_v4, made.b_interface_v6, topology_.has_v6);
    // Up to the region every router knows the way to this one host: hosts of a site have no range of addresses of their own.
    for (std::optional<uint32_t> site = plan.site; site; site = plan_.sites[*site].behind) {
      const AccessLink& way = topology_.links[plan_.site_id(*site).value()];
      route_down(outer_of(*site), position, 0, way.outer_v4, way.outer_v6, topology_.has_v6);
    }
  }

  void attach_site(size_t site) {
    const SitePlan& plan = plan_.sites[site];
    const Join made = attach(plan_.site_id(site).value(), plan.up, outer_of(site), plan.down);
    const AccessLink& link = topology_.links[plan_.site_id(site).value()];
    route_up(link.host, made.a_interface_v4, made.a_interface_v6, topology_.has_v6);
    topology_.air.push_back(nullptr);
    on_air_.emplace_back();
    if (!plan.wifi) return;
    topology_.air.back() = std::make_unique<WifiAir>(*plan.wifi, static_cast<uint32_t>(site), link.host, link.channel);
    on_air_.back() = add_to_air(link.host, topology_.air.back()->access_point());
  }

  // A router that stands with one host of a Wi-Fi cell and talks to the site's over the air: the host's own link ends at it.
  Ptr<ns3::Node> make_station(uint32_t site, uint32_t position) {
    const Ptr<ns3::Node> station = make_node(), base = topology_.links[plan_.site_id(site).value()].host;
    const OnAir here = add_to_air(station, topology_.air[site]->add_station(station)), there = on_air_[site];
    acquaint(station, here, there);
    acquaint(base, there, here);
    ns3::Ipv4StaticRoutingHelper routing;
    routing.GetStaticRouting(station->GetObject<ns3::Ipv4>())->SetDefaultRoute(there.address, here.interface);
    routing.GetStaticRouting(base->GetObject<ns3::Ipv4>())->AddHostRouteTo(v4_address(position), here.address, there.interface);
    return station;
  }
  OnAir add_to_air(Ptr<ns3::Node> node, Ptr<ns3::NetDevice> device) {
    const ns3::Ipv4Address address(next_router_v4_++);
    return {add_v4(node, device, address), address, device->GetAddress()};
  }
  // Who stands there is known beforehand: no ARP on the air, whose answers would take their time.
  static void acquaint(Ptr<ns3::Node> node, const OnAir& here, const OnAir& there) {
    ns3::ArpCache::Entry* entry = node->GetObject<ns3::Ipv4L3Protocol>()->GetInterface(here.interface)->GetArpCache()->Add(there.address);
    entry->SetMacAddress(there.hardware);
    entry->MarkPermanent();
  }
  // What a site's link ends at: the router of the site before it, or the region's.
  Ptr<ns3::Node> outer_of(size_t site) const {
    const SitePlan& plan = plan_.sites[site];
    return plan.behind ? topology_.links[plan_.site_id(*plan.behind).value()].host : regions_[plan.region].node;
  }

  // A new node at the end of a link of the plan.
  Join attach(size_t index, const LinkConfig& up, Ptr<ns3::Node> outer, const LinkConfig& down) {
    AccessLink& link = topology_.links[index];
    link.host = make_node();
    link.up_config = up;
    link.down_config = down;
    const Join made = join(link.host, up, outer, down);
    link.up = made.a;
    link.down = made.b;
    link.channel = made.channel;
    link.outer_v4 = made.b_interface_v4;
    link.outer_v6 = made.b_interface_v6;
    install_disc(link.up, up);
    install_disc(link.down, down);
    return made;
  }

  void shape_by_model() {
    std::vector<HostLinks> models;
    for (uint32_t i = 0; i < topology_.links.size(); ++i)
      for (const bool is_up : {true, false}) {
        if (!has_trace(plan_, HostId(i), is_up)) continue;
        if (models.empty()) models = make_links(plan_);
        AccessLink& link = topology_.links[i];
        (is_up ? link.up : link.down)->SetDataRate(ns3_rate(DataRate::infinite()));
        link.channel->shape(is_up ? 0 : 1, std::move(is_up ? models[i].up : models[i].down));
      }
  }

  void install_disc(Ptr<ns3::NetDevice> device, const LinkConfig& config) {
    const std::string type = disc_type(config.disc);
    if (type.empty()) return;
    ns3::TrafficControlHelper helper;
    helper.SetRootQueueDisc(type);
    const ns3::QueueDiscContainer installed = helper.Install(device);
    const Ptr<ns3::QueueDisc> disc = installed.Get(0);
    disc->SetAttribute("UseEcn", ns3::BooleanValue(config.ecn));
    if (config.disc == QueueDisc::codel) set_codel(*disc, config);
    if (auto pie = ns3::DynamicCast<ns3::PieQueueDisc>(disc)) pie->AssignStreams(static_cast<int64_t>(1'000'000 + joins_));
  }

  uint32_t region_size(uint32_t region) {
    if (sizes_.empty()) {
      sizes_.resize(plan_.regions.size());
      for (const HostPlan& host : plan_.hosts) ++sizes_[host.region];
    }
    return sizes_[region];
  }

  const NetworkPlan& plan_;
  Rng rng_;
  ns3::InternetStackHelper stack_;
  Topology topology_;
  std::vector<Router> regions_, middles_, aggregates_;
  std::vector<uint32_t> sizes_;
  std::vector<OnAir> on_air_;  // the access points, by site
  uint64_t joins_ = 0;
  uint32_t next_router_v4_ = 0xac100001;  // 172.16.0.1 and up: interfaces of routers, never spoken to
};

}  // namespace

ns3::Ipv4Address v4_address(uint32_t position) { return ns3::Ipv4Address(0x0a000000u | position); }

ns3::Ipv6Address v6_address(uint32_t position) {
  uint8_t bytes[16] = {0xfd};
  for (int i = 0; i < 3; ++i) bytes[15 - i] = static_cast<uint8_t>(position >> (8 * i));
  return ns3::Ipv6Address(bytes);
}

std::vector<uint32_t> host_positions(const NetworkPlan& plan) {
  std::vector<uint32_t> next(plan.regions.size(), 0), positions;
  for (const HostPlan& host : plan.hosts) positions.push_back((host.region << 18) | next[host.region]++);
  return positions;
}

Topology build_topology(const NetworkPlan& plan) { return Builder(plan).build(); }

bool has_trace(const NetworkPlan& plan, HostId link, bool is_up) {
  if (plan.link(link, is_up).trace) return true;
  return std::any_of(plan.changes.begin(), plan.changes.end(),
                     [&](const LinkChange& change) { return change.host == link && change.is_up == is_up && change.link.trace; });
}

bool apply_link(AccessLink& link, bool is_up, const LinkConfig& config) {
  auto device = is_up ? link.up : link.down;
  (is_up ? link.up_config : link.down_config) = config;
  device->SetDataRate(ns3_rate(config.rate));
  link.channel->change_direction(is_up ? 0 : 1, config);
  if (config.disc == QueueDisc::codel) return set_codel(*device->GetNode()->GetObject<ns3::TrafficControlLayer>()->GetRootQueueDiscOnDevice(device), config);
  if (config.disc != QueueDisc::drop_tail) return true;
  // ns-3 aborts on a limit below what the queue holds.
  auto queue = device->GetQueue();
  const uint32_t wanted = queue_bytes(config), held = queue->GetNBytes();
  queue->SetMaxSize(ns3::QueueSize(ns3::QueueSizeUnit::BYTES, std::max(wanted, held)));
  return held <= wanted;
}

}  // namespace tacoma::sim
