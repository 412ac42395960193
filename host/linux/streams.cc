#include "host/linux/streams.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <utility>

#include "core/base/fifo.h"
#include "core/base/segment_hop.h"
#include "host/linux/shard.h"

namespace tacoma::host {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Mark = SegmentHop::Mark;

constexpr size_t kReadPiece = 64 << 10;    // bytes of one read
constexpr size_t kReadAhead = 256 << 10;   // bytes that wait for the down link; beyond it the kernel has to hold them
constexpr size_t kWritePiece = 256 << 10;  // bytes given to the kernel in one operation
constexpr Duration kLinger = Duration::seconds(30);         // for the other end to close too, after ours has
constexpr Duration kUnknownService = Duration::milliseconds(1);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // after accept failed, for lack of files mostly

tcp protocol_of(IpFamily family) { return family == IpFamily::v4 ? tcp::v4() : tcp::v6(); }
asio::ip::address loopback_of(IpFamily family) {
  if (family == IpFamily::v4) return asio::ip::address_v4::loopback();
  return asio::ip::address_v6::loopback();
}

}  // namespace

struct Streams::Stream {
  /// One link that its bytes pass here.
  struct Hop {
    uint32_t link;
    bool is_up;
    SegmentHop segments;
  };
  explicit Stream(asio::io_context& io) : socket(io) {}
  bool failed() const { return any_failed(out_hops) || any_failed(in_hops); }
  static bool any_failed(const std::vector<Hop>& hops) {
    return std::any_of(hops.begin(), hops.end(), [](const Hop& hop) { return hop.segments.failed(); });
  }
  static Instant next(const std::vector<Hop>& hops) {
    Instant next = Instant::never();
    for (const Hop& hop : hops) next = std::min(next, hop.segments.next());
    return next;
  }
  SegmentHop& out_hop() { return out_hops.front().segments; }
  SegmentHop& in_hop() { return in_hops.front().segments; }

  tcp::socket socket;
  HostId host;
  StreamId id;
  uint32_t slot = 0;
  uint32_t peer = Directory::kNobody;
  IpFamily family = IpFamily::v4;
  uint16_t caller_port = 0;   // of an opener: known to the directory
  std::string service;        // of an accepter
  Duration between;           // the delay from the peer's region
  bool dropped = false;       // out of the table: completions that still come are ignored

  bool is_open = false;       // its process may use the id
  bool is_announced = false;  // `opened` or `accepted` has been said
  bool is_connected = false;
  Instant announce_at = Instant::never(), fail_at = Instant::never(), give_up_at = Instant::never();

  // Written by the process, on the up links (its host's first) -> released by them -> with the kernel.
  ByteFifo out_bytes, released;
  std::vector<Hop> out_hops;
  std::vector<uint8_t> writing;
  bool fin_wanted = false, fin_released = false, fin_sent = false;
  // From the kernel, on the down links (its host's last).
  ByteFifo in_bytes;
  std::vector<Hop> in_hops;
  bool is_waiting = false, peer_has_ended = false;
  std::vector<uint8_t> shown;  // what the data event under way shows
};

struct Streams::Listener {
  Listener(asio::io_context& io, std::string name) : service(std::move(name)), acceptors{tcp::acceptor(io), tcp::acceptor(io)}, pauses{asio::steady_timer(io), asio::steady_timer(io)} {}
  std::string service;
  tcp::acceptor acceptors[2];
  asio::steady_timer pauses[2];
};

Streams::Streams(asio::io_context& io, Shared& shared, StreamHost& host)
    : io_(io), shared_(shared), host_(host), hosts_(shared.plan.hosts.size()), piece_(kReadPiece) {}
Streams::~Streams() = default;

// ---- what processes ask for

void Streams::open(Instant now, HostId host, StreamId id, const std::string& service) {
  TACOMA_ASSERT(id.value() < 0x80000000u);
  TACOMA_ASSERT(hosts_[host.value()].ids.find(id) == nullptr);
  const IpFamily family = shared_.plan.hosts[host.value()].family;
  const std::optional<Directory::Service> found = shared_.directory.service(service);
  const bool full = is_full(host);
  const Ref stream = make(host, family, found ? found->host.value() : Directory::kNobody);
  stream->id = id;
  enter(stream);
  const uint16_t port = found ? found->port[Directory::index(family)] : 0;
  const Instant answered = now + (found ? round_trip(shared_.plan, host, found->host) : kUnknownService);
  if (full || port == 0) {
    stream->fail_at = answered;
  } else {
    stream->announce_at = answered;
    connect(stream, port);
  }
  schedule(stream);
}

void Streams::connect(const Ref& stream, uint16_t port) {
  error_code error;
  stream->socket.open(protocol_of(stream->family), error);
  if (!error) stream->socket.bind(tcp::endpoint(loopback_of(stream->family), 0), error);
  if (error) {
    stream->fail_at = std::exchange(stream->announce_at, Instant::never());
    return;
  }
  stream->socket.set_option(tcp::no_delay(true), error);
  stream->socket.non_blocking(true, error);
  stream->caller_port = stream->socket.local_endpoint(error).port();
  shared_.directory.add_caller(stream->family, stream->caller_port, stream->host);
  stream->socket.async_connect(tcp::endpoint(loopback_of(stream->family), port), [this, stream](const error_code& failed) {
    if (stream->dropped) return;
    if (failed) {
      stream->fail_at = stream->announce_at;
    } else {
      stream->is_connected = true;
      await_bytes(stream);
    }
    schedule(stream);
    host_.handled();
  });
}

void Streams::write(Instant now, HostId host, StreamId id, BytesView bytes) {
  const uint32_t* slot = hosts_[host.value()].ids.find(id);
  if (!slot || bytes.empty()) return;  // closed meanwhile by the other end
  const Ref stream = slots_[*slot];
  if (stream->out_bytes.size() + stream->released.size() + stream->writing.size() + bytes.size() > kMaxStreamBacklog) {
    ++limit_closes_;
    stream->fail_at = now;
    return schedule(stream);
  }
  stream->out_bytes.append(bytes);
  if (!stream->is_announced) return;  // announce() lets them go
  stream->out_hop().push_bytes(now, bytes.size());
  pump_out(stream);
}

void Streams::close(Instant now, HostId host, StreamId id) {
  const uint32_t* slot = hosts_[host.value()].ids.find(id);
  if (!slot) return;
  const Ref stream = slots_[*slot];
  leave(stream);
  if (!stream->fail_at.is_never()) return;  // about to be dropped
  stream->fin_wanted = true;
  if (!stream->is_announced) return;
  stream->out_hop().push_mark(now, Mark::fin);
  pump_out(stream);
}

// ---- services

void Streams::listen(HostId host, const std::string& service) {
  HostState& state = hosts_[host.value()];
  shared_.directory.assign(service, host);
  Listener* listener = nullptr;
  for (const auto& known : state.listeners)
    if (known->service == service) listener = known.get();
  if (!listener) {
    state.listeners.push_back(std::make_unique<Listener>(io_, service));
    listener = state.listeners.back().get();
  }
  if (!host_.is_up(host)) return;
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) open_listener(host, *listener, family);
}

void Streams::host_here(HostId host) {
  for (const auto& listener : hosts_[host.value()].listeners)
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) open_listener(host, *listener, family);
}

void Streams::open_listener(HostId host, Listener& listener, IpFamily family) {
  if (!shared_.udp[host.value()][Directory::index(family)].fd) return;  // the plan does not use this family
  tcp::acceptor& acceptor = listener.acceptors[Directory::index(family)];
  error_code error;
  if (!acceptor.is_open()) {
    acceptor.open(protocol_of(family), error);
    if (!error) acceptor.bind(tcp::endpoint(loopback_of(family), 0), error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      acceptor.close(error);
      if (shared_.warn) shared_.warn("host " + shared_.plan.hosts[host.value()].name + " cannot offer the service " + listener.service + " by TCP: " + error.message());
      return;
    }
    accept_next(host, listener, family);
  }
  shared_.directory.set_port(listener.service, host, family, acceptor.local_endpoint(error).port());
}

void Streams::accept_next(HostId host, Listener& listener, IpFamily family) {
  const size_t which = Directory::index(family);
  listener.acceptors[which].async_accept([this, host, &listener, family, which](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !listener.acceptors[which].is_open()) return;
    if (!error) {
      accepted(host, listener.service, family, std::move(socket));
      accept_next(host, listener, family);
      return host_.handled();
    }
    listener.pauses[which].expires_after(kAcceptPause);
    listener.pauses[which].async_wait([this, host, &listener, family, which](const error_code& ended) {
      if (!ended && listener.acceptors[which].is_open()) accept_next(host, listener, family);
    });
  });
}

void Streams::accepted(HostId host, const std::string& service, IpFamily family, tcp::socket socket) {
  if (is_full(host)) return;  // the socket closes here
  error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // gone already
  const std::optional<HostId> caller = shared_.directory.caller(family, remote.port());
  const Ref stream = make(host, family, caller ? caller->value() : Directory::kNobody);
  stream->socket = std::move(socket);
  stream->socket.set_option(tcp::no_delay(true), error);
  stream->socket.non_blocking(true, error);
  stream->service = service;
  stream->is_connected = true;
  const Instant now = shared_.clock.now();
  // A real handshake of this path would end now: the caller's first segments take another way here.
  stream->announce_at = caller ? now + round_trip(shared_.plan, *caller, host) + one_way_delay(shared_.plan, *caller, host) : now;
  await_bytes(stream);
  schedule(stream);
}

void Streams::host_gone(Instant now, HostId host) {
  HostState& state = hosts_[host.value()];
  for (const auto& listener : state.listeners) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      error_code ignored;
      listener->acceptors[Directory::index(family)].close(ignored);
      listener->pauses[Directory::index(family)].cancel();
      shared_.directory.set_port(listener->service, host, family, 0);
    }
  }
  // Its share of the path's delay passes here, before the kernel tells the other end.
  const std::vector<uint32_t> slots = state.slots;
  for (uint32_t slot : slots) {
    const Ref stream = slots_[slot];
    leave(stream);
    stream->fail_at = std::min(stream->fail_at, now + shared_.plan.hosts[host.value()].up.delay);
    schedule(stream);
  }
}

// ---- moving bytes

void Streams::run_due() {
  uint32_t slot;
  while (due_.pop_due(shared_.clock.now(), slot)) {
    const Ref stream = slots_[slot];
    const Instant now = shared_.clock.now();
    if (stream->fail_at <= now || stream->give_up_at <= now) {
      end(stream);
      continue;
    }
    if (stream->announce_at <= now && stream->is_connected) announce(now, stream);
    if (stream->is_announced) pump_in(stream);
    if (stream->is_announced) pump_out(stream);
    if (stream->failed()) stream->fail_at = now;
    schedule(stream);
  }
}

void Streams::announce(Instant now, const Ref& stream) {
  stream->announce_at = Instant::never();
  const bool is_opener = stream->service.empty();
  if (!is_opener) {
    if (!host_.is_up(stream->host) || is_full(stream->host)) {
      stream->fail_at = now;
      return;
    }
    stream->id = StreamId(hosts_[stream->host.value()].next_accepted++);
    enter(stream);
  }
  stream->is_announced = true;
  if (!stream->out_bytes.empty()) stream->out_hop().push_bytes(now, stream->out_bytes.size());
  if (stream->fin_wanted) stream->out_hop().push_mark(now, Mark::fin);
  if (!stream->is_open) return;  // closed by its process before it was up
  host_.stream_event(stream->host, {is_opener ? StreamEvent::Kind::opened : StreamEvent::Kind::accepted, stream->id, stream->service, {}});
}

// The stream is over: its process hears of it unless it closed the stream itself.
void Streams::end(const Ref& stream) {
  const bool tell = stream->is_open;
  drop(stream);
  if (tell) host_.stream_event(stream->host, {StreamEvent::Kind::closed, stream->id, {}, {}});
}

// Through one link to the next.
void Streams::pass_on(const Ref& stream, bool out, size_t hop) {
  std::vector<Stream::Hop>& hops = out ? stream->out_hops : stream->in_hops;
  const Instant now = shared_.clock.now();
  SegmentHop::Arrived what;
  while (hop + 1 < hops.size() && hops[hop].segments.take_arrived(now, what)) {
    if (what.mark == Mark::none) hops[hop + 1].segments.push_bytes(now, what.length);
    else hops[hop + 1].segments.push_mark(now, what.mark);
  }
  hops[hop].segments.offer(shared_.at_link(hops[hop].link, hops[hop].is_up, now), shared_.model(hops[hop].link, hops[hop].is_up));
}

// From the process, through the up links, to the kernel.
void Streams::pump_out(const Ref& stream) {
  if (stream->dropped) return;
  const Instant now = shared_.clock.now();
  SegmentHop& last = stream->out_hops.back().segments;
  SegmentHop::Arrived what;
  do {
    while (last.take_arrived(now, what)) {
      if (what.mark == Mark::fin) stream->fin_released = true;
      stream->released.append(stream->out_bytes.view().subspan(0, what.length));
      stream->out_bytes.consume(what.length);
    }
    for (size_t hop = 0; hop < stream->out_hops.size(); ++hop) pass_on(stream, true, hop);
  } while (Stream::next(stream->out_hops) <= now);
  write_more(stream);
  schedule(stream);
}

void Streams::write_more(const Ref& stream) {
  if (!stream->writing.empty() || stream->dropped) return;
  if (stream->released.empty()) {
    if (stream->fin_released && !stream->fin_sent) {
      stream->fin_sent = true;
      error_code ignored;
      stream->socket.shutdown(tcp::socket::shutdown_send, ignored);
      stream->give_up_at = shared_.clock.now() + kLinger;
    }
    return;
  }
  const BytesView view = stream->released.view().subspan(0, kWritePiece);
  stream->writing.assign(view.begin(), view.end());
  stream->released.consume(view.size());
  asio::async_write(stream->socket, asio::buffer(stream->writing), [this, stream](const error_code& error, size_t) {
    stream->writing.clear();
    if (stream->dropped || error) return;  // reading tells what happened
    write_more(stream);
    host_.handled();
  });
}

void Streams::await_bytes(const Ref& stream) {
  if (stream->is_waiting || stream->peer_has_ended || stream->dropped || stream->in_bytes.size() >= kReadAhead) return;
  stream->is_waiting = true;
  stream->socket.async_wait(tcp::socket::wait_read, [this, stream](const error_code& error) {
    stream->is_waiting = false;
    if (stream->dropped || error) return;
    read_some(stream);
    await_bytes(stream);
    schedule(stream);
    host_.handled();
  });
}

void Streams::read_some(const Ref& stream) {
  error_code error;
  const size_t count = stream->socket.read_some(asio::buffer(piece_), error);
  if (error == asio::error::would_block || error == asio::error::interrupted) return;
  const Instant ready = shared_.clock.now() + stream->between;
  if (error) {
    stream->peer_has_ended = true;
    stream->in_hop().push_mark(ready, Mark::fin);
  } else {
    stream->in_bytes.append(BytesView(piece_.data(), count));
    stream->in_hop().push_bytes(ready, count);
  }
}

// From the kernel, through the down links, to the process.
void Streams::pump_in(const Ref& stream) {
  SegmentHop::Arrived what;
  // What the process does in a call below may end or fail the stream.
  while (!stream->dropped && stream->fail_at.is_never()) {
    const Instant now = shared_.clock.now();
    if (!stream->in_hops.back().segments.take_arrived(now, what)) {
      for (size_t hop = 0; hop < stream->in_hops.size(); ++hop) pass_on(stream, false, hop);
      if (Stream::next(stream->in_hops) > now) break;
      continue;
    }
    if (what.mark == Mark::fin) return end(stream);
    const BytesView view = stream->in_bytes.view().subspan(0, what.length);
    stream->shown.assign(view.begin(), view.end());
    stream->in_bytes.consume(what.length);
    await_bytes(stream);
    if (stream->is_open) host_.stream_event(stream->host, {StreamEvent::Kind::data, stream->id, {}, stream->shown});
  }
}

// ---- the table

void Streams::schedule(const Ref& stream) {
  if (stream->dropped) return;
  Instant next = std::min(stream->fail_at, stream->give_up_at);
  if (stream->is_announced) next = std::min({next, Stream::next(stream->out_hops), Stream::next(stream->in_hops)});
  else if (stream->is_connected) next = std::min(next, stream->announce_at);
  due_.set(stream->slot, next);
}

Streams::Ref Streams::make(HostId host, IpFamily family, uint32_t peer) {
  const bool known = peer != Directory::kNobody;
  const Duration trip = known ? round_trip(shared_.plan, host, HostId(peer)) : Duration::zero();
  const Ref stream = std::make_shared<Stream>(io_);
  stream->host = host;
  stream->family = family;
  stream->peer = peer;
  const SegmentHop segments(tcp_overhead(family), trip);
  const uint32_t other = known ? peer : host.value();
  const Routes& routes = *shared_.routes;
  stream->out_hops.push_back({host.value(), true, segments});
  for (uint32_t n = 0; n < routes.ups(host.value(), other); ++n) stream->out_hops.push_back({routes.hop(host.value(), other, n).link, true, segments});
  for (uint32_t n = routes.ups(other, host.value()); n < routes.count(other, host.value()); ++n) {
    const Routes::Hop hop = routes.hop(other, host.value(), n);
    stream->between += hop.before;
    stream->in_hops.push_back({hop.link, false, segments});
  }
  if (free_slots_.empty()) {
    stream->slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back(stream);
  } else {
    stream->slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[stream->slot] = stream;
  }
  return stream;
}

bool Streams::is_full(HostId host) {
  if (hosts_[host.value()].slots.size() < kMaxStreamsPerHost) return false;
  ++limit_closes_;
  return true;
}

void Streams::enter(const Ref& stream) {
  HostState& state = hosts_[stream->host.value()];
  stream->is_open = true;
  state.ids.set(stream->id, stream->slot);
  state.slots.push_back(stream->slot);
}

void Streams::leave(const Ref& stream) {
  if (!stream->is_open) return;
  stream->is_open = false;
  HostState& state = hosts_[stream->host.value()];
  state.ids.erase(stream->id);
  state.slots.erase(std::find(state.slots.begin(), state.slots.end(), stream->slot));
}

void Streams::drop(const Ref& stream) {
  if (stream->dropped) return;
  leave(stream);
  stream->dropped = true;
  if (stream->caller_port != 0) shared_.directory.remove_caller(stream->family, stream->caller_port);
  error_code ignored;
  stream->socket.close(ignored);
  due_.set(stream->slot, Instant::never());
  slots_[stream->slot].reset();
  free_slots_.push_back(stream->slot);
}

}  // namespace tacoma::host
