#include "core/cc/send_side.h"

#include <algorithm>

namespace tacoma {

std::optional<Congestion> parse_congestion(std::string_view name) {
  for (const Congestion c : {Congestion::gcc, Congestion::nada, Congestion::none})
    if (to_string(c) == name) return c;
  return std::nullopt;
}

std::string_view to_string(Congestion congestion) {
  switch (congestion) {
    case Congestion::gcc: return "gcc";
    case Congestion::nada: return "nada";
    case Congestion::none: break;
  }
  return "none";
}

SendSide::SendSide(Congestion congestion, const RateLimits& limits) : limits_(limits) {
  if (congestion == Congestion::gcc) controller_ = make_gcc(limits);
  else if (congestion == Congestion::nada) controller_ = make_nada(limits);
  if (controller_) pacing_ = DataRate::bps(limits.start.bps() * 5 / 2);
}

void SendSide::take(const RateUpdate& update) {
  pacing_ = update.pacing;
  for (const ProbeCluster& cluster : update.probes)
    if (probes_.size() < kMaxProbes) probes_.push({cluster, Instant::never(), DataSize::zero(), 0});
}

void SendSide::on_sent(Instant now, DataSize size) {
  uint32_t id = 0;
  if (!probes_.empty() && !probes_.front().begun.is_never()) {
    Probe& probe = probes_.front();
    id = probe.cluster.id;
    probe.sent += size;
    ++probe.packets;
    if (probe.sent >= probe.cluster.size && probe.packets >= probe.cluster.packets) probes_.pop();
  }
  history_.on_sent(now, size, id);
  last_sent_ = now;
  if (controller_ && next_tick_.is_never()) next_tick_ = now + kTick;
}

uint64_t SendSide::on_feedback(Instant now, Span<const TransportStatus> statuses, std::vector<PacketResult>& scratch) {
  const uint64_t unknown = history_.on_feedback(now, statuses, scratch);
  if (scratch.empty()) return unknown;
  heard_feedback_ = true;
  for (const PacketResult& packet : scratch) loss_ += ((packet.received ? 0.0 : 1.0) - loss_) / 200;
  if (!controller_) return unknown;
  if (history_.feedback_round_trip() > Duration::zero()) controller_->on_round_trip(history_.feedback_round_trip());
  take(controller_->on_feedback({now, scratch}));
  take(controller_->on_tick(now));
  next_tick_ = now + kTick;
  return unknown;
}

uint64_t SendSide::on_feedback(Instant now, const CcfbReport& report, Span<const CcfbStatus> statuses, std::vector<PacketResult>& scratch) {
  if (!ecn_) return statuses.size();
  const uint64_t unknown = ecn_->read(report, statuses);
  return unknown + on_feedback(now, ecn_->joined(), scratch);
}

bool SendSide::on_remb(Instant now, DataRate limit) {
  remb_ = std::clamp(limit, limits_.lowest, limits_.highest);
  if (controller_) controller_->on_receiver_limit(now, *remb_);
  return *remb_ == limit;
}

void SendSide::on_round_trip(Duration round_trip) {
  if (controller_ && !heard_feedback_) controller_->on_round_trip(round_trip);
}

void SendSide::set_wanted(DataRate wanted, bool in_steps) {
  if (controller_) controller_->set_wanted(wanted, in_steps);
}

void SendSide::on_deadline(Instant now) {
  drop_stale_probe(now);
  if (next_tick_ > now) return;
  // What was never answered (no feedback was negotiated, or it is filtered) says nothing: only REMB can.
  if (controller_ && (heard_feedback_ || !remb_)) take(controller_->on_tick(now));
  next_tick_ = now - last_sent_ < kIdle ? now + kTick : Instant::never();
}

void SendSide::drop_stale_probe(Instant now) {
  while (!probes_.empty() && !probes_.front().begun.is_never() && now - probes_.front().begun > kLongestProbe) probes_.pop();
}

Instant SendSide::probe_at() const {
  if (probes_.empty()) return Instant::never();
  const Probe& probe = probes_.front();
  const Instant due = probe.begun.is_never() ? asked_at_ : probe.begun + probe.sent / probe.cluster.rate;
  return std::max(due, asked_at_ + Duration::milliseconds(1));
}

Instant SendSide::deadline() const { return std::min(next_tick_, probe_at()); }

DataSize SendSide::probe_due(Instant now) {
  drop_stale_probe(now);
  if (probes_.empty() || now < probe_at()) return DataSize::zero();
  Probe& probe = probes_.front();
  if (probe.begun.is_never()) probe.begun = now;
  asked_at_ = now;
  // The last packets of a probe are counted, not weighed: each of them 200 bytes at least.
  const DataSize by_count = DataSize::bytes(probe.packets < probe.cluster.packets ? 200 * (probe.cluster.packets - probe.packets) : 0);
  const DataSize left = std::max({probe.cluster.size - probe.sent, by_count, DataSize::bytes(1)});
  const DataSize due = probe.cluster.rate * (now - probe.begun + kProbeBurst) - probe.sent;
  return std::clamp(due, DataSize::bytes(1), left);
}

DataRate SendSide::target() const {
  if (!controller_) return DataRate::infinite();
  if (!heard_feedback_ && remb_) return *remb_;
  return controller_->target();
}

DataRate SendSide::sustained() const {
  return !controller_ || (!heard_feedback_ && remb_) ? target() : controller_->sustained();
}

DataRate SendSide::pacing() const { return controller_ ? pacing_ : DataRate::infinite(); }

}  // namespace tacoma
