#include "sim/light/light_world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/deadlines.h"
#include "core/base/host_links.h"
#include "core/base/message_streams.h"
#include "sim/light/event_heap.h"
#include "sim/light/streams.h"

namespace tacoma {
namespace light {
namespace {

constexpr uint16_t kPort = 10000;
constexpr uint32_t kMaxHosts = (1u << 24) - 2;      // what 10.0.0.0/8 holds
constexpr uint32_t kMaxRoundsPerInstant = 100'000;  // processes that answer each other over links without delay stop time
constexpr uint32_t kNobody = 0xffffffff;

SocketAddress address_of(uint32_t host, IpFamily family) {
  const uint32_t n = host + 1;
  SocketAddress address;
  address.port = kPort;
  address.ip = IpAddress::v4(10, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n));
  if (family == IpFamily::v6) {
    address.ip = IpAddress();
    address.ip.family = IpFamily::v6;
    address.ip.bytes[0] = 0xfd;
    store_u32(&address.ip.bytes[12], n);
  }
  return address;
}

class LightWorld final : public World, private StreamHost, private MessageStreams::Ends {
 public:
  LightWorld(const NetworkPlan& plan, const WorldOptions& options)
      : plan_(plan), tap_(options.tap), wake_late_(options.wake_late), late_rng_(Rng(plan.seed).split("late wakes")), links_(make_links(plan)), routes_(plan_), hosts_(plan.hosts.size()),
        pool_(std::make_unique<PacketPool>()), outbox_(*pool_), streams_(plan_, links_, routes_, events_, *this), messages_(*this) {}
  ~LightWorld() override {
    outbox_.clear();
    hosts_.clear();
    flights_.clear();
    PacketPool::retire(std::move(pool_));
  }

  SocketAddress address(HostId host, IpFamily family) const override {
    TACOMA_ASSERT(host.value() < hosts_.size());
    return address_of(host.value(), family);
  }
  void attach(HostId host, Process* process) override;
  void listen(HostId host, std::string service) override {
    TACOMA_ASSERT(host.value() < hosts_.size());
    streams_.listen(host, std::move(service));
  }
  void run_until(Instant end) override;
  Instant now() const override { return now_; }
  void inspect(HostId host, const std::function<void(Process&, Instant, Outbox&)>& look) override {
    if (Process* process = hosts_[host.value()].process) {
      look(*process, now_, outbox_);
      after_call(host.value());
    }
  }
  void sample_links(std::vector<LinkSample>& out) override;
  WorldStats stats() override {
    WorldStats stats = stats_;
    stats.drops.count(Drop::stream_limit, streams_.limit_closes());
    return stats;
  }

 private:
  struct Host {
    Process* process = nullptr;
    Instant deadline = Instant::never();
    std::vector<Datagram> inbox;  // what has arrived at this instant
  };
  /// A datagram on its way.
  struct Flight {
    PacketRef packet;
    uint32_t from = 0, to = 0;
    IpFamily family = IpFamily::v4;
    uint8_t hop = 0;  // the next, of its route
    Ecn ecn = Ecn::not_ect;
  };

  bool is_up(HostId host) const override { return hosts_[host.value()].process != nullptr; }
  void stream_event(HostId host, const StreamEvent& event) override { messages_.on_event(now_, host, event); }
  void open_bytes(Instant now, HostId host, StreamId id, const std::string& service) override { streams_.open(now, host, id, service); }
  void write_bytes(Instant now, HostId host, StreamId id, BytesView bytes) override { streams_.write(now, host, id, bytes); }
  void close_bytes(Instant now, HostId host, StreamId id) override { streams_.close(now, host, id); }
  void tell(HostId host, const StreamEvent& event) override {
    hosts_[host.value()].process->on_stream(now_, event, outbox_);
    after_call(host.value());
  }

  void run_instant();
  void handle(const Event& event);
  void start(uint32_t host);
  void flush_inbox(uint32_t host);
  void run_deadline(uint32_t host);
  void after_call(uint32_t host);
  void send(uint32_t host, Outbox::Send& item);
  void enter_link(uint32_t flight);
  void deliver(uint32_t flight);
  void drop(uint32_t flight, Drop reason);
  uint32_t host_at(const SocketAddress& to) const;
  uint32_t new_flight(Flight flight);

  const NetworkPlan plan_;
  Tap* const tap_;
  const Duration wake_late_;
  Rng late_rng_;
  std::vector<HostLinks> links_;
  const Routes routes_;
  std::vector<Host> hosts_;
  std::vector<uint32_t> starting_;  // attached before the first run_until, in order
  std::vector<uint32_t> ready_;     // hosts whose inbox holds something, in order of its first packet
  std::unique_ptr<PacketPool> pool_;
  Outbox outbox_;
  EventHeap events_;
  Deadlines deadlines_;
  std::vector<Flight> flights_;
  std::vector<uint32_t> free_flights_;
  Streams streams_;
  MessageStreams messages_;
  Instant now_;
  bool running_ = false;
  WorldStats stats_;
};

void LightWorld::attach(HostId id, Process* process) {
  TACOMA_ASSERT(id.value() < hosts_.size());
  Host& host = hosts_[id.value()];
  if (host.process) {
    host.process = nullptr;
    host.deadline = Instant::never();
    deadlines_.set(id.value(), Instant::never());
    messages_.host_gone(id);
    streams_.host_gone(now_, id);
  }
  if (!process) return;
  host.process = process;
  if (running_) return start(id.value());
  starting_.erase(std::remove(starting_.begin(), starting_.end(), id.value()), starting_.end());
  starting_.push_back(id.value());
}

void LightWorld::run_until(Instant end) {
  if (!running_) {
    running_ = true;
    for (uint32_t host : starting_)
      if (hosts_[host].process) start(host);
    starting_.clear();
  }
  for (;;) {
    const Instant next = std::min(events_.earliest(), deadlines_.earliest());
    if (next > end || next.is_never()) break;
    now_ = std::max(now_, next);
    run_instant();
  }
  now_ = std::max(now_, end);
}

// Everything that happens at now_, in rounds: arrivals, then what the processes make of them, which may arrive at once.
void LightWorld::run_instant() {
  uint32_t rounds = 0;
  do {
    if (++rounds > kMaxRoundsPerInstant) {
      std::fprintf(stderr, "internal rule broken: time does not get past %.9f s, processes keep each other busy over links without delay\n", now_.since_start().to_seconds());
      std::abort();
    }
    while (events_.earliest() <= now_) handle(events_.pop());
    for (uint32_t host : ready_) flush_inbox(host);
    ready_.clear();
    uint32_t host;
    while (deadlines_.pop_due(now_, host)) run_deadline(host);
  } while (events_.earliest() <= now_ || deadlines_.earliest() <= now_);
}

void LightWorld::handle(const Event& event) {
  switch (event.kind) {
    case Event::Kind::at_link: return enter_link(event.index);
    case Event::Kind::at_host: return deliver(event.index);
    case Event::Kind::stream_wake:
    case Event::Kind::stream_end: return streams_.handle(now_, event);
  }
}

void LightWorld::start(uint32_t host) {
  hosts_[host].process->start(now_, outbox_);
  after_call(host);
}

void LightWorld::flush_inbox(uint32_t index) {
  Host& host = hosts_[index];
  if (host.process) {
    host.process->on_datagrams(now_, Span<Datagram>(host.inbox), outbox_);
    host.inbox.clear();
    after_call(index);
  }
  host.inbox.clear();
}

void LightWorld::run_deadline(uint32_t index) {
  Host& host = hosts_[index];
  host.deadline = Instant::never();  // taken out of the heap
  host.process->on_deadline(now_, outbox_);
  assert_deadline_advanced(plan_.hosts[index].name, host.process->deadline(), now_);
  after_call(index);
}

// Carries out what the process of a host asked for in its call and learns when it wants to be woken.
void LightWorld::after_call(uint32_t index) {
  Host& host = hosts_[index];
  const Instant deadline = host.process->deadline().at;
  if (deadline != host.deadline) {
    host.deadline = deadline;
    deadlines_.set(index, wake_late_ == Duration::zero() || deadline.is_never() ? deadline : deadline + late_rng_.uniform(Duration::zero(), wake_late_));
  }
  if (outbox_.empty()) return;
  for (Outbox::Send& item : outbox_.sends()) send(index, item);
  for (const Outbox::StreamOp& op : outbox_.stream_ops()) {
    if (tap_ && op.kind == Outbox::StreamOp::Kind::write) tap_->stream_written(now_, HostId(index), op.id, outbox_.stream_bytes(op));
    messages_.carry_out(now_, HostId(index), outbox_, op);
  }
  outbox_.clear();
}

void LightWorld::send(uint32_t index, Outbox::Send& item) {
  if (!item.packet) return stats_.drops.count(Drop::pool_exhausted);
  TACOMA_ASSERT(item.packet.unique());
  ++stats_.datagrams_sent;
  const IpFamily family = item.to.ip.family;
  if (tap_) tap_->sent(now_, HostId(index), address_of(index, family), item.to, item.packet.bytes());
  const int64_t ip_bytes = static_cast<int64_t>(item.packet.size()) + udp_overhead(family);
  const LinkVerdict verdict = links_[index].up.offer(now_, ip_bytes, item.ecn);
  if (!verdict.delivered) return stats_.drops.count(verdict.reason);
  const uint32_t to = host_at(item.to);
  if (to == kNobody) return stats_.drops.count(Drop::no_route);
  const Instant at = verdict.arrival + routes_.hop(index, to, 0).before;
  events_.push({at, 0, new_flight({std::move(item.packet), index, to, family, 0, verdict.ecn}), 0, Event::Kind::at_link, 0});
}

void LightWorld::enter_link(uint32_t index) {
  Flight& flight = flights_[index];
  const Routes::Hop hop = routes_.hop(flight.from, flight.to, flight.hop);
  const int64_t ip_bytes = static_cast<int64_t>(flight.packet.size()) + udp_overhead(flight.family);
  const LinkVerdict verdict = (hop.is_up ? links_[hop.link].up : links_[hop.link].down).offer(now_, ip_bytes, flight.ecn);
  if (!verdict.delivered) return drop(index, verdict.reason);
  flight.ecn = verdict.ecn;
  if (++flight.hop < routes_.count(flight.from, flight.to)) {
    const Instant at = verdict.arrival + routes_.hop(flight.from, flight.to, flight.hop).before;
    return events_.push({at, 0, index, 0, Event::Kind::at_link, 0});
  }
  if (verdict.arrival == now_) return deliver(index);
  events_.push({verdict.arrival, 0, index, 0, Event::Kind::at_host, 0});
}

void LightWorld::deliver(uint32_t index) {
  Flight& flight = flights_[index];
  Host& host = hosts_[flight.to];
  if (!host.process) return drop(index, Drop::host_down);
  const SocketAddress from = address_of(flight.from, flight.family), to = address_of(flight.to, flight.family);
  ++stats_.datagrams_delivered;
  if (tap_) tap_->delivered(now_, HostId(flight.to), from, to, flight.packet.bytes());
  if (host.inbox.empty()) ready_.push_back(flight.to);
  host.inbox.push_back({from, to, std::move(flight.packet), now_, flight.ecn});
  free_flights_.push_back(index);
}

void LightWorld::drop(uint32_t index, Drop reason) {
  stats_.drops.count(reason);
  flights_[index].packet.reset();
  free_flights_.push_back(index);
}

uint32_t LightWorld::host_at(const SocketAddress& to) const {
  const auto& b = to.ip.bytes;
  const uint32_t n = to.ip.family == IpFamily::v4 ? load_u24(&b[1]) : load_u32(&b[12]);
  if (n == 0 || n > hosts_.size() || to != address_of(n - 1, to.ip.family)) return kNobody;
  return n - 1;
}

uint32_t LightWorld::new_flight(Flight flight) {
  if (free_flights_.empty()) {
    flights_.push_back(std::move(flight));
    return static_cast<uint32_t>(flights_.size() - 1);
  }
  const uint32_t index = free_flights_.back();
  free_flights_.pop_back();
  flights_[index] = std::move(flight);
  return index;
}

void LightWorld::sample_links(std::vector<LinkSample>& out) {
  for (uint32_t host = 0; host < links_.size(); ++host) {
    for (const bool is_up : {true, false}) {
      LinkModel& link = is_up ? links_[host].up : links_[host].down;
      const LinkModel::Counts counts = link.take_counts(now_);
      out.push_back({HostId(host), is_up, link.rate_at(now_), counts.packets, counts.bytes, counts.queue_drops, counts.loss_drops, counts.queue_max, counts.marked});
    }
  }
}

}  // namespace
}  // namespace light

Result<std::unique_ptr<World>> make_light_world(const NetworkPlan& plan, const WorldOptions& options) {
  if (Result<void> checked = check_network(plan, true); !checked) return fail(checked.error());
  if (plan.hosts.size() > light::kMaxHosts)
    return fail("the plan has " + std::to_string(plan.hosts.size()) + " hosts; the light world has addresses for " + std::to_string(light::kMaxHosts));
  return std::unique_ptr<World>(std::make_unique<light::LightWorld>(plan, options));
}

}  // namespace tacoma
