#include "core/base/link_model.h"

#include <algorithm>

namespace tacoma {

LinkModel::LinkModel(const LinkConfig& initial, Rng rng) : chance_(rng) { phases_.push_back({Instant(), initial}); }

void LinkModel::change_at(Instant at, const LinkConfig& config) {
  TACOMA_ASSERT(at >= phases_.back().from);
  phases_.push_back({at, config});
}

const LinkConfig& LinkModel::config_at(Instant at) const {
  while (phase_ > 0 && phases_[phase_].from > at) --phase_;
  while (phase_ + 1 < phases_.size() && phases_[phase_ + 1].from <= at) ++phase_;
  return phases_[phase_].config;
}

// When a packet that begins at `start` is on the wire as a whole, following every change of rate in between.
Instant LinkModel::serialise(Instant start, int64_t bytes) const {
  config_at(start);
  double bits = static_cast<double>(bytes) * 8.0;
  for (size_t i = phase_;; ++i) {
    const DataRate rate = phases_[i].config.rate;
    const Instant end = i + 1 < phases_.size() ? phases_[i + 1].from : Instant::never();
    if (rate.is_infinite()) return start;
    if (rate.bps() > 0) {
      const double ns = bits * 1e9 / static_cast<double>(rate.bps());
      if (end.is_never() || ns <= static_cast<double>((end - start).ns())) return start + Duration::nanoseconds(static_cast<int64_t>(ns + 0.999999));
      bits -= static_cast<double>(rate.bps()) * static_cast<double>((end - start).ns()) * 1e-9;
    }
    if (end.is_never()) return Instant::never();
    start = end;
  }
}

namespace {

// How many opportunities a trace has had by `ms` (inclusive), in all rounds since time zero.
int64_t opportunities_by(const DeliveryTrace& trace, int64_t ms) {
  if (ms < 0) return 0;
  const auto& all = trace.opportunities_ms;
  const int64_t in_round = std::upper_bound(all.begin(), all.end(), static_cast<uint32_t>(ms % trace.period_ms)) - all.begin();
  return ms / trace.period_ms * static_cast<int64_t>(all.size()) + in_round;
}

// When the opportunity number `n` (from 0) of a trace comes.
Instant opportunity_at(const DeliveryTrace& trace, int64_t n) {
  const int64_t count = static_cast<int64_t>(trace.opportunities_ms.size());
  return Instant::at(Duration::milliseconds(n / count * trace.period_ms + trace.opportunities_ms[static_cast<size_t>(n % count)]));
}

}  // namespace

void LinkModel::settle(Instant now) {
  while (held_ > 0 && waiting_[head_].departure <= now) {
    const Waiting& front = waiting_[head_];
    backlog_ -= front.bytes;
    counts_.packets += !front.dropped;
    counts_.marked += front.marked;
    counts_.bytes += front.dropped ? 0 : static_cast<uint64_t>(front.bytes);
    head_ = (head_ + 1) & (waiting_.size() - 1);
    --held_;
  }
}

LinkVerdict LinkModel::offer(Instant now, int64_t ip_bytes, Ecn ecn) {
  settle(now);
  const LinkConfig& config = config_at(now);
  if (!config.rate.is_infinite()) {
    const int64_t limit = (config.rate * config.queue).bytes();
    // The packet being serialised is not queued: an empty link takes a packet of any size.
    if (held_ > 0 && backlog_ + ip_bytes > std::max(limit, ip_bytes)) {
      ++counts_.queue_drops;
      return {false, {}, Drop::queue_full};
    }
  }
  const Instant start = std::max(now, busy_until_);
  bool is_marked = false;
  if (config.disc == QueueDisc::codel && codel_.takes(start, start - now, Codel::target_at(config_at(start).rate))) {
    if (!config.ecn || ecn == Ecn::not_ect) {
      ++counts_.queue_drops;
      wait({start, static_cast<uint32_t>(ip_bytes), true, false});
      return {false, {}, Drop::queue_full};
    }
    is_marked = true;
    ecn = Ecn::ce;
  }
  const Instant departure = config.trace ? next_delivery(start, *config.trace, ip_bytes) : serialise(start, ip_bytes);
  if (departure.is_never()) {  // a link that is cut for good
    ++counts_.queue_drops;
    return {false, {}, Drop::queue_full};
  }
  busy_until_ = departure;
  counts_.queue_max = std::max(counts_.queue_max, start - now);
  wait({departure, static_cast<uint32_t>(ip_bytes), false, is_marked});

  const LinkConfig& wire = config_at(departure);
  if (chance_.lost(wire)) {
    ++counts_.loss_drops;
    return {false, {}, Drop::link_loss};
  }
  const Instant arrival = departure + wire.delay + chance_.jitter(wire);
  if (wire.jitter_shape == JitterShape::gaussian && wire.rate > DataRate::zero()) last_arrival_ = last_arrival_ + DataSize::bytes(ip_bytes) / wire.rate;
  last_arrival_ = std::max(last_arrival_, arrival);
  return {true, last_arrival_, Drop::queue_full, ecn};
}

void LinkModel::wait(const Waiting& packet) {
  if (held_ == waiting_.size()) {
    std::vector<Waiting> larger(std::max<size_t>(8, waiting_.size() * 2));
    for (size_t i = 0; i < held_; ++i) larger[i] = waiting_[(head_ + i) & (waiting_.size() - 1)];
    waiting_ = std::move(larger);
    head_ = 0;
  }
  waiting_[(head_ + held_) & (waiting_.size() - 1)] = packet;
  ++held_;
  backlog_ += packet.bytes;
}

// When the last byte of a packet that waits since `start` gets its opportunity.
Instant LinkModel::next_delivery(Instant start, const DeliveryTrace& trace, int64_t bytes) {
  const int64_t first = opportunities_by(trace, (start.ns() + 999'999) / 1'000'000 - 1);  // not before `start`
  if (start > opportunity_) opportunity_left_ = 0;
  next_opportunity_ = std::max(next_opportunity_, first);
  while (opportunity_left_ < bytes) {
    opportunity_ = opportunity_at(trace, next_opportunity_++);
    opportunity_left_ += DeliveryTrace::kOpportunity;
  }
  opportunity_left_ -= bytes;
  return std::max(start, opportunity_);
}

DataRate LinkModel::rate_at(Instant now) const {
  const LinkConfig& config = config_at(now);
  if (!config.trace) return config.rate;
  const int64_t ms = now.since_start().ms();
  return DataRate::bps((opportunities_by(*config.trace, ms) - opportunities_by(*config.trace, ms - 1000)) * DeliveryTrace::kOpportunity * 8);
}

LinkModel::Counts LinkModel::take_counts(Instant now) {
  settle(now);
  const Counts counts = counts_;
  counts_ = Counts();
  return counts;
}

}  // namespace tacoma
