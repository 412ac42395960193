#include "sim/light/streams.h"

#include <algorithm>

namespace tacoma::light {
namespace {

using Mark = SegmentHop::Mark;
// How long it takes to learn that no host offers a service: what a name look-up would take.
constexpr Duration kUnknownService = Duration::milliseconds(1);

// Which end of its stream an id names: openers choose below 0x80000000, accepters get the rest.
int end_of(StreamId id) { return id.value() < 0x80000000u ? 0 : 1; }

}  // namespace

Streams::Streams(const NetworkPlan& plan, std::vector<HostLinks>& links, const Routes& routes, EventHeap& events, StreamHost& hosts)
    : plan_(plan), links_(links), routes_(routes), events_(events), calls_(hosts), hosts_(plan.hosts.size()) {}

void Streams::listen(HostId host, std::string service) { services_[std::move(service)] = host; }

void Streams::open(Instant now, HostId host, StreamId id, const std::string& service) {
  TACOMA_ASSERT(id.value() < 0x80000000u);
  TACOMA_ASSERT(hosts_[host.value()].ids.find(id) == nullptr);
  const auto found = services_.find(service);
  const HostId peer = found == services_.end() ? host : found->second;
  const Duration trip = round_trip(plan_, host, peer);

  uint32_t index = static_cast<uint32_t>(slots_.size());
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[index].stream = std::make_unique<Stream>(routes_.count(host.value(), peer.value()) + 1, tcp_overhead(plan_.hosts[host.value()].family), trip);
  Stream& stream = *slots_[index].stream;
  stream.ends[0] = {host, id};
  stream.ends[1] = {peer, StreamId()};
  const bool full = is_full(host);
  enter(index, 0);
  if (full || found == services_.end()) return refuse(now, index, kUnknownService);
  stream.service = &found->first;
  stream.directions[0].first().push_mark(now, Mark::syn);
  pass_on(now, index, 0, 0);
}

void Streams::write(Instant now, HostId host, StreamId id, BytesView bytes) {
  const uint32_t* index = hosts_[host.value()].ids.find(id);
  if (!index || bytes.empty()) return;  // closed meanwhile by the other end, which the process learns in this very call
  Stream& stream = *slots_[*index].stream;
  const int direction = end_of(id);
  if (stream.broken) return;
  Direction& way = stream.directions[direction];
  if (way.bytes.size() + bytes.size() > kMaxStreamBacklog) {
    ++limit_closes_;
    return fail_both(now, *index);
  }
  way.bytes.append(bytes);
  if (!way.started) {
    way.held_back += bytes.size();
    return;
  }
  way.first().push_bytes(now, bytes.size());
  pass_on(now, *index, direction, 0);
}

void Streams::close(Instant now, HostId host, StreamId id) {
  const uint32_t* found = hosts_[host.value()].ids.find(id);
  if (!found) return;
  const uint32_t index = *found;
  Stream& stream = *slots_[index].stream;
  const int direction = end_of(id);
  leave(index, direction);
  if (stream.broken || !stream.service) return;  // the reset or the refusal on its way frees it
  Direction& way = stream.directions[direction];
  way.fin_wanted = true;
  if (!way.started) return;
  way.first().push_mark(now, Mark::fin);
  pass_on(now, index, direction, 0);
}

// The handshake lets this direction go.
void Streams::start(Instant now, uint32_t index, int direction) {
  Direction& way = slots_[index].stream->directions[direction];
  way.started = true;
  if (way.held_back > 0) way.first().push_bytes(now, way.held_back);
  way.held_back = 0;
  if (way.fin_wanted) way.first().push_mark(now, Mark::fin);
  pass_on(now, index, direction, 0);
}

LinkModel& Streams::link_of(const Stream& stream, int direction, uint32_t hop) {
  const uint32_t from = stream.ends[direction].host.value(), to = stream.ends[1 - direction].host.value();
  if (hop == 0) return links_[from].up;
  const Routes::Hop next = routes_.hop(from, to, hop - 1);
  return next.is_up ? links_[next.link].up : links_[next.link].down;
}

// Moves segments through a link that is not the last to the one behind it.
void Streams::pass_on(Instant now, uint32_t index, int direction, uint32_t hop) {
  Stream& stream = *slots_[index].stream;
  Direction& way = stream.directions[direction];
  SegmentHop& here = way.hops[hop].segments;
  SegmentHop& next = way.hops[hop + 1].segments;
  const Instant at_next = now + routes_.hop(stream.ends[direction].host.value(), stream.ends[1 - direction].host.value(), hop).before;
  SegmentHop::Arrived what;
  bool moved = false;
  // What an instant brings out of an unlimited link goes on at once, hence the loop.
  do {
    while (here.take_arrived(now, what)) {
      moved = true;
      if (what.mark == Mark::none) next.push_bytes(at_next, what.length);
      else next.push_mark(at_next, what.mark);
    }
    here.offer(now, link_of(stream, direction, hop));
  } while (here.next() <= now);
  if (here.failed()) return fail_both(now, index);
  schedule(index, direction, hop);
  if (moved) schedule(index, direction, hop + 1);
}

// Moves segments through the last link to the process that reads.
void Streams::hand_over(Instant now, uint32_t index, int direction) {
  const uint32_t generation = slots_[index].generation;
  SegmentHop::Arrived what;
  for (;;) {
    // Each call below may have closed or freed the stream.
    Stream* stream = stream_of(index, generation);
    if (!stream || stream->broken) return;
    Direction& way = stream->directions[direction];
    const uint32_t last = static_cast<uint32_t>(way.hops.size() - 1);
    SegmentHop& here = way.hops[last].segments;
    if (here.take_arrived(now, what)) {
      arrived(now, index, direction, what);
      continue;
    }
    here.offer(now, link_of(*stream, direction, last));
    if (here.next() > now) {
      if (here.failed()) return fail_both(now, index);
      return schedule(index, direction, last);
    }
  }
}

void Streams::arrived(Instant now, uint32_t index, int direction, const SegmentHop::Arrived& what) {
  Stream& stream = *slots_[index].stream;
  End& reader = stream.ends[1 - direction];
  switch (what.mark) {
    case Mark::none: {
      ByteFifo& bytes = stream.directions[direction].bytes;
      if (!reader.open) return bytes.consume(what.length);
      // The bytes move out first: the process may close or overrun the stream while it reads.
      const BytesView view = bytes.view().subspan(0, what.length);
      reading_.assign(view.begin(), view.end());
      bytes.consume(what.length);
      return calls_.stream_event(reader.host, {StreamEvent::Kind::data, reader.id, {}, reading_});
    }
    case Mark::syn:
      if (!calls_.is_up(reader.host) || is_full(reader.host))
        return refuse(now, index, one_way_delay(plan_, reader.host, stream.ends[0].host));
      stream.directions[1].first().push_mark(now, Mark::syn_ack);
      return pass_on(now, index, 1, 0);
    case Mark::syn_ack:
      stream.directions[0].first().push_mark(now, Mark::ack);
      start(now, index, 0);
      if (slots_[index].stream && reader.open) calls_.stream_event(reader.host, {StreamEvent::Kind::opened, reader.id, {}, {}});
      return;
    case Mark::ack:
      if (!calls_.is_up(reader.host) || is_full(reader.host)) return fail_both(now, index);
      reader.id = StreamId(hosts_[reader.host.value()].next_accepted++);
      enter(index, 1);
      stream.directions[1].started = true;
      return calls_.stream_event(reader.host, {StreamEvent::Kind::accepted, reader.id, *stream.service, {}});
    case Mark::fin: {
      const bool tell = reader.open;
      const HostId host = reader.host;
      const StreamId id = reader.id;
      free(index);
      if (tell) calls_.stream_event(host, {StreamEvent::Kind::closed, id, {}, {}});
      return;
    }
  }
}

// Nothing of the opening gets through: the opener learns it after `after`.
void Streams::refuse(Instant now, uint32_t index, Duration after) {
  slots_[index].stream->broken = true;
  events_.push({now + after, 0, index, slots_[index].generation, Event::Kind::stream_end, 0});
}

// The stream ends at once for both: they hear of it at this instant, from the heap, so not inside of a call of theirs.
void Streams::fail_both(Instant now, uint32_t index) {
  slots_[index].stream->broken = true;
  events_.push({now, 0, index, slots_[index].generation, Event::Kind::stream_end, 0});
}

void Streams::host_gone(Instant now, HostId host) {
  HostState& state = hosts_[host.value()];
  const std::vector<uint32_t> slots = state.slots;
  for (uint32_t index : slots) {
    Stream& stream = *slots_[index].stream;
    const int gone = stream.ends[0].open && stream.ends[0].host == host ? 0 : 1;  // both in turn, if it called itself
    leave(index, gone);
    if (stream.broken) continue;
    stream.broken = true;
    events_.push({now + one_way_delay(plan_, host, stream.ends[1 - gone].host), 0, index, slots_[index].generation, Event::Kind::stream_end, 0});
  }
}

void Streams::handle(Instant now, const Event& event) {
  Stream* stream = stream_of(event.index, event.generation);
  if (!stream) return;
  if (event.kind == Event::Kind::stream_wake) {
    const int direction = event.part & 1;
    const uint32_t hop = event.part >> 1;
    Direction& way = stream->directions[direction];
    Instant& wake_at = way.hops[hop].wake_at;
    if (stream->broken || wake_at != event.at) return;
    wake_at = Instant::never();
    return hop + 1 < way.hops.size() ? pass_on(now, event.index, direction, hop) : hand_over(now, event.index, direction);
  }
  // Reset or refused: whoever is still there hears that it is closed.
  const End ends[2] = {stream->ends[0], stream->ends[1]};
  free(event.index);
  for (const End& end : ends)
    if (end.open) calls_.stream_event(end.host, {StreamEvent::Kind::closed, end.id, {}, {}});
}

void Streams::schedule(uint32_t index, int direction, uint32_t hop) {
  Direction::Hop& here = slots_[index].stream->directions[direction].hops[hop];
  const Instant at = here.segments.next();
  if (at >= here.wake_at) return;  // woken before that anyway
  here.wake_at = at;
  events_.push({at, 0, index, slots_[index].generation, Event::Kind::stream_wake, static_cast<uint8_t>(hop << 1 | static_cast<uint32_t>(direction))});
}

Streams::Stream* Streams::stream_of(uint32_t index, uint32_t generation) {
  Slot& slot = slots_[index];
  return slot.generation == generation ? slot.stream.get() : nullptr;
}

bool Streams::is_full(HostId host) {
  if (hosts_[host.value()].slots.size() < kMaxStreamsPerHost) return false;
  ++limit_closes_;
  return true;
}

void Streams::enter(uint32_t index, int end) {
  End& mine = slots_[index].stream->ends[end];
  HostState& state = hosts_[mine.host.value()];
  mine.open = true;
  state.ids.set(mine.id, index);
  state.slots.push_back(index);
}

void Streams::leave(uint32_t index, int end) {
  End& mine = slots_[index].stream->ends[end];
  if (!mine.open) return;
  mine.open = false;
  HostState& state = hosts_[mine.host.value()];
  state.ids.erase(mine.id);
  state.slots.erase(std::find(state.slots.begin(), state.slots.end(), index));
}

void Streams::free(uint32_t index) {
  leave(index, 0);
  leave(index, 1);
  slots_[index].stream.reset();
  ++slots_[index].generation;
  free_slots_.push_back(index);
}

}  // namespace tacoma::light
