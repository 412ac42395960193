#include "sim/ns3/access_channel.h"

#include <algorithm>

#include "ns3/packet.h"
#include "ns3/simulator.h"

namespace tacoma::sim {

namespace {
constexpr int64_t kPppBytes = 2;  // the device's framing; rates of a plan count IP packets
}

NS_OBJECT_ENSURE_REGISTERED(AccessChannel);

ns3::TypeId AccessChannel::GetTypeId() {
  static ns3::TypeId id = ns3::TypeId("tacoma::AccessChannel").SetParent<ns3::PointToPointChannel>().AddConstructor<AccessChannel>();
  return id;
}

void AccessChannel::set_direction(uint32_t from_end, const LinkConfig& config, Rng rng) {
  directions_[from_end].config = config;
  directions_[from_end].chance = LossProcess(rng);
}

bool AccessChannel::TransmitStart(ns3::Ptr<const ns3::Packet> packet, ns3::Ptr<ns3::PointToPointNetDevice> source, ns3::Time tx_time) {
  const uint32_t from = source == GetSource(0) ? 0 : 1;
  Direction& direction = directions_[from];
  if (direction.model) {
    const Instant sent = Instant::at(Duration::nanoseconds(ns3::Simulator::Now().GetNanoSeconds()));
    const LinkVerdict verdict = direction.model->offer(sent, packet->GetSize() - kPppBytes);
    if (verdict.delivered) deliver(from, packet, (verdict.arrival - sent).ns());
    return true;
  }
  ++direction.meter.packets;
  direction.meter.bytes += static_cast<uint64_t>(packet->GetSize() - kPppBytes);
  // A cut link (rate zero) takes packets and loses them: its queue could hold none anyway.
  if (direction.config.rate.bps() == 0 || direction.chance.lost(direction.config)) {
    ++direction.meter.loss_drops;
    return true;
  }
  const int64_t now = ns3::Simulator::Now().GetNanoSeconds();
  const int64_t arrival = now + tx_time.GetNanoSeconds() + direction.config.delay.ns() + direction.chance.jitter(direction.config).ns();
  if (direction.config.jitter_shape == JitterShape::gaussian) direction.last_arrival_ns += tx_time.GetNanoSeconds();
  direction.last_arrival_ns = std::max(direction.last_arrival_ns, arrival);
  deliver(from, packet, direction.last_arrival_ns - now);
  return true;
}

void AccessChannel::deliver(uint32_t from, ns3::Ptr<const ns3::Packet> packet, int64_t after_ns) {
  const auto destination = GetDestination(from);
  ns3::Simulator::ScheduleWithContext(destination->GetNode()->GetId(), ns3::NanoSeconds(after_ns),
                                      &ns3::PointToPointNetDevice::Receive, destination, packet->Copy());
}

}  // namespace tacoma::sim
