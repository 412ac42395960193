#include "bench/bare_ns3.h"

#include "ns3/config.h"
#include "ns3/inet-socket-address.h"
#include "ns3/object-factory.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/socket.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/uinteger.h"
#include "sim/ns3/topology.h"

namespace tacoma::bench {

using ns3::Ptr;

namespace {

class Sender {
 public:
  Sender(Ptr<ns3::Socket> socket, const std::vector<uint32_t>& positions) : socket_(socket), positions_(positions) {}
  void add(const SentDatagram& d) { queue_.push_back(d); }
  void start() { plan(); }

 private:
  void plan() {
    if (next_ == queue_.size()) return;
    ns3::Simulator::Schedule(ns3::NanoSeconds(queue_[next_].at_ns) - ns3::Simulator::Now(), &Sender::send, this);
  }
  void send() {
    const int64_t now = ns3::Simulator::Now().GetNanoSeconds();
    for (; next_ < queue_.size() && queue_[next_].at_ns <= now; ++next_)
      socket_->SendTo(ns3::Create<ns3::Packet>(queue_[next_].size), 0, ns3::InetSocketAddress(sim::v4_address(positions_[queue_[next_].to]), 10000));
    plan();
  }
  Ptr<ns3::Socket> socket_;
  const std::vector<uint32_t>& positions_;
  std::vector<SentDatagram> queue_;
  size_t next_ = 0;
};

}  // namespace

BareResult run_bare_ns3(const NetworkPlan& plan, const std::vector<SentDatagram>& sends, double (*clock)()) {
  BareResult result;
  ns3::Config::SetDefault("ns3::UdpSocket::RcvBufSize", ns3::UintegerValue(16u << 20));
  ns3::ObjectFactory scheduler;
  scheduler.SetTypeId("ns3::PriorityQueueScheduler");
  ns3::Simulator::SetScheduler(scheduler);
  {
    sim::Topology topology = sim::build_topology(plan);
    const std::vector<uint32_t> positions = sim::host_positions(plan);
    std::vector<Sender> senders;
    for (size_t i = 0; i < topology.links.size(); ++i) {
      auto socket = ns3::Socket::CreateSocket(topology.links[i].host, ns3::UdpSocketFactory::GetTypeId());
      socket->Bind(ns3::InetSocketAddress(sim::v4_address(positions[i]), 10000));
      socket->SetRecvCallback(ns3::Callback<void, Ptr<ns3::Socket>>([&result](Ptr<ns3::Socket> s) {
        ns3::Address from;
        while (s->RecvFrom(from)) ++result.received;
      }));
      senders.emplace_back(socket, positions);
    }
    for (const SentDatagram& d : sends) senders[d.from].add(d);
    for (const LinkChange& change : plan.changes)
      ns3::Simulator::Schedule(ns3::NanoSeconds(change.at.ns()), ns3::MakeEvent([&topology, change] {
                                 sim::apply_link(topology.links[change.host.value()], change.is_up, change.link);
                               }));
    for (Sender& sender : senders) sender.start();
    const double start = clock();
    ns3::Simulator::Stop(ns3::NanoSeconds(sends.empty() ? 0 : sends.back().at_ns) + ns3::Seconds(1));
    ns3::Simulator::Run();
    result.seconds = clock() - start;
  }
  ns3::Simulator::Destroy();
  return result;
}

}  // namespace tacoma::bench
