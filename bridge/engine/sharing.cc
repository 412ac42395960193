// Who gets what: the receivers' estimates turned into targets of projections, and what follows from them for the senders.
#include <algorithm>
#include <cmath>

#include "bridge/engine/conference.h"

namespace tacoma::bridge {

namespace {
constexpr double kStepUp = allocation::kHeadroom * 1.05;    // what one is charged, as rates of layers waver
constexpr Duration kLowerAfter = Duration::seconds(1);      // a want that falls is told when it has stayed so long
constexpr Duration kLimitAgain = Duration::seconds(1);      // limits are repeated
constexpr Duration kStatsEvery = Duration::seconds(10);     // ConnectionStats
constexpr double kLimitMoved = 0.03;
constexpr Duration kLimitAfter = Duration::seconds(2);      // ... of a sender whose lowest layer does not fit
constexpr double kShareOfBest = 0.95;                       // a receiver this near to the best one counts as the best
constexpr double kOverhead = 1.1;                           // of what is wanted: repeats, headers

/// What a sender that adapts to this receiver could make use of, by the height that is wanted: about what Chromium spends on VP8.
DataRate worth(int32_t height) {
  if (height >= 0 && height <= 180) return DataRate::kbps(200);
  if (height >= 0 && height <= 360) return DataRate::kbps(700);
  if (height < 0 || height <= 720) return DataRate::kbps(2'500);
  return DataRate::mbps(4);
}

bool comes_before(int32_t a, int32_t b) {  // of heights: a asks for less than b
  return a >= 0 && (b < 0 || a < b);
}
}  // namespace

void Conference::on_tick(Instant now, Outbox& out) {
  note_layers(now);
  note_loudest(now);
  for (Endpoint* receiver : endpoints)
    if (receiver->sender.ready() && receiver->downlink.is_due(now, receiver->constraints().assumed_bandwidth_bps)) allocate_for(now, *receiver);
  if (lacks_ssrcs_) lend_ahead(now, out);  // somebody may have fallen silent
  tell_shares(now, out);
  for (Endpoint* endpoint : endpoints) tell_statistics(now, *endpoint, out);
}

void Conference::reallocate(Instant now, Endpoint& receiver, Outbox& out) {
  if (!receiver.sender.ready()) return;
  allocate_for(now, receiver);
  tell_shares(now, out);
}

void Conference::shares_are_void() {
  for (Endpoint* endpoint : endpoints) endpoint->downlink.dirty = true;
}

/// Receivers of a source whose layers have come or gone, or cost much more or less than they did, are to be given anew.
void Conference::note_layers(Instant now) {
  for (Endpoint* owner : endpoints) {
    for (const auto& source : owner->receiver.sources) {
      if (!source->description.video) continue;
      const Span<const LayerInfo> layers = source->layers(now);
      if (owner->uplink.told.is_infinite()) source->wanted.least = layers.empty() ? DataRate::zero() : layers[0].rate;
      LayersSeen seen;
      seen.count = static_cast<uint32_t>(layers.size());
      if (!layers.empty()) {
        const LayerInfo& top = layers[layers.size() - 1];
        seen.top = top.id;
        seen.height = top.height;
        seen.rate = top.rate;
      }
      if (!seen.differs_from(source->seen)) continue;
      source->seen = seen;
      for (const Projection& p : source->subscribers) p.receiver().downlink.dirty = true;
    }
  }
}

void Conference::set_load_last_n(int32_t last_n) {
  if (load_last_n_ == last_n) return;
  load_last_n_ = last_n;
  shares_are_void();
}

int32_t Conference::last_n_of(const Endpoint& receiver) const {
  int32_t least = -1;
  for (const int32_t n : {receiver.constraints().last_n, congestion_.last_n, load_last_n_})
    if (n >= 0) least = least < 0 ? n : std::min(least, n);
  return least;
}

/// Everybody's video sources that this receiver could have, most wanted first: on-stage, selected, then by who spoke last.
void Conference::collect(Instant now, Endpoint& receiver) {
  const ReceiverWants& wants = receiver.constraints();
  wanted_.clear();
  for (Endpoint* owner : by_floor_) {
    if (owner == &receiver) continue;
    for (const auto& source : owner->receiver.sources) {
      Projection* projection = source->description.video ? source->subscriber(receiver) : nullptr;
      if (!projection) continue;
      wanted_.push_back({wants.rank_of(source->description.name), static_cast<uint32_t>(wanted_.size()), source.get(), projection});
    }
  }
  std::sort(wanted_.begin(), wanted_.end(),
            [](const Wanted& a, const Wanted& b) { return a.rank != b.rank ? a.rank < b.rank : a.order < b.order; });
  candidates_.clear();
  bool follows = receiver.downlink.tolerates_oversend(now);
  for (const Wanted& w : wanted_) {
    Candidate c;
    c.interest = wants.interest_of(w.rank);
    c.constraints = wants.of(w.source->description.name);
    const channel::VideoType type = w.source->owner->channel.type_of(w.source->description.name);
    c.screen = type == channel::VideoType::desktop || type == channel::VideoType::desktop_high_fps;
    if (type == channel::VideoType::none) c.constraints.max_height = 0;
    c.layers = w.source->layers(now);
    c.previous = w.projection->target();
    // Of those that adapt to this receiver one at most may go over its estimate until they have.
    c.follows = follows && w.projection->allotment.follows;
    if (c.follows) follows = false;
    candidates_.push_back(c);
  }
}

void Conference::allocate_for(Instant now, Endpoint& receiver) {
  Downlink& downlink = receiver.downlink;
  const std::optional<int64_t> assumed = receiver.constraints().assumed_bandwidth_bps;
  collect(now, receiver);
  const DataRate available = downlink.for_video(assumed);
  if (downlink.holds(now, available))
    for (Candidate& c : candidates_) c.held = true;
  allocate(available, last_n_of(receiver), candidates_, shares_);
  ++counts.allocations;
  bool raised = false, lowered = false;
  for (size_t i = 0; i < wanted_.size(); ++i) {
    Projection& projection = *wanted_[i].projection;
    const Grant& grant = shares_.grants[i];
    const auto& before = projection.target();
    raised = raised || (grant.target && (!before || *before < *grant.target));
    const bool falls = grant.limit == Limit::estimate && before && (!grant.target || *grant.target < *before);
    lowered = lowered || falls;
    if (projection.target() != grant.target) projection.set_target(grant.target);
    // A key frame has to come through the queue that the larger encoding fills, and not all of that gets through anyway.
    if (falls && downlink.side.queue_stands()) projection.leave_larger();
    projection.allotment.wanted_height = grant.wanted_height;
    projection.allotment.limit = grant.limit;
  }
  downlink.note_steps(now, raised, lowered, shares_.used);
  note_possible(downlink.for_followers(assumed), downlink.side.is_informed() || assumed);
  downlink.note_oversend(now, shares_.follower_oversends);
  downlink.side.set_wanted(worth_finding(downlink), !downlink.followed);
  downlink.allocated(now, assumed, shares_.lacks);
  shares_moved_ = true;
}

/// How much of each source could be given if its sender sent it: what is left when those that are more wanted have what they
/// have and those that are less wanted have the least. Of one about whose network nothing is known yet: all.
void Conference::note_possible(DataRate available, bool informed) {
  double after = 0, before = 0;
  const auto least = [&](size_t i) {
    const Span<const LayerInfo> layers = candidates_[i].layers;
    return layers.empty() ? 0.0 : static_cast<double>(std::min(shares_.grants[i].rate, layers[0].rate).bps());
  };
  for (size_t i = 0; i < wanted_.size(); ++i) after += least(i);
  for (size_t i = 0; i < wanted_.size(); ++i) {
    after -= least(i);
    const Grant& grant = shares_.grants[i];
    DataRate& possible = wanted_[i].projection->allotment.possible;
    if (grant.wanted_height == 0) {
      possible = DataRate::zero();
    } else if (available.is_infinite() || !informed) {
      possible = DataRate::infinite();
    } else {
      const double left = std::max(static_cast<double>(available.bps()) - before - after, 0.0);
      // Of one that is shown not at all for now, what it may cost to be shown again.
      possible = DataRate::bps(static_cast<int64_t>(grant.target ? left : left / kStepUp));
      // Of one that comes in sizes one is chosen here, while the lowest fits: a limit on their sum would cost the best one.
      const Source& source = *wanted_[i].source;
      if (source.has_sizes() && possible >= source.wanted.least) possible = DataRate::infinite();
    }
    before += static_cast<double>(grant.rate.bps());
  }
}

/// What probing shall look for: everything that would be shown, and for senders that hold back because of this receiver what
/// they might send.
DataRate Conference::worth_finding(const Downlink& downlink) const {
  double wanted = static_cast<double>(downlink.other().bps()) * kOverhead;
  for (size_t i = 0; i < wanted_.size(); ++i) {
    const Grant& grant = shares_.grants[i];
    DataRate ideal = grant.ideal;
    const bool follows = wanted_[i].projection->allotment.follows;
    if (grant.wanted_height != 0 && follows) ideal = std::max(ideal, worth(grant.wanted_height));
    // A probe that ends short of what a step up is charged finds room that nobody gets.
    wanted += static_cast<double>(ideal.bps()) * (!follows && grant.rate < ideal ? kStepUp : kOverhead);
  }
  return DataRate::bps(static_cast<int64_t>(std::min(wanted, 1e12)));
}

/// What has moved is told: to receivers which sources come, to senders what is wanted of them.
void Conference::tell_shares(Instant now, Outbox& out) {
  if (shares_moved_) {
    shares_moved_ = false;
    lend_ahead(now, out);
    tell_forwarded(out);
    for (Endpoint* receiver : endpoints) receiver->downlink.followed = false;
    for (Endpoint* sender : endpoints) sum_up(*sender);
  }
  for (Endpoint* sender : endpoints) {
    tell_limit(now, *sender, out);
    for (const auto& source : sender->receiver.sources)
      if (source->description.video) tell_wanted_height(now, *source, out);
  }
}

/// The most that anybody wants, or can be given, of this sender's video.
void Conference::sum_up(Endpoint& sender) {
  DataRate limit;
  bool is_wanted = false;
  sender.uplink.can_wait = true;
  for (const auto& source : sender.receiver.sources) {
    if (!source->description.video) continue;
    sender.uplink.can_wait = sender.uplink.can_wait && source->has_sizes();
    DataRate most;
    int32_t height = 0;
    for (const Projection& p : source->subscribers) {
      most = std::max(most, p.allotment.possible);
      if (comes_before(height, p.allotment.wanted_height)) height = p.allotment.wanted_height;
    }
    source->wanted.height = height;
    is_wanted = is_wanted || height != 0;
    limit = limit.is_infinite() || most.is_infinite() ? DataRate::infinite() : limit + most;
    for (Projection& p : source->subscribers) {
      const DataRate possible = p.allotment.possible;
      p.allotment.follows = p.allotment.wanted_height != 0 && !possible.is_infinite() &&
                            static_cast<double>(possible.bps()) >= kShareOfBest * static_cast<double>(most.bps());
      if (p.allotment.follows) p.receiver().downlink.followed = true;
    }
  }
  sender.uplink.limit = is_wanted ? limit : DataRate::infinite();
}

void Conference::tell_limit(Instant now, Endpoint& sender, Outbox& out) {
  UplinkLimit& uplink = sender.uplink;
  const bool lifted = uplink.limit.is_infinite();
  if (lifted) uplink.short_since = Instant::never();
  else if (uplink.short_since.is_never()) uplink.short_since = now;
  if (lifted && uplink.told.is_infinite()) return;
  // A queue that drains, or repairs, leave too little for a moment: an encoder that was cut takes seconds to come back.
  if (!lifted && uplink.can_wait && now - uplink.short_since < kLimitAfter) return;
  const DataRate say = lifted ? congestion_.estimate.highest : std::clamp(uplink.limit, congestion_.estimate.lowest, congestion_.estimate.highest);
  const double before = static_cast<double>(uplink.told.is_infinite() ? 0 : uplink.told.bps());
  const bool moved = lifted || std::abs(static_cast<double>(say.bps()) - before) > kLimitMoved * before;
  if (!moved && now - uplink.told_at < kLimitAgain) return;
  ssrcs_.clear();
  for (const auto& source : sender.receiver.sources)
    if (source->description.video)
      for (const EncodingDescription& e : source->description.encodings) ssrcs_.push_back(e.ssrc);
  if (ssrcs_.empty()) return;
  if (!sender.sender.send_rtcp(200, out, [&](RtcpWriter& w) { w.remb(feedback_video, say, Span<const Ssrc>(ssrcs_)); })) return;
  uplink.told = lifted ? DataRate::infinite() : say;
  uplink.told_at = now;
  ++counts.rtcp_out;
  ++counts.limits_out;
}

void Conference::tell_wanted_height(Instant now, Source& source, Outbox& out) {
  const Channel& to = source.owner->channel;
  SenderWish& wish = source.wanted;
  if (!to.is_open() || source.description.name.empty()) return;
  if (wish.told && *wish.told == wish.height) {
    wish.lower_since = Instant::never();
    return;
  }
  if (wish.told && comes_before(wish.height, *wish.told)) {
    if (wish.lower_since.is_never()) wish.lower_since = now;
    if (now - wish.lower_since < kLowerAfter) return;
  }
  wish.told = wish.height;
  wish.lower_since = Instant::never();
  to.send(channel::write(channel::SenderSourceConstraints{source.description.name, wish.height}), out);
  ++counts.channel_messages_out;
}

void Conference::tell_statistics(Instant now, Endpoint& endpoint, Outbox& out) {
  Channel& to = endpoint.channel;
  if (!to.is_open() || !endpoint.sender.ready()) return;
  if (!to.statistics_at.is_never() && now - to.statistics_at < kStatsEvery) return;
  const DataRate estimate = endpoint.downlink.estimate(std::nullopt);
  to.statistics_at = now;
  if (estimate.is_infinite()) return;  // nobody estimates
  to.send(channel::write(channel::ConnectionStats{estimate.bps()}), out);
  ++counts.channel_messages_out;
}

// --- the loudest -------------------------------------------------------------------------------------------------------------

void Conference::note_loudest(Instant now) {
  if (congestion_.loudest == 0) return;
  by_loudness_.assign(endpoints.begin(), endpoints.end());
  const size_t count = std::min<size_t>(congestion_.loudest, by_loudness_.size());
  const auto louder = [now](const Endpoint* a, const Endpoint* b) {
    const int32_t la = a->loudness.at(now), lb = b->loudness.at(now);
    return la != lb ? la > lb : a->joined < b->joined;
  };
  std::partial_sort(by_loudness_.begin(), by_loudness_.begin() + static_cast<std::ptrdiff_t>(count), by_loudness_.end(), louder);
  for (Endpoint* endpoint : endpoints) endpoint->among_loudest = endpoint == dominant_;
  for (size_t i = 0; i < count; ++i) by_loudness_[i]->among_loudest = true;
}

size_t Conference::most_forwarded() const {
  size_t most = 0;
  for (const Endpoint* receiver : endpoints) {
    size_t count = 0;
    for (const Endpoint* owner : endpoints)
      for (const auto& source : owner->receiver.sources)
        if (const Projection* p = source->description.video ? source->subscriber(*receiver) : nullptr; p && p->target()) ++count;
    most = std::max(most, count);
  }
  return most;
}

void Conference::apply_audio_subscription(Endpoint& receiver) {
  for (Endpoint* owner : endpoints) {
    for (const auto& source : owner->receiver.sources) {
      Projection* projection = source->description.video ? nullptr : source->subscriber(receiver);
      if (projection) projection->set_target(receiver.channel.hears(source->description.name) ? std::optional<LayerId>(LayerId()) : std::nullopt);
    }
  }
}

// --- probes ------------------------------------------------------------------------------------------------------------------

void Conference::on_downlink_deadline(Instant now, Endpoint& receiver, Outbox& out) {
  receiver.downlink.side.on_deadline(now);
  probe(now, receiver, out);
}

void Conference::probe(Instant now, Endpoint& receiver, Outbox& out) {
  DataSize due = receiver.downlink.side.probe_due(now);
  if (!receiver.downlink.side.is_probing()) receiver.downlink.probe_back = 0;
  while (due > DataSize::zero()) {
    const DataSize sent = send_probe_packet(now, receiver, due, out);
    if (sent == DataSize::zero()) return;
    due -= sent;
    ++counts.probe_packets_out;
    counts.probe_bytes_out += static_cast<uint64_t>(sent.bytes());
  }
}

/// Best what may be of use: a packet that went out lately, as RTX. Else padding: in an RTX stream, whose numbers nobody misses, or
/// under the bridge's own SSRC. How much went out; zero: nothing can.
DataSize Conference::send_probe_packet(Instant now, Endpoint& receiver, DataSize wish, Outbox& out) {
  constexpr int64_t kWorthRepeating = 600, kHeaders = 36;
  const size_t padding = static_cast<size_t>(std::clamp<int64_t>(wish.bytes() - kHeaders, 64, 255));
  const DataSize padded = DataSize::bytes(static_cast<int64_t>(padding) + kHeaders);
  Sender& sender = receiver.sender;
  for (const Endpoint* owner : by_floor_) {
    for (const auto& source : owner->receiver.sources) {
      Projection* projection = source->description.video && sender.any_rtx_type != 0 ? source->subscriber(receiver) : nullptr;
      if (!projection || !projection->started() || projection->rtx() == Ssrc()) continue;
      if (wish.bytes() >= kWorthRepeating)
        if (const DataSize size = repeat_recent(now, *source, *projection, out); size > DataSize::zero()) return size;
      const bool sent = sender.emit_padding(now, projection->rtx(), sender.any_rtx_type, projection->next_rtx_sequence(), 0, padding, out);
      return sent ? padded : DataSize::zero();
    }
  }
  if (sender.any_video_type == 0) return DataSize::zero();
  const bool sent = sender.emit_padding(now, feedback_video, sender.any_video_type, receiver.downlink.next_padding_sequence++, 0, padding, out);
  return sent ? padded : DataSize::zero();
}

/// The newest packet of this source that this probe has not repeated yet.
DataSize Conference::repeat_recent(Instant now, Source& source, Projection& projection, Outbox& out) {
  uint16_t& back = projection.receiver().downlink.probe_back;
  if (back >= Downlink::kMostRepeats) return DataSize::zero();
  const auto sequence = static_cast<uint16_t>(projection.numbers().next() - 1 - back++);
  const auto origin = projection.origin_of(sequence);
  PacketCache::Entry* entry = origin ? source.encodings[origin->run->encoding]->kept(static_cast<uint16_t>(origin->in)) : nullptr;
  if (!entry) return DataSize::zero();
  const auto size = DataSize::bytes(static_cast<int64_t>(entry->packet.size()));
  return send_again(now, source, projection, sequence, *origin, *entry, Cargo::probe, out) ? size : DataSize::zero();
}

}  // namespace tacoma::bridge
