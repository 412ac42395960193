#include "host/daemon/process_host.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace tacoma::host {

namespace {
constexpr size_t kBatchesPerWake = 8;  // then the loop looks at its other duties
size_t index(IpFamily family) { return family == IpFamily::v4 ? 0 : 1; }
}  // namespace

ProcessHost::ProcessHost(boost::asio::io_context& io, Log log)
    : io_(io), log_(std::move(log)), pool_(std::make_unique<PacketPool>()), outbox_(*pool_), receive_batch_(*pool_), timer_(io) {}

ProcessHost::~ProcessHost() {
  detach();
  outbox_.clear();
  batch_.clear();
  received_.clear();
  receive_batch_.clear();
  PacketPool::retire(std::move(pool_));
}

Instant ProcessHost::now() const {
  return Instant::at(Duration::nanoseconds(std::chrono::nanoseconds(std::chrono::steady_clock::now() - zero_).count()));
}

Result<SocketAddress> ProcessHost::open_udp(const SocketAddress& wanted) {
  Udp& udp = udp_[index(wanted.ip.family)];
  TACOMA_ASSERT(!udp.socket.fd);
  auto made = open_udp_at(wanted);
  if (!made) return fail(made.error());
  if (made->small_buffer)
    log(true, "the kernel grants less than " + std::to_string(kReceiveBuffer >> 20) + " MB of receive buffer (sysctl net.core.rmem_max): bursts may overflow it");
  udp.socket = std::move(*made);
  udp.ready = std::make_unique<boost::asio::posix::stream_descriptor>(io_, ::dup(udp.socket.fd.get()));
  return udp.socket.address;
}

void ProcessHost::attach(Process& process) {
  process_ = &process;
  process.start(now(), outbox_);
  after_call();
  for (size_t family = 0; family < 2; ++family)
    if (udp_[family].ready) await_datagrams(family);
}

void ProcessHost::detach() {
  process_ = nullptr;
  timer_.cancel();
  for (Udp& udp : udp_) udp.ready.reset();
  for (auto& [id, sink] : std::exchange(streams_, {})) sink->close();
}

void ProcessHost::look(const std::function<void(Process&, Instant, Outbox&)>& what) {
  if (!process_) return;
  what(*process_, now(), outbox_);
  after_call();
}

void ProcessHost::await_datagrams(size_t family) {
  udp_[family].ready->async_wait(boost::asio::posix::stream_descriptor::wait_read, [this, family](const boost::system::error_code& error) {
    if (error || !process_) return;
    receive(family);
    if (process_) await_datagrams(family);
  });
}

void ProcessHost::receive(size_t family) {
  const UdpSocket& socket = udp_[family].socket;
  for (size_t batches = 0; batches < kBatchesPerWake && process_; ++batches) {
    received_.clear();
    receive_batch_.receive(socket.fd.get(), received_, stats_.drops);
    if (received_.empty()) return;
    const Instant arrived = now();
    batch_.clear();
    for (ReceiveBatch::Received& one : received_) {
      stats_.bytes_in += one.packet.size();
      batch_.push_back({one.from, socket.address, std::move(one.packet), arrived, one.ecn});
    }
    stats_.datagrams_in += batch_.size();
    stats_.batch_packets.add(static_cast<double>(batch_.size()));
    process_->on_datagrams(arrived, Span<Datagram>(batch_), outbox_);
    after_call();
    stats_.call_seconds.add((now() - arrived).to_seconds());
    if (received_.size() < ReceiveBatch::kMost) return;
  }
}

void ProcessHost::event(StreamEvent::Kind kind, StreamId id, std::string_view service, BytesView data) {
  if (!process_) return;
  StreamEvent e;
  e.kind = kind;
  e.id = id;
  e.service = service;
  e.data = data;
  process_->on_stream(now(), e, outbox_);
  after_call();
}

StreamId ProcessHost::accept_stream(std::string_view service, std::shared_ptr<StreamSink> sink) {
  if (streams_.size() >= kMaxStreamsPerHost || !process_) {
    stats_.drops.count(Drop::stream_limit);
    return StreamId(0);
  }
  const StreamId id(next_accepted_++);
  streams_[id] = std::move(sink);
  event(StreamEvent::Kind::accepted, id, service, {});
  return id;
}

void ProcessHost::stream_opened(StreamId id) {
  if (streams_.count(id) != 0) event(StreamEvent::Kind::opened, id, {}, {});
}

void ProcessHost::stream_data(StreamId id, BytesView bytes) {
  if (streams_.count(id) != 0) event(StreamEvent::Kind::data, id, {}, bytes);
}

void ProcessHost::stream_closed(StreamId id) {
  if (streams_.erase(id) != 0) event(StreamEvent::Kind::closed, id, {}, {});
}

void ProcessHost::open(StreamId id, const std::string& service) {
  const auto target = targets_.find(service);
  if (target == targets_.end() || streams_.size() >= kMaxStreamsPerHost) {
    log(true, "no server is configured for streams to '" + service + "'");
    boost::asio::post(io_, [this, id] { event(StreamEvent::Kind::closed, id, {}, {}); });
    return;
  }
  streams_[id] = make_client_stream(*this, id, target->second);
}

void ProcessHost::after_call() {
  for (Outbox::Send& item : outbox_.sends()) {
    if (!item.packet) {
      stats_.drops.count(Drop::pool_exhausted);
      continue;
    }
    const UdpSocket& socket = udp_[index(item.to.ip.family)].socket;
    if (!socket.fd) {
      stats_.drops.count(Drop::no_route);
      continue;
    }
    ++stats_.datagrams_out;
    stats_.bytes_out += item.packet.size();
    send_batch_.add(socket.fd.get(), item.to, std::move(item.packet), item.ecn, stats_.drops);
  }
  send_batch_.flush(stats_.drops);
  for (const Outbox::StreamOp& op : outbox_.stream_ops()) {
    if (op.kind == Outbox::StreamOp::Kind::open) {
      open(op.id, op.service);
      continue;
    }
    const auto stream = streams_.find(op.id);
    if (stream == streams_.end()) continue;  // the other side closed it meanwhile
    if (op.kind == Outbox::StreamOp::Kind::write) {
      stream->second->write(outbox_.stream_bytes(op));
    } else {
      const auto sink = std::move(stream->second);
      streams_.erase(stream);
      sink->close();
    }
  }
  outbox_.clear();
  arm();
  if (watcher_) watcher_(*process_);
}

void ProcessHost::arm() {
  const Instant at = process_->deadline().at;
  if (at >= armed_) return;  // waking once for nothing costs less than setting the timer after each call
  armed_ = at;
  timer_.expires_at(zero_ + std::chrono::nanoseconds(at.ns()));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && process_) on_timer();
  });
}

void ProcessHost::on_timer() {
  armed_ = Instant::never();
  const Instant at = now();
  if (process_->deadline().at > at) return arm();
  process_->on_deadline(at, outbox_);
  const Deadline next = process_->deadline();
  if (next.at <= at) log(true, std::string("deadline does not advance: ") + next.reason);
  TACOMA_ASSERT(next.at > at);
  after_call();
}

}  // namespace tacoma::host
