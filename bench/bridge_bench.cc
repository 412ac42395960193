// Hops 2 to 5 of a packet (docs/life-of-a-packet.md) against their floor: what the bridge takes for one packet to N receivers,
// against one SRTP open and N protects alone, in the same process. A real conference runs in the light world; the media
// that comes in is held back and given to the bridge in batches of 10 ms, as a busy socket would.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bench/stage.h"
#include "core/secure/srtp.h"
#include "sim/light/light_world.h"

namespace {

using namespace tacoma;
using namespace tacoma::bench;

// What the cryptography alone takes: one open and `receivers` protects for each packet of a batch, of the same sizes as the bridge's.
// Each protected packet has memory of its own, since all of a batch wait to be sent together.
class Floor {
 public:
  Floor(SrtpProfile profile, size_t receivers, size_t longest_batch)
      : packets_(longest_batch, std::vector<uint8_t>(kSlot)), sizes_(longest_batch), slots_(kSlot * longest_batch * receivers) {
    SrtpKey key, other;
    Rng(1).fill(key.bytes.data(), key.bytes.size());
    Rng(2).fill(other.bytes.data(), other.bytes.size());
    sender_ = std::move(*SrtpSession::make(profile, key, other));
    opener_ = std::move(*SrtpSession::make(profile, other, key));
    for (size_t i = 0; i < receivers; ++i) {
      SrtpKey k;
      Rng(100 + i).fill(k.bytes.data(), k.bytes.size());
      sessions_.push_back(std::move(*SrtpSession::make(profile, k, key)));
    }
  }
  /// `sizes` are those of the protected packets. Counted only while `measuring`.
  void pass(const std::vector<size_t>& sizes, bool measuring) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      uint8_t* p = packets_[i].data();
      std::memset(p, 0, 12);
      p[0] = 0x80;
      p[1] = 100;
      store_u16(p + 2, sequence_++);
      store_u32(p + 8, 1234);
      sizes_[i] = *sender_.protect_rtp(MutableBytes(p, kSlot), sizes[i] - kOverhead);
    }
    const double start = cpu_seconds();
    for (size_t i = 0; i < sizes.size(); ++i) sizes_[i] = *opener_.unprotect_rtp(MutableBytes(packets_[i].data(), sizes_[i]));
    const double opened = cpu_seconds();
    uint8_t* slot = slots_.data();
    for (size_t i = 0; i < sizes.size(); ++i)
      for (SrtpSession& s : sessions_) {
        const BytesView packet(packets_[i].data(), sizes_[i]);
        if (!s.protect_rtp(packet.subspan(0, 12), packet.subspan(12), MutableBytes(slot, kSlot))) std::abort();
        slot += kSlot;
      }
    if (!measuring) return;
    open_ns += (opened - start) * 1e9;
    protect_ns += (cpu_seconds() - opened) * 1e9;
  }
  double open_ns = 0, protect_ns = 0;

 private:
  static constexpr size_t kSlot = 1536, kOverhead = 16;
  SrtpSession sender_, opener_;
  std::vector<SrtpSession> sessions_;
  std::vector<std::vector<uint8_t>> packets_;
  std::vector<size_t> sizes_;
  std::vector<uint8_t> slots_;
  uint16_t sequence_ = 0;
};

// Stands on the bridge's host, passes everything on and times what it passes on of media, and the floor in turns with it: the caches
// are as cold for both (a world ran in between), and what others do to the machine falls on both.
class Stopwatch final : public Process {
 public:
  static constexpr size_t kBatch = 32;
  Stopwatch(Process& inner, Floor& floor) : inner_(inner), floor_(floor) { sizes_.reserve(kBatch); }
  void start(Instant now, Outbox& out) override { inner_.start(now, out); }
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override {
    for (Datagram& d : in) {
      const BytesView b = d.packet.bytes();
      const bool media = b.size() > 12 && b[0] >= 128 && b[0] < 192 && !(b[1] >= 192 && b[1] <= 223);
      if (media) held_.push_back(std::move(d));
      else inner_.on_datagrams(now, Span<Datagram>(&d, 1), out);
    }
    if (!held_.empty() && release_.is_never()) release_ = now + Duration::milliseconds(10);
  }
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override { inner_.on_stream(now, event, out); }
  void on_deadline(Instant now, Outbox& out) override {
    if (release_ <= now) {
      release_ = Instant::never();
      for (size_t done = 0; done < held_.size(); done += kBatch)
        measure(now, Span<Datagram>(held_).subspan(done, kBatch), out);
      held_.clear();
    }
    if (inner_.deadline().at <= now) inner_.on_deadline(now, out);
  }
  Deadline deadline() const override {
    const Deadline d = inner_.deadline();
    return release_ < d.at ? Deadline{release_, "release"} : d;
  }
  bool measuring = false;
  double total_ns = 0;
  uint64_t packets_in = 0, packets_out = 0, bytes_in = 0, news = 0;

 private:
  // As on sockets, where what was sent is the kernel's at once, the bridge gets its slots back after each batch.
  void measure(Instant now, Span<Datagram> batch, Outbox& out) {
    sizes_.clear();
    for (const Datagram& d : batch) sizes_.push_back(d.packet.size());
    const bool floor_first = ++batches_ % 2 == 0;
    if (floor_first) floor_.pass(sizes_, measuring);
    const uint64_t before_new = allocations();
    const double start = cpu_seconds();
    inner_.on_datagrams(now, batch, own_);
    const double ns = (cpu_seconds() - start) * 1e9;
    const uint64_t after_new = allocations();
    if (!floor_first) floor_.pass(sizes_, measuring);
    if (measuring) {
      total_ns += ns;
      packets_in += batch.size();
      for (size_t size : sizes_) bytes_in += size;
      packets_out += own_.sends().size();
      // A change of the dominant speaker writes messages to everybody's channel: that is no packet's cost.
      if (own_.stream_ops().empty()) news += after_new - before_new;
    }
    for (const Outbox::Send& send : own_.sends()) out.send(send.to, out.pool().copy(send.packet.bytes()));
    for (const Outbox::StreamOp& op : own_.stream_ops()) {
      if (op.kind == Outbox::StreamOp::Kind::open) out.open_stream(op.id, op.service);
      else if (op.kind == Outbox::StreamOp::Kind::write) out.write_stream(op.id, own_.stream_bytes(op));
      else out.close_stream(op.id);
    }
    own_.clear();
  }

  PacketPool pool_;
  Outbox own_{pool_};
  Process& inner_;
  Floor& floor_;
  std::vector<Datagram> held_;
  std::vector<size_t> sizes_;
  uint64_t batches_ = 0;
  Instant release_ = Instant::never();
};

void measure(const char* crypto, SrtpProfile profile, int people) {
  const std::string text = "scenario: bench\nabout: one room\nduration: 60s\nseed: 1\ncrypto: " + std::string(crypto) + "\ncongestion: none" +
                           "\nregions: { eu: {} }\nbridges: [ { name: eu-1, region: eu, uplink: 100Gbps } ]\nconferences:\n  - name: room\n    people:\n"
                           "      - { name: p, count: " + std::to_string(people) + ", region: eu, access: fibre, joins: { over: 1s } }\n"
                           "    talk: { model: everyone }\n";
  const Plan plan = plan_of(text);
  const Clips clips = clips_of(plan);
  CountingSink sink;
  std::unique_ptr<Cast> cast;
  std::unique_ptr<Stopwatch> watch;
  auto world = std::move(*make_light_world(plan.network, {}));
  cast = std::make_unique<Cast>(plan, clips, *world, sink);
  Process* bridge = nullptr;
  world->inspect(plan.bridges[0].host, [&](Process& p, Instant, Outbox&) { bridge = &p; });
  Floor floor(profile, static_cast<size_t>(people - 1), Stopwatch::kBatch);
  watch = std::make_unique<Stopwatch>(*bridge, floor);
  world->attach(plan.bridges[0].host, watch.get());
  world->run_until(Instant::at(Duration::seconds(20)));
  watch->measuring = true;
  world->run_until(Instant::at(Duration::seconds(26)));
  watch->measuring = false;
  const double packets = static_cast<double>(watch->packets_in);
  const double n = static_cast<double>(watch->packets_out) / packets;
  const double per_packet = watch->total_ns / packets;
  const double open_ns = floor.open_ns / packets, protect_ns = floor.protect_ns / packets / static_cast<double>(people - 1);
  const double floor_ns = open_ns + n * protect_ns;
  const size_t size = static_cast<size_t>(static_cast<double>(watch->bytes_in) / packets) - 16;
  std::printf("{\"name\": \"bridge hops 2-5\", \"crypto\": \"%s\", \"receivers\": %d, \"mean_size\": %zu, \"packets_in\": %llu, \"sends_per_packet\": %.2f, "
              "\"ns_per_packet\": %.0f, \"ns_per_send\": %.0f, \"floor_open_ns\": %.0f, \"floor_protect_ns\": %.0f, \"floor_ns\": %.0f, \"ratio\": %.2f, "
              "\"allocations_per_packet\": %.5f}\n",
              crypto, people - 1, size, static_cast<unsigned long long>(watch->packets_in), n, per_packet, per_packet / n, open_ns,
              protect_ns, floor_ns, per_packet / floor_ns, static_cast<double>(watch->news) / packets);
  std::fflush(stdout);
  world.reset();
}

}  // namespace

/// bridge_bench [PEOPLE...]: rooms of so many.
int main(int argc, char** argv) {
  std::vector<int> rooms;
  for (int i = 1; i < argc; ++i) rooms.push_back(std::max(2, std::atoi(argv[i])));
  if (rooms.empty()) rooms = {5, 20, 50};
  for (int people : rooms) {
    measure("real", SrtpProfile::aead_aes_128_gcm, people);
    measure("null", SrtpProfile::null, people);
  }
}
