#include "core/cc/probing.h"

#include <algorithm>

#include "core/cc/sent_history.h"

namespace tacoma {

namespace {
constexpr uint32_t kPackets = 5;
constexpr Duration kLength = Duration::milliseconds(15);

DataRate times(DataRate rate, double factor) { return DataRate::bps(static_cast<int64_t>(static_cast<double>(rate.bps()) * factor)); }
}  // namespace

void ProbePlan::add(Instant now, DataRate rate, std::vector<ProbeCluster>& out) {
  ProbeCluster cluster;
  cluster.id = next_id_;
  next_id_ = next_id_ % SentHistory::kMaxProbe + 1;
  cluster.rate = std::min(rate, limits_.highest);
  cluster.packets = kPackets;
  cluster.size = std::max(cluster.rate * kLength, DataSize::bytes(kPackets * 200));
  out.push_back(cluster);
  last_probe_ = now;
  last_rate_ = cluster.rate;
  next_at_ = Instant::never();
  ++unanswered_;
  wanted_then_ = wanted_;
}

void ProbePlan::on_tick(Instant now, const State& state, std::vector<ProbeCluster>& out) {
  wanted_ = state.wanted;
  if (recover_to_ && now - recover_from_ > kRecovery) recover_to_.reset();
  if (state.wanted <= state.target) return;
  const DataRate most = times(state.wanted, 2);
  if (!started_) {
    started_ = true;
    add(now, std::min(times(limits_.start, 3), most), out);
    if (times(limits_.start, 3) < most) add(now, std::min(times(limits_.start, 6), most), out);
    return;
  }
  if (state.congested) return;
  // Right after a drop the queue drains; then one try to get back most of what was lost.
  if (recover_to_ && now - recover_from_ > kAfterDrop && state.target < times(*recover_to_, 0.85)) {
    add(now, std::min(times(*recover_to_, 0.95), most), out);
    recover_to_.reset();
    return;
  }
  if (state.full_lately) return;
  const bool want_grew = state.wanted > times(wanted_then_, 1.5) && now - last_probe_ > kAfterWant;
  const bool goes_on = !next_at_.is_never() && now >= next_at_;
  const Duration by_steps = unanswered_ > 0 && unanswered_ <= kMostUnanswered ? kUnanswered : kEveryInSteps;
  if (!want_grew && !goes_on && now - last_probe_ < (state.in_steps ? by_steps : state.limited ? kEveryLimited : kEvery)) return;
  add(now, std::min(times(state.target, 2), times(state.wanted, 1.1)), out);
}

void ProbePlan::on_measured(Instant now, DataRate measured, std::vector<ProbeCluster>& out) {
  unanswered_ = 0;
  // While 70 % of what was tried got through, and it is not enough, try twice of that.
  if (now - last_probe_ > Duration::seconds(1) || measured < times(last_rate_, 0.7) || last_rate_ >= limits_.highest || measured >= wanted_) return;
  add(now, std::min(times(measured, 2), times(wanted_, 2)), out);
}

void ProbePlan::on_believed(Instant again, DataRate believed, DataRate measured) {
  unanswered_ = 0;
  if (measured >= times(last_rate_, 0.7) && believed < wanted_) go_on(again);
}

void ProbePlan::on_large_drop(Instant now, DataRate before) {
  recover_to_ = before;
  recover_from_ = now;
}

void ProbeMeter::expect(const ProbeCluster& cluster) {
  if (clusters_.size() == kClusters) clusters_.erase(clusters_.begin());
  Cluster made;
  made.id = cluster.id;
  // Four of five are enough: something may be lost.
  made.least_packets = cluster.packets * 4 / 5;
  made.least_bytes = cluster.size.bytes() * 4 / 5;
  clusters_.push_back(made);
}

std::optional<ProbeResult> ProbeMeter::on_packet(const PacketResult& packet) {
  if (packet.probe == 0 || !packet.received) return std::nullopt;
  const auto found = std::find_if(clusters_.begin(), clusters_.end(), [&](const Cluster& c) { return c.id == packet.probe; });
  if (found == clusters_.end() || found->reported) return std::nullopt;
  Cluster& c = *found;
  if (c.packets == 0) {
    c.first_sent = c.last_sent = packet.sent;
    c.first_arrival = c.last_arrival = packet.arrival;
    c.first_bytes = packet.size.bytes();
  }
  ++c.packets;
  c.bytes += packet.size.bytes();
  if (packet.sent >= c.last_sent) { c.last_sent = packet.sent; c.last_bytes = packet.size.bytes(); }
  if (packet.arrival < c.first_arrival) { c.first_arrival = packet.arrival; c.first_bytes = packet.size.bytes(); }
  c.last_arrival = std::max(c.last_arrival, packet.arrival);
  if (c.packets < c.least_packets || c.bytes < c.least_bytes) return std::nullopt;
  c.reported = true;
  const Duration send_span = c.last_sent - c.first_sent, arrival_span = c.last_arrival - c.first_arrival;
  if (send_span <= Duration::zero() || arrival_span <= Duration::zero() || send_span > Duration::seconds(1) || arrival_span > Duration::seconds(1))
    return std::nullopt;
  // The last packet's bytes were not part of the time in which the others left, the first's not of that in which they came.
  const DataRate sent = DataSize::bytes(c.bytes - c.last_bytes) / send_span;
  const DataRate arrived = DataSize::bytes(c.bytes - c.first_bytes) / arrival_span;
  // Compressed on the way; by the times, too, since the rates count different packets: a large one of media behind small ones is no compression.
  if (arrived.bps() > 2 * sent.bps() && arrival_span * 4 < send_span * 3) return std::nullopt;
  const DataRate found_rate = std::min(sent, arrived);
  // It arrived slower than it was sent: that is the link, and a little less leaves room to drain.
  const bool full = static_cast<double>(arrived.bps()) < 0.9 * static_cast<double>(sent.bps());
  return ProbeResult{full ? times(arrived, 0.95) : found_rate, full};
}

}  // namespace tacoma
