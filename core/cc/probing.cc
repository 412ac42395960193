#include "core/cc/probing.h"

#include <algorithm>

namespace tacoma {

namespace {
constexpr uint32_t kPackets = 5;
constexpr Duration kLength = Duration::milliseconds(15);

DataRate times(DataRate rate, double factor) { return DataRate::bps(static_cast<int64_t>(static_cast<double>(rate.bps()) * factor)); }
}  // namespace

void ProbePlan::add(Instant now, DataRate rate, std::vector<ProbeCluster>& out) {
  ProbeCluster cluster;
  cluster.id = next_id_;
  next_id_ = next_id_ % 0x3fffffffu + 1;  // the sent history keeps 30 bits
  cluster.rate = std::min(rate, limits_.highest);
  cluster.packets = kPackets;
  cluster.size = std::max(cluster.rate * kLength, DataSize::bytes(kPackets * 200));
  out.push_back(cluster);
  last_probe_ = now;
  last_rate_ = cluster.rate;
}

void ProbePlan::on_tick(Instant now, DataRate target, DataRate wanted, bool congested, std::vector<ProbeCluster>& out) {
  wanted_ = wanted;
  if (!started_) {
    started_ = true;
    exponential_ = true;
    add(now, times(limits_.start, 3), out);
    add(now, times(limits_.start, 6), out);
    return;
  }
  if (congested) return;
  if (recover_to_ && now - recover_from_ > kEvery) recover_to_.reset();
  // Right after a drop the queue drains; then one try to get back most of what was lost.
  if (recover_to_ && now - recover_from_ > Duration::milliseconds(500) && target < times(*recover_to_, 0.8)) {
    add(now, times(*recover_to_, 0.85), out);
    recover_to_.reset();
    return;
  }
  if (now - last_probe_ < kEvery || wanted <= target) return;
  exponential_ = false;
  add(now, std::min(times(target, 2), times(wanted, 1.1)), out);
}

void ProbePlan::on_measured(Instant now, DataRate measured, std::vector<ProbeCluster>& out) {
  if (!exponential_ || now - last_probe_ > Duration::seconds(1)) return;
  // At the start: while 70 % of what was tried got through, try twice of that.
  if (measured > times(last_rate_, 0.7) && last_rate_ < limits_.highest && (wanted_ == DataRate::zero() || measured < wanted_)) add(now, times(measured, 2), out);
  else if (measured < times(last_rate_, 0.7)) exponential_ = false;
}

void ProbePlan::on_large_drop(Instant now, DataRate before) {
  recover_to_ = before;
  recover_from_ = now;
}

std::optional<DataRate> ProbeMeter::on_packet(const PacketResult& packet) {
  if (packet.probe == 0 || !packet.received) return std::nullopt;
  auto found = std::find_if(clusters_.begin(), clusters_.end(), [&](const Cluster& c) { return c.id == packet.probe; });
  if (found == clusters_.end()) {
    if (clusters_.size() == kClusters) clusters_.erase(clusters_.begin());
    Cluster made;
    made.id = packet.probe;
    made.first_sent = made.last_sent = packet.sent;
    made.first_arrival = made.last_arrival = packet.arrival;
    made.first_bytes = packet.size.bytes();
    clusters_.push_back(made);
    found = clusters_.end() - 1;
  }
  Cluster& c = *found;
  ++c.packets;
  c.bytes += packet.size.bytes();
  if (packet.sent >= c.last_sent) { c.last_sent = packet.sent; c.last_bytes = packet.size.bytes(); }
  if (packet.arrival < c.first_arrival) { c.first_arrival = packet.arrival; c.first_bytes = packet.size.bytes(); }
  c.last_arrival = std::max(c.last_arrival, packet.arrival);
  // Four of five packets are enough: one may be lost.
  if (c.reported || c.packets < 4) return std::nullopt;
  const Duration send_span = c.last_sent - c.first_sent, arrival_span = c.last_arrival - c.first_arrival;
  if (send_span <= Duration::zero() || arrival_span <= Duration::zero() || send_span > Duration::seconds(1) || arrival_span > Duration::seconds(1))
    return std::nullopt;
  // The last packet's bytes were not part of the time in which the others left, the first's not of that in which they came.
  const DataRate sent = DataSize::bytes(c.bytes - c.last_bytes) / send_span;
  const DataRate arrived = DataSize::bytes(c.bytes - c.first_bytes) / arrival_span;
  if (static_cast<double>(arrived.bps()) > 2.0 * static_cast<double>(sent.bps())) return std::nullopt;  // compressed on the way
  c.reported = c.packets >= kPackets;
  const DataRate found_rate = std::min(sent, arrived);
  // It arrived slower than it was sent: that is the link, and a little less leaves room to drain.
  return static_cast<double>(arrived.bps()) < 0.9 * static_cast<double>(sent.bps()) ? times(arrived, 0.95) : found_rate;
}

}  // namespace tacoma
