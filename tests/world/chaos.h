// Processes that open, write and close streams at random while hosts go down and come back. What they hear must make sense at
// every step; the world must neither crash nor lose, repeat or reorder a byte.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/base/rng.h"
#include "tests/world/conformance.h"

namespace tacoma::conformance {

class Chaos : public Process {
 public:
  Chaos(uint64_t seed, uint32_t services) : rng_(seed), services_(services) {}

  uint64_t faults = 0;  // events that make no sense
  uint64_t opened = 0, accepted = 0, closed = 0, bytes = 0;

  void start(Instant now, Outbox&) override { next_ = now + ms(1); }
  void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
  void on_stream(Instant, const StreamEvent& event, Outbox& out) override {
    const auto found = streams_.find(event.id.value());
    switch (event.kind) {
      case StreamEvent::Kind::accepted:
        if (found != streams_.end() || event.id.value() < 0x80000000u) ++faults;
        streams_[event.id.value()] = {true, 0, 0};
        ++accepted;
        break;
      case StreamEvent::Kind::opened:
        if (found == streams_.end() || found->second.is_up) ++faults;
        else found->second.is_up = true;
        ++opened;
        break;
      case StreamEvent::Kind::data:
        if (found == streams_.end() || !found->second.is_up || event.data.empty()) { ++faults; break; }
        for (uint8_t byte : event.data) faults += byte != pattern(found->second.read++);
        bytes += event.data.size();
        break;
      case StreamEvent::Kind::closed:
        if (streams_.erase(event.id.value()) != 1) ++faults;
        ++closed;
        break;
    }
    if (rng_.chance(0.3)) act(out);
  }
  void on_deadline(Instant now, Outbox& out) override {
    act(out);
    next_ = now + rng_.uniform(Duration::microseconds(100), ms(8));
  }
  Deadline deadline() const override { return {next_, "act"}; }

 private:
  struct Mine {
    bool is_up = false;
    uint64_t written = 0, read = 0;
  };
  static uint8_t pattern(uint64_t place) { return static_cast<uint8_t>(place * 31 + (place >> 8)); }

  void act(Outbox& out) {
    const uint32_t dice = rng_.below(10);
    if (dice < 2 && streams_.size() < 40) {
      const uint32_t id = next_id_++;
      streams_[id] = {};
      out.open_stream(StreamId(id), "service " + std::to_string(rng_.below(services_)));
      if (rng_.chance(0.2)) return close(id, out);
      return write(id, out);
    }
    if (streams_.empty()) return;
    auto any = streams_.begin();
    std::advance(any, rng_.below(static_cast<uint32_t>(streams_.size())));
    if (dice == 9) return close(any->first, out);
    write(any->first, out);
  }
  void write(uint32_t id, Outbox& out) {
    Mine& mine = streams_[id];
    std::vector<uint8_t> piece(rng_.chance(0.1) ? rng_.below(20'000) : rng_.below(600));
    for (uint8_t& byte : piece) byte = pattern(mine.written++);
    out.write_stream(StreamId(id), BytesView(piece));
    if (rng_.chance(0.05)) close(id, out);
  }
  void close(uint32_t id, Outbox& out) {
    out.close_stream(StreamId(id));
    streams_.erase(id);
  }

  Rng rng_;
  uint32_t services_;
  uint32_t next_id_ = 0;
  Instant next_;
  std::map<uint32_t, Mine> streams_;
};

/// Runs six hosts for `length`; hosts go down and come back all the time. Returns the bytes that were read.
inline uint64_t streams_survive_chaos(const Subject& subject, uint64_t seed, Duration length) {
  INFO("seed " << seed);
  constexpr uint32_t kHosts = 6;
  Rng rng(seed);
  NetworkPlan plan = plain_plan(kHosts);
  plan.seed = seed;
  for (HostPlan& host : plan.hosts) {
    for (LinkConfig* link : {&host.up, &host.down}) {
      link->delay = rng.uniform(ms(0), ms(12));
      link->jitter = rng.uniform(ms(0), ms(3));
      if (rng.chance(0.5)) link->rate = DataRate::kbps(500 + rng.below(20'000));
      if (rng.chance(0.3)) link->loss = 0.05 * rng.uniform();
    }
  }
  std::vector<std::unique_ptr<Chaos>> all;  // those of before stay: the world's threads own what they keep
  std::vector<Chaos*> current(kHosts, nullptr);
  const std::unique_ptr<World> world = subject.make(plan, nullptr);
  for (uint32_t i = 0; i < kHosts; ++i) world->listen(HostId(i), "service " + std::to_string(i));
  const Instant end = Instant::at(length);
  while (world->now() < end) {
    const uint32_t host = rng.below(kHosts);
    if (current[host] && rng.chance(0.3)) {
      current[host] = nullptr;
    } else {
      all.push_back(std::make_unique<Chaos>(rng.u64(), kHosts + 1));  // one service that nobody offers
      current[host] = all.back().get();
    }
    world->attach(HostId(host), current[host]);
    world->run_until(world->now() + rng.uniform(ms(1), ms(60)));
  }
  for (uint32_t i = 0; i < kHosts; ++i) world->attach(HostId(i), nullptr);
  world->run_until(world->now() + ms(100));
  uint64_t bytes = 0, opened = 0, accepted = 0, closed = 0;
  for (const auto& chaos : all) {
    CHECK(chaos->faults == 0);
    bytes += chaos->bytes;
    opened += chaos->opened;
    accepted += chaos->accepted;
    closed += chaos->closed;
  }
  CHECK(opened > 0);
  CHECK(accepted > 0);
  CHECK(closed > 0);
  return bytes;
}

}  // namespace tacoma::conformance
