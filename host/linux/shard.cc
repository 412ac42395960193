#include "host/linux/shard.h"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>

namespace tacoma::host {
namespace {

// Bounded work: after so much, the loop looks at its other duties before it goes on.
constexpr size_t kReceivesPerWake = 512;
constexpr size_t kReleasesPerWake = 1024;
constexpr size_t kDeadlinesPerWake = 1024;
constexpr size_t kDatagramsPerCall = 64;
constexpr Duration kLate = Duration::milliseconds(5);

int new_epoll() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  TACOMA_ASSERT(fd >= 0);
  return fd;
}

}  // namespace

Shard::Shard(Shared& shared)
    : shared_(shared), udp_ready_(io_, new_epoll()), timer_(io_), pool_(std::make_unique<PacketPool>()), outbox_(*pool_),
      receive_batch_(*pool_), hosts_(shared.plan.hosts.size()), streams_(io_, shared, *this), messages_(*this) {
  if (shared.outside) web_ = std::make_unique<WebStreams>(io_, shared, *shared.outside, static_cast<StreamHost&>(*this));
}

Shard::~Shard() {
  outbox_.clear();
  held_.clear();
  hosts_.clear();
  received_.clear();
  receive_batch_.clear();
  PacketPool::retire(std::move(pool_));
}

void Shard::adopt(HostId host) {
  hosts_[host.value()].mine = true;
  own_.push_back(host.value());
  for (const UdpSocket& socket : shared_.udp[host.value()]) {
    if (!socket.fd) continue;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = uint64_t{host.value()} << 1 | Directory::index(socket.address.ip.family);
    TACOMA_ASSERT(::epoll_ctl(udp_ready_.native_handle(), EPOLL_CTL_ADD, socket.fd.get(), &event) == 0);
  }
}

void Shard::attach(HostId id, Process* process) {
  Host& host = hosts_[id.value()];
  TACOMA_ASSERT(host.mine);
  if (host.process) {
    host.process = nullptr;
    host.deadline = Instant::never();
    deadlines_.set(id.value(), Instant::never());
    messages_.host_gone(id);
    if (web_) web_->host_gone(id);
    streams_.host_gone(shared_.clock.now(), id);
  }
  starting_.erase(std::remove(starting_.begin(), starting_.end(), id.value()), starting_.end());
  if (!process) return;
  host.process = process;
  streams_.host_here(id);
  if (running_) start(id.value());
  else starting_.push_back(id.value());
}

void Shard::inspect(HostId host, const std::function<void(Process&, Instant, Outbox&)>& look) {
  Process* process = hosts_[host.value()].process;
  if (!process) return;
  look(*process, shared_.clock.now(), outbox_);
  after_call(host.value());
}

void Shard::sample_links(std::vector<LinkSample>& out) {
  const Instant now = shared_.clock.now();
  for (const std::vector<uint32_t>* mine : {&own_, &own_sites_})
    for (uint32_t host : *mine)
      for (const bool is_up : {true, false}) {
        LinkModel& link = shared_.model(host, is_up);
        const LinkModel::Counts counts = link.take_counts(now);
        out.push_back({HostId(host), is_up, link.rate_at(now), counts.packets, counts.bytes, counts.queue_drops, counts.loss_drops, counts.queue_max, counts.marked});
      }
}

void Shard::add_stats(WorldStats& out) {
  out.datagrams_sent += stats_.datagrams_sent;
  out.datagrams_delivered += stats_.datagrams_delivered;
  out.late += stats_.late;
  out.timed += stats_.timed;
  out.late_max = std::max(out.late_max, stats_.late_max);
  out.drops += stats_.drops;
  out.drops.count(Drop::stream_limit, streams_.limit_closes() + (web_ ? web_->limit_closes() : 0));
  for (uint32_t host : own_)
    for (const UdpSocket& socket : shared_.udp[host])
      if (socket.fd) out.drops.count(Drop::socket_overflow, kernel_drops(socket.fd.get()));
}

void Shard::run() {
  ::prctl(PR_SET_TIMERSLACK, 1000UL);  // a microsecond instead of 50
  running_ = true;
  for (uint32_t host : starting_) start(host);
  starting_.clear();
  await_datagrams();
  serve();
  const auto work = boost::asio::make_work_guard(io_);
  io_.run();
}

void Shard::call(const std::function<void()>& work) {
  std::promise<void> done;
  boost::asio::post(io_, [&] {
    work();
    serve();
    done.set_value();
  });
  done.get_future().wait();
}

void Shard::start(uint32_t host) {
  hosts_[host].process->start(shared_.clock.now(), outbox_);
  after_call(host);
}

void Shard::tell(HostId host, const StreamEvent& event) {
  hosts_[host.value()].process->on_stream(shared_.clock.now(), event, outbox_);
  after_call(host.value());
}

void Shard::await_datagrams() {
  udp_ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    receive_some();
    serve();
    await_datagrams();
  });
}

void Shard::receive_some() {
  epoll_event events[64];
  const int count = ::epoll_wait(udp_ready_.native_handle(), events, 64, 0);
  size_t handled = 0;
  for (int i = 0; i < count && handled < kReceivesPerWake; ++i) {
    const uint32_t host = static_cast<uint32_t>(events[i].data.u64 >> 1);
    received_.clear();
    receive_batch_.receive(shared_.udp[host][events[i].data.u64 & 1].fd.get(), received_, stats_.drops);
    handled += received_.size();
    const Instant now = shared_.clock.now();
    for (ReceiveBatch::Received& datagram : received_) {
      const uint32_t from = shared_.directory.udp_host(datagram.from);
      // A stranger comes straight to the host's own link, as from the host itself.
      const uint32_t sender = from == Directory::kNobody ? host : from;
      const uint32_t hop = shared_.routes->ups(sender, host);
      const Duration between = shared_.routes->hop(sender, host, hop).before;
      Held held{Held::Stage::enter_down, static_cast<uint8_t>(hop), datagram.ecn, host, sender, datagram.from, std::move(datagram.packet)};
      if (between == Duration::zero()) enter_down_link(now, std::move(held));
      else hold(now + between, std::move(held));
    }
  }
}

void Shard::await_timer() {
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error == boost::asio::error::operation_aborted) return;  // set to an earlier time meanwhile
    armed_ = Instant::never();
    serve();
  });
}

// The timer is set anew only for an earlier time: waking once for nothing costs less than setting it after each call.
void Shard::arm(Instant at) {
  if (!running_ || at >= armed_) return;
  armed_ = at;
  timer_.expires_at(shared_.clock.at(at));
  await_timer();
}

// What every wake-up ends with: all that is due is done, what leaves leaves, the next wake-up is set.
void Shard::serve() {
  if (!running_) return;
  release_due(shared_.clock.now());
  flush_inboxes();
  run_deadlines(shared_.clock.now());
  streams_.run_due();
  send_batch_.flush(stats_.drops);
  Instant next = std::min(deadlines_.earliest(), streams_.next_due());
  if (!due_.empty()) next = std::min(next, due_.front().at);
  arm(next);
}

void Shard::release_due(Instant now) {
  for (size_t done = 0; done < kReleasesPerWake && !due_.empty() && due_.front().at <= now; ++done) {
    const Due due = due_.front();
    std::pop_heap(due_.begin(), due_.end());
    due_.pop_back();
    Held held = std::move(held_[due.held]);
    free_held_.push_back(due.held);
    count_lateness(now, due.at);
    switch (held.stage) {
      case Held::Stage::enter_up: enter_up_link(due.at, std::move(held)); break;
      case Held::Stage::send:
        send_batch_.add(shared_.udp[held.host][Directory::index(held.peer.ip.family)].fd.get(), held.peer, std::move(held.packet), held.ecn, stats_.drops);
        break;
      case Held::Stage::enter_down: enter_down_link(due.at, std::move(held)); break;
      case Held::Stage::deliver: deliver(due.at, std::move(held)); break;
    }
  }
}

// A packet that comes to the up link of a site its sender is behind. `at` is when the model has it there; this call may come a
// little later.
void Shard::enter_up_link(Instant at, Held held) {
  const Routes::Hop hop = shared_.routes->hop(held.host, held.other, held.hop);
  const LinkVerdict verdict = shared_.offer(hop.link, true, at, static_cast<int64_t>(held.packet.size()) + udp_overhead(held.peer.ip.family), held.ecn);
  if (!verdict.delivered) return stats_.drops.count(verdict.reason);
  held.ecn = verdict.ecn;
  if (++held.hop == shared_.routes->ups(held.host, held.other)) return leave(verdict.arrival, std::move(held));
  hold(verdict.arrival, std::move(held));
}

// The same towards the receiver: the down links of its sites, then its own.
void Shard::enter_down_link(Instant at, Held held) {
  const Routes::Hop hop = shared_.routes->hop(held.other, held.host, held.hop);
  const LinkVerdict verdict = shared_.offer(hop.link, false, at, static_cast<int64_t>(held.packet.size()) + udp_overhead(held.peer.ip.family), held.ecn);
  if (!verdict.delivered) return stats_.drops.count(verdict.reason);
  held.ecn = verdict.ecn;
  if (++held.hop < shared_.routes->count(held.other, held.host)) return hold(verdict.arrival, std::move(held));
  if (verdict.arrival <= shared_.clock.now()) return deliver(verdict.arrival, std::move(held));
  held.stage = Held::Stage::deliver;
  hold(verdict.arrival, std::move(held));
}

void Shard::deliver(Instant arrived, Held held) {
  const uint32_t index = held.host;
  const SocketAddress& from = held.peer;
  Host& host = hosts_[index];
  if (!host.process) return stats_.drops.count(Drop::host_down);
  const SocketAddress& to = shared_.udp[index][Directory::index(from.ip.family)].address;
  ++stats_.datagrams_delivered;
  if (shared_.tap) shared_.tap->delivered(arrived, HostId(index), from, to, held.packet.bytes());
  if (host.inbox.empty()) ready_.push_back(index);
  host.inbox.push_back({from, to, std::move(held.packet), arrived, held.ecn});
}

void Shard::flush_inboxes() {
  for (uint32_t index : ready_) {
    Host& host = hosts_[index];
    for (size_t done = 0; done < host.inbox.size() && host.process; done += kDatagramsPerCall) {
      host.process->on_datagrams(shared_.clock.now(), Span<Datagram>(host.inbox).subspan(done, kDatagramsPerCall), outbox_);
      after_call(index);
    }
    host.inbox.clear();
  }
  ready_.clear();
}

void Shard::run_deadlines(Instant now) {
  uint32_t index;
  for (size_t done = 0; done < kDeadlinesPerWake && deadlines_.pop_due(now, index); ++done) {
    Host& host = hosts_[index];
    const Instant called = shared_.clock.now();
    const Instant due = std::max(host.deadline, host.deadline_known);
    host.deadline = Instant::never();
    host.process->on_deadline(called, outbox_);
    // What a late call sends is late, each packet of it: after a stall one call makes up for many.
    count_lateness(called, due, std::max<size_t>(1, outbox_.sends().size()));
    assert_deadline_advanced(shared_.plan.hosts[index].name, host.process->deadline(), called);
    after_call(index);
  }
}

// Carries out what the process of a host asked for in its call and learns when it wants to be woken.
void Shard::after_call(uint32_t index) {
  Host& host = hosts_[index];
  const Instant now = shared_.clock.now();
  const Instant deadline = host.process->deadline().at;
  if (deadline != host.deadline) {
    host.deadline = deadline;
    host.deadline_known = now;
    deadlines_.set(index, deadline);
  }
  if (outbox_.empty()) return;
  for (Outbox::Send& item : outbox_.sends()) send(index, now, item);
  for (const Outbox::StreamOp& op : outbox_.stream_ops()) {
    if (shared_.tap && op.kind == Outbox::StreamOp::Kind::write) shared_.tap->stream_written(now, HostId(index), op.id, outbox_.stream_bytes(op));
    if (web_ && web_->carry_out(HostId(index), outbox_, op)) continue;
    messages_.carry_out(now, HostId(index), outbox_, op);
  }
  outbox_.clear();
}

void Shard::send(uint32_t index, Instant now, Outbox::Send& item) {
  if (!item.packet) return stats_.drops.count(Drop::pool_exhausted);
  TACOMA_ASSERT(item.packet.unique());
  ++stats_.datagrams_sent;
  const UdpSocket& socket = shared_.udp[index][Directory::index(item.to.ip.family)];
  if (shared_.tap) shared_.tap->sent(now, HostId(index), socket.address, item.to, item.packet.bytes());
  const LinkVerdict verdict = shared_.offer(index, true, now, static_cast<int64_t>(item.packet.size()) + udp_overhead(item.to.ip.family), item.ecn);
  if (!verdict.delivered) return stats_.drops.count(verdict.reason);
  if (!socket.fd) return stats_.drops.count(Drop::no_route);  // a family that the plan does not use
  if (shared_.plan.hosts[index].site) {
    const uint32_t to = shared_.directory.udp_host(item.to);
    if (to != Directory::kNobody && shared_.routes->ups(index, to) > 0)
      return hold(verdict.arrival, {Held::Stage::enter_up, 0, verdict.ecn, index, to, item.to, std::move(item.packet)});
  }
  leave(verdict.arrival, {Held::Stage::send, 0, verdict.ecn, index, 0, item.to, std::move(item.packet)});
}

// To the kernel, now or when the links let go of it.
void Shard::leave(Instant at, Held held) {
  held.stage = Held::Stage::send;
  if (at > shared_.clock.now()) return hold(at, std::move(held));
  send_batch_.add(shared_.udp[held.host][Directory::index(held.peer.ip.family)].fd.get(), held.peer, std::move(held.packet), held.ecn, stats_.drops);
}

void Shard::hold(Instant at, Held held) {
  uint32_t place = static_cast<uint32_t>(held_.size());
  if (free_held_.empty()) {
    held_.push_back(std::move(held));
  } else {
    place = free_held_.back();
    free_held_.pop_back();
    held_[place] = std::move(held);
  }
  due_.push_back({at, next_order_++, place});
  std::push_heap(due_.begin(), due_.end());
}

void Shard::count_lateness(Instant now, Instant due, size_t times) {
  const Duration late = now - due;
  stats_.timed += times;
  if (late > kLate) stats_.late += times;
  stats_.late_max = std::max(stats_.late_max, late);
}

}  // namespace tacoma::host
