#include "sim/ns3/ns3_world.h"

#include <algorithm>

#include "ns3/boolean.h"
#include "ns3/config.h"
#include "ns3/inet-socket-address.h"
#include "ns3/inet6-socket-address.h"
#include "ns3/object-factory.h"
#include "ns3/packet.h"
#include "ns3/queue-disc.h"
#include "ns3/queue.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/socket.h"
#include "ns3/string.h"
#include "ns3/tcp-cubic.h"
#include "ns3/traffic-control-layer.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/udp-socket.h"
#include "ns3/uinteger.h"
#include "core/base/host_links.h"
#include "core/base/message_streams.h"
#include "sim/ns3/tcp_flows.h"
#include "sim/ns3/tcp_streams.h"
#include "sim/ns3/topology.h"

namespace tacoma {

using namespace sim;
using ns3::Ptr;
using ns3::Simulator;

namespace {

constexpr uint16_t kUdpPort = 10000;
bool g_world_exists = false;  // ns-3's simulation is global, so this rule is too

Instant simulated_now() { return Instant::at(Duration::nanoseconds(Simulator::Now().GetNanoSeconds())); }

// ns-3's defaults are made for short experiments; these are what a current Linux host does.
void set_defaults(uint64_t seed) {
  ns3::RngSeedManager::SetSeed(static_cast<uint32_t>(seed % 0xfffffffeu) + 1);
  ns3::RngSeedManager::SetRun(1);
  ns3::Config::SetDefault("ns3::UdpSocket::RcvBufSize", ns3::UintegerValue(16u << 20));
  ns3::Config::SetDefault("ns3::TcpSocket::SegmentSize", ns3::UintegerValue(1448));
  ns3::Config::SetDefault("ns3::TcpSocket::InitialCwnd", ns3::UintegerValue(10));
  ns3::Config::SetDefault("ns3::TcpSocket::SndBufSize", ns3::UintegerValue(262'144));
  ns3::Config::SetDefault("ns3::TcpSocket::RcvBufSize", ns3::UintegerValue(262'144));
  ns3::Config::SetDefault("ns3::TcpSocket::ConnTimeout", ns3::TimeValue(ns3::Seconds(1)));
  ns3::Config::SetDefault("ns3::TcpSocket::DelAckTimeout", ns3::TimeValue(ns3::MilliSeconds(40)));
  ns3::Config::SetDefault("ns3::TcpSocketBase::MinRto", ns3::TimeValue(ns3::MilliSeconds(200)));
  ns3::Config::SetDefault("ns3::TcpL4Protocol::SocketType", ns3::TypeIdValue(ns3::TcpCubic::GetTypeId()));
  // Routers are never spoken to: no search of all their interfaces for each packet that they forward.
  ns3::Config::SetDefault("ns3::Ipv4::WeakEsModel", ns3::BooleanValue(false));
  ns3::Config::SetDefault("ns3::Icmpv6L4Protocol::DAD", ns3::BooleanValue(false));
  ns3::ObjectFactory scheduler;
  scheduler.SetTypeId("ns3::PriorityQueueScheduler");
  Simulator::SetScheduler(scheduler);
}

class Ns3World final : public World, private StreamOwner, private MessageStreams::Ends {
 public:
  Ns3World(const NetworkPlan& plan, const WorldOptions& options) : plan_(plan), tap_(options.tap), positions_(host_positions(plan)) {
    set_defaults(plan.seed);
    topology_ = build_topology(plan_);
    hosts_.resize(plan_.hosts.size());
    for (uint32_t i = 0; i < hosts_.size(); ++i) open_sockets(HostId(i));
    for (uint32_t i = 0; i < topology_.links.size(); ++i) {
      watch_queue(HostId(i), true);
      watch_queue(HostId(i), false);
    }
    std::vector<Ptr<ns3::Node>> nodes;
    std::vector<ns3::Ipv4Address> addresses;
    for (uint32_t i = 0; i < hosts_.size(); ++i) {
      nodes.push_back(topology_.links[i].host);
      addresses.push_back(v4_address(positions_[i]));
    }
    flows_ = make_tcp_flows(plan_, nodes, addresses);
    for (const LinkChange& change : plan_.changes)
      if (!topology_.links[change.host.value()].channel->is_shaped(change.is_up ? 0 : 1)) Simulator::Schedule(ns3::NanoSeconds(change.at.ns()), &Ns3World::apply_change, this, change);
  }

  ~Ns3World() override {
    for (Host& host : hosts_)
      for (auto& socket : {host.udp_v4, host.udp_v6})
        if (socket) socket->SetRecvCallback(ns3::MakeNullCallback<void, Ptr<ns3::Socket>>());
    streams_.reset();
    flows_.clear();
    outbox_.clear();
    hosts_.clear();
    topology_ = Topology();
    Simulator::Destroy();
    g_world_exists = false;
    PacketPool::retire(std::move(pool_));
  }

  SocketAddress address(HostId host, IpFamily family) const override {
    SocketAddress address;
    address.port = kUdpPort;
    address.ip.family = family;
    const uint32_t position = positions_[host.value()];
    if (family == IpFamily::v4) v4_address(position).Serialize(address.ip.bytes.data());
    else v6_address(position).Serialize(address.ip.bytes.data());
    return address;
  }

  void attach(HostId id, Process* process) override {
    Host& host = hosts_[id.value()];
    if (host.process) {
      messages_.host_gone(id);
      streams_->close_all(id);
    }
    host.process = process;
    host.wake_at = Instant::never();
    host.inbox.clear();
    ++host.life;
    if (!process) return;
    const uint32_t life = host.life;
    schedule(id, Duration::zero(), [this, id, life] {
      if (hosts_[id.value()].life == life) call(id, [](Process& p, Instant now, Outbox& out) { p.start(now, out); });
    });
  }

  void listen(HostId host, std::string service) override {
    streams_->listen(host, topology_.links[host.value()].host, service, v4_address(positions_[host.value()]));
  }

  void run_until(Instant end) override {
    Simulator::Stop(ns3::NanoSeconds((end - simulated_now()).ns()));
    Simulator::Run();
  }

  Instant now() const override { return simulated_now(); }

  void inspect(HostId host, const std::function<void(Process&, Instant, Outbox&)>& look) override {
    if (hosts_[host.value()].process) call(host, look);
  }

  void sample_links(std::vector<LinkSample>& out) override {
    for (uint32_t i = 0; i < topology_.links.size(); ++i)
      for (const bool is_up : {true, false}) {
        AccessLink& link = topology_.links[i];
        read_model(link, is_up ? 0 : 1);
        LinkMeter& meter = link.channel->meter(is_up ? 0 : 1);
        stats_.drops.count(Drop::queue_full, meter.queue_drops);
        stats_.drops.count(Drop::link_loss, meter.loss_drops);
        LinkSample sample;
        sample.host = HostId(i);
        sample.is_up = is_up;
        sample.rate = link.channel->is_shaped(is_up ? 0 : 1) ? link.channel->model(is_up ? 0 : 1).rate_at(simulated_now())
                                                             : (is_up ? link.up_config : link.down_config).rate;
        sample.packets = meter.packets;
        sample.bytes = meter.bytes;
        sample.queue_drops = meter.queue_drops;
        sample.loss_drops = meter.loss_drops;
        sample.queue_max = Duration::nanoseconds(meter.queue_max_ns);
        sample.marked = meter.marked;
        out.push_back(sample);
        meter = LinkMeter();
      }
  }

  bool has_own_tcp() const override { return true; }
  void sample_flows(std::vector<FlowSample>& out) override {
    for (uint32_t i = 0; i < flows_.size(); ++i) {
      if (!flows_[i]) continue;
      FlowSample sample;
      sample.flow = i;
      flows_[i]->take_sample(sample);
      out.push_back(sample);
    }
  }

  WorldStats stats() override {
    WorldStats now = stats_;
    for (AccessLink& link : topology_.links)
      for (uint32_t end : {0u, 1u}) {
        read_model(link, end);
        now.drops.count(Drop::queue_full, link.channel->meter(end).queue_drops);
        now.drops.count(Drop::link_loss, link.channel->meter(end).loss_drops);
      }
    return now;
  }

 private:
  struct Host {
    Process* process = nullptr;
    Ptr<ns3::Socket> udp_v4, udp_v6;
    std::vector<Datagram> inbox;
    Instant wake_at = Instant::never();
    uint32_t life = 0;  // counts processes, so that events of a dead one find out
  };

  // What a shaped link counted goes to its meter, as that of the others.
  static void read_model(AccessLink& link, uint32_t end) {
    if (!link.channel->is_shaped(end)) return;
    const LinkModel::Counts counts = link.channel->model(end).take_counts(simulated_now());
    LinkMeter& meter = link.channel->meter(end);
    meter.packets += counts.packets;
    meter.bytes += counts.bytes;
    meter.queue_drops += counts.queue_drops;
    meter.loss_drops += counts.loss_drops;
    meter.queue_max_ns = std::max(meter.queue_max_ns, counts.queue_max.ns());
    meter.marked += counts.marked;
  }

  template <typename Action>
  void schedule(HostId id, Duration after, Action action) {
    Simulator::ScheduleWithContext(topology_.links[id.value()].host->GetId(), ns3::NanoSeconds(after.ns()), action);
  }

  void open_sockets(HostId id) {
    Host& host = hosts_[id.value()];
    const auto make = [&](const ns3::Address& local) {
      auto socket = ns3::Socket::CreateSocket(topology_.links[id.value()].host, ns3::UdpSocketFactory::GetTypeId());
      TACOMA_ASSERT(socket->Bind(local) == 0);
      socket->SetIpRecvTos(true);
      socket->SetIpv6RecvTclass(true);
      socket->SetRecvCallback(ns3::Callback<void, Ptr<ns3::Socket>>([this, id](Ptr<ns3::Socket> s) { receive(id, s); }));
      return socket;
    };
    host.udp_v4 = make(ns3::InetSocketAddress(v4_address(positions_[id.value()]), kUdpPort));
    if (topology_.has_v6) host.udp_v6 = make(ns3::Inet6SocketAddress(v6_address(positions_[id.value()]), kUdpPort));
  }

  // The longest wait, as what is queued over the rate (drop tail) or as the disc's own sojourn time.
  void watch_queue(HostId id, bool is_up) {
    AccessLink& link = topology_.links[id.value()];
    Ptr<ns3::PointToPointNetDevice> device = is_up ? link.up : link.down;
    LinkMeter* meter = &link.channel->meter(is_up ? 0 : 1);
    const LinkConfig* config = is_up ? &link.up_config : &link.down_config;
    auto control = device->GetNode()->GetObject<ns3::TrafficControlLayer>();
    if (auto disc = config->disc == QueueDisc::drop_tail ? nullptr : control->GetRootQueueDiscOnDevice(device)) {
      disc->TraceConnectWithoutContext("SojournTime", ns3::Callback<void, ns3::Time>([meter](ns3::Time wait) {
                                         meter->queue_max_ns = std::max(meter->queue_max_ns, wait.GetNanoSeconds());
                                       }));
      disc->TraceConnectWithoutContext("Drop", ns3::Callback<void, Ptr<const ns3::QueueDiscItem>>([meter](Ptr<const ns3::QueueDiscItem>) {
                                         ++meter->queue_drops;
                                       }));
      disc->TraceConnectWithoutContext("Mark", ns3::Callback<void, Ptr<const ns3::QueueDiscItem>, const char*>([meter](Ptr<const ns3::QueueDiscItem>, const char*) {
                                         ++meter->marked;
                                       }));
      return;
    }
    auto queue = device->GetQueue();
    ns3::Queue<ns3::Packet>* raw = ns3::PeekPointer(queue);
    queue->TraceConnectWithoutContext("Enqueue", ns3::Callback<void, Ptr<const ns3::Packet>>([meter, raw, config](Ptr<const ns3::Packet>) {
                                        if (config->rate.is_infinite() || config->rate.bps() == 0) return;
                                        const Duration wait = DataSize::bytes(raw->GetNBytes()) / config->rate;
                                        meter->queue_max_ns = std::max(meter->queue_max_ns, wait.ns());
                                      }));
    queue->TraceConnectWithoutContext("Drop", ns3::Callback<void, Ptr<const ns3::Packet>>([meter](Ptr<const ns3::Packet>) { ++meter->queue_drops; }));
  }

  void apply_change(LinkChange change) {
    if (!apply_link(topology_.links[change.host.value()], change.is_up, change.link))
      Simulator::Schedule(ns3::MilliSeconds(20), &Ns3World::tighten_queue, this, change);
  }

  void tighten_queue(LinkChange change) {
    const AccessLink& link = topology_.links[change.host.value()];
    if (!((change.is_up ? link.up_config : link.down_config) == change.link)) return;  // changed again meanwhile
    apply_change(change);
  }

  SocketAddress from_ns3(const ns3::Address& address) const {
    SocketAddress out;
    if (ns3::InetSocketAddress::IsMatchingType(address)) {
      const auto v4 = ns3::InetSocketAddress::ConvertFrom(address);
      v4.GetIpv4().Serialize(out.ip.bytes.data());
      out.port = v4.GetPort();
    } else {
      const auto v6 = ns3::Inet6SocketAddress::ConvertFrom(address);
      v6.GetIpv6().Serialize(out.ip.bytes.data());
      out.ip.family = IpFamily::v6;
      out.port = v6.GetPort();
    }
    return out;
  }

  // The codepoint travels as a tag between socket and IP.
  static void set_ecn(ns3::Packet& packet, bool v4, Ecn ecn) {
    if (ecn == Ecn::not_ect) return;
    ns3::SocketIpTosTag v4_tag;
    ns3::SocketIpv6TclassTag v6_tag;
    v4_tag.SetTos(static_cast<uint8_t>(ecn));
    v6_tag.SetTclass(static_cast<uint8_t>(ecn));
    if (v4) packet.AddPacketTag(v4_tag);
    else packet.AddPacketTag(v6_tag);
  }
  static Ecn ecn_of(const ns3::Packet& packet) {
    ns3::SocketIpTosTag v4_tag;
    ns3::SocketIpv6TclassTag v6_tag;
    if (packet.PeekPacketTag(v4_tag)) return static_cast<Ecn>(v4_tag.GetTos() & 3);
    return packet.PeekPacketTag(v6_tag) ? static_cast<Ecn>(v6_tag.GetTclass() & 3) : Ecn::not_ect;
  }

  void receive(HostId id, Ptr<ns3::Socket> socket) {
    Host& host = hosts_[id.value()];
    ns3::Address from;
    while (Ptr<ns3::Packet> packet = socket->RecvFrom(from)) {
      if (!host.process) {
        stats_.drops.count(Drop::host_down);
        continue;
      }
      PacketRef slot = pool_->make(packet->GetSize());
      if (!slot) {
        stats_.drops.count(Drop::pool_exhausted);
        continue;
      }
      packet->CopyData(slot.mutable_bytes().data(), packet->GetSize());
      Datagram datagram;
      datagram.from = from_ns3(from);
      datagram.to = address(id, datagram.from.ip.family);
      datagram.arrived = simulated_now();
      datagram.ecn = ecn_of(*packet);
      ++stats_.datagrams_delivered;
      if (tap_) tap_->delivered(datagram.arrived, id, datagram.from, datagram.to, slot.bytes());
      datagram.packet = std::move(slot);
      host.inbox.push_back(std::move(datagram));
    }
    if (host.inbox.empty()) return;
    call(id, [&host](Process& process, Instant now, Outbox& out) { process.on_datagrams(now, Span<Datagram>(host.inbox), out); });
    host.inbox.clear();
  }

  bool accepts(HostId host) override { return hosts_[host.value()].process != nullptr; }

  void stream_event(HostId id, const StreamEvent& event) override { messages_.on_event(simulated_now(), id, event); }
  void open_bytes(Instant, HostId id, StreamId stream, const std::string& service) override {
    streams_->open(id, topology_.links[id.value()].host, stream, service);
  }
  void write_bytes(Instant, HostId id, StreamId stream, BytesView bytes) override { streams_->write(id, stream, bytes); }
  void close_bytes(Instant, HostId id, StreamId stream) override { streams_->close(id, stream); }

  void tell(HostId id, const StreamEvent& event) override {
    if (!hosts_[id.value()].process) return;
    call(id, [&event](Process& process, Instant now, Outbox& out) { process.on_stream(now, event, out); });
  }

  // The one place where a process is called: then what it wants is carried out and its deadline read.
  template <typename Action>
  void call(HostId id, const Action& action) {
    TACOMA_ASSERT(!in_call_);
    Host& host = hosts_[id.value()];
    const Instant now = simulated_now();
    in_call_ = true;
    action(*host.process, now, outbox_);
    in_call_ = false;
    carry_out(id, now);
    plan_wake(id, now);
  }

  void carry_out(HostId id, Instant now) {
    Host& host = hosts_[id.value()];
    for (Outbox::Send& send : outbox_.sends()) {
      if (!send.packet) {
        stats_.drops.count(Drop::pool_exhausted);
        continue;
      }
      const bool v4 = send.to.ip.family == IpFamily::v4;
      Ptr<ns3::Socket> socket = v4 ? host.udp_v4 : host.udp_v6;
      ++stats_.datagrams_sent;
      const BytesView bytes = send.packet.bytes();
      if (tap_) tap_->sent(now, id, address(id, send.to.ip.family), send.to, bytes);
      int sent = -1;
      if (socket) {
        auto packet = ns3::Create<ns3::Packet>(bytes.data(), static_cast<uint32_t>(bytes.size()));
        set_ecn(*packet, v4, send.ecn);
        sent = v4 ? socket->SendTo(packet, 0, ns3::InetSocketAddress(ns3::Ipv4Address::Deserialize(send.to.ip.bytes.data()), send.to.port))
                  : socket->SendTo(packet, 0, ns3::Inet6SocketAddress(ns3::Ipv6Address::Deserialize(send.to.ip.bytes.data()), send.to.port));
      }
      if (sent < 0) stats_.drops.count(Drop::no_route);
    }
    outbox_.sends().clear();
    if (outbox_.stream_ops().empty()) return outbox_.clear();
    // A stream may answer at once and call a process again, which fills the outbox: work from a copy.
    const Outbox ops = std::exchange(outbox_, Outbox(*pool_));
    for (const Outbox::StreamOp& op : ops.stream_ops()) {
      if (tap_ && op.kind == Outbox::StreamOp::Kind::write) tap_->stream_written(now, id, op.id, ops.stream_bytes(op));
      messages_.carry_out(now, id, ops, op);
    }
  }

  void plan_wake(HostId id, Instant now) {
    Host& host = hosts_[id.value()];
    if (!host.process) return;
    const Instant at = std::max(host.process->deadline().at, now);
    // An earlier wake that is no longer wanted fires and finds nothing to do: cheaper than cancelling.
    if (at.is_never() || at >= host.wake_at) return;
    host.wake_at = at;
    const uint32_t life = host.life;
    schedule(id, at - now, [this, id, at, life] { wake(id, at, life); });
  }

  void wake(HostId id, Instant at, uint32_t life) {
    Host& host = hosts_[id.value()];
    if (host.life != life || host.wake_at != at) return;
    host.wake_at = Instant::never();
    if (host.process->deadline().at > at) return plan_wake(id, at);
    call(id, [](Process& process, Instant now, Outbox& out) { process.on_deadline(now, out); });
    assert_deadline_advanced(plan_.hosts[id.value()].name, host.process->deadline(), at);
  }

  const NetworkPlan plan_;
  Tap* tap_;
  std::vector<uint32_t> positions_;
  std::unique_ptr<PacketPool> pool_ = std::make_unique<PacketPool>();
  Outbox outbox_{*pool_};
  WorldStats stats_;
  Topology topology_;
  std::vector<std::unique_ptr<TcpFlow>> flows_;
  std::vector<Host> hosts_;
  std::unique_ptr<TcpStreams> streams_ = std::make_unique<TcpStreams>(static_cast<StreamOwner&>(*this), stats_.drops);
  MessageStreams messages_{*this};
  bool in_call_ = false;
};

}  // namespace

Result<std::unique_ptr<World>> make_ns3_world(const NetworkPlan& plan, const WorldOptions& options) {
  if (g_world_exists) return fail("ns-3 keeps one global simulation: another ns-3 world exists in this program");
  if (auto checked = check_network(plan, false); !checked) return fail(checked.error());
  if (plan.regions.size() > kMaxRegions)
    return fail("the ns-3 world addresses " + std::to_string(kMaxRegions) + " regions; this plan has " + std::to_string(plan.regions.size()));
  std::vector<uint32_t> sizes(plan.regions.size());
  for (const HostPlan& host : plan.hosts)
    if (++sizes[host.region] > kHostsPerRegion)
      return fail("the ns-3 world addresses " + std::to_string(kHostsPerRegion) + " hosts a region; " + plan.regions[host.region] + " has more");
  for (const LinkChange& change : plan.changes) {
    if (plan.link(change.host, change.is_up).disc != change.link.disc || plan.link(change.host, change.is_up).ecn != change.link.ecn)
      return fail("the link of " + plan.link_name(change.host) + " changes its queue disc during the run, which the ns-3 world cannot do");
  }
  g_world_exists = true;
  return std::unique_ptr<World>(new Ns3World(plan, options));
}

}  // namespace tacoma
