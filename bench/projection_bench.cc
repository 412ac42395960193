// What the choice of layers adds to a packet: a projection's decision and its rewrite, against placing the packets of a source that has
// one encoding of one layer. Google Benchmark; time a packet and receiver.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "bridge/engine/source.h"

namespace {

using namespace tacoma;
using namespace tacoma::bridge;

constexpr size_t kReceivers = 50;

/// The packets of a second of three VP8 encodings with temporal ids 0 2 1 2, three packets a frame, read as ingest reads them.
struct Second {
  explicit Second(bool layered) : layered_(layered) {
    alignas(16) static unsigned char place[16];
    Endpoint& nobody = *reinterpret_cast<Endpoint*>(place);  // only its address is used
    bridge::SourceDescription what;
    what.video = true;
    for (uint32_t i = 0; i < (layered ? 3u : 1u); ++i) what.encodings.push_back({Ssrc(i + 1), Ssrc()});
    source = std::make_unique<Source>(nobody, what, 90000, false);
    for (size_t i = 0; i < kReceivers; ++i) {
      projections.emplace_back(nobody, true, Ssrc(1), Ssrc(), uint16_t{1});
      if (layered) projections.back().set_target(LayerId{static_cast<uint8_t>(i % 3), 0, static_cast<uint8_t>(i / 3 % 3)});
    }
    bytes_.reserve(3 * 90);
    for (uint32_t frame = 0; frame < 30; ++frame)
      for (uint8_t e = 0; e < source->encodings.size(); ++e)
        for (int p = 0; p < 3; ++p) add(frame, e, p);
  }
  void add(uint32_t frame, uint8_t encoding, int part) {
    static constexpr uint8_t kPattern[] = {0, 2, 1, 2};
    const uint8_t temporal = layered_ ? kPattern[frame % 4] : uint8_t{0};
    std::vector<uint8_t> b(1000, 1);
    RtpHeader header{100, part == 2, 0, 0, Ssrc(encoding + 1u)};
    write_rtp_header(b, header, {});
    const uint8_t descriptor[] = {static_cast<uint8_t>(part == 0 ? 0x90 : 0x80), 0xe0, static_cast<uint8_t>(0x80 | frame >> 8), static_cast<uint8_t>(frame), static_cast<uint8_t>(frame / 4),
                                  static_cast<uint8_t>(temporal << 6 | 0x20), static_cast<uint8_t>(frame == 0 ? 0 : 1)};
    std::copy(std::begin(descriptor), std::end(descriptor), b.begin() + kRtpFixedHeader);
    bytes_.push_back(std::move(b));
    MediaPacket packet;
    packet.view = *RtpView::parse(bytes_.back());
    packet.source = source.get();
    packet.layer = {encoding, 0, temporal};
    packet.codec = Codec::vp8;
    packet.facts = *parse_vp8(packet.view.payload());
    packet.is_video = true;
    packet.key_frame = frame == 0 && part == 0;
    packets.push_back(std::move(packet));
  }
  std::unique_ptr<Source> source;
  std::vector<Projection> projections;
  std::vector<MediaPacket> packets;

 private:
  bool layered_;
  std::vector<std::vector<uint8_t>> bytes_;
};

void place(benchmark::State& state) {
  Second second(state.range(0) != 0);
  int64_t sequence[kMaxEncodings] = {};
  uint32_t picture = 0, forwarded = 0, timestamp = 0;
  size_t next = 0;
  uint64_t sum = 0;
  for (auto _ : state) {
    MediaPacket& packet = second.packets[next];
    packet.sequence = ++sequence[packet.layer.encoding];
    if (packet.layer.encoding == 0 && (picture++ % 3) == 0) timestamp += 3000;
    store_u32(const_cast<uint8_t*>(packet.view.packet().data()) + 4, timestamp);
    for (Projection& projection : second.projections) {
      const auto placement = projection.place(packet, Instant::at(Duration::milliseconds(timestamp / 90)));
      if (placement.drop) continue;
      ++forwarded;
      const PayloadLead lead(packet, placement.rewrite.deltas);
      sum += placement.rewrite.sequence + lead.bytes().size();
      projection.sent(1000);
    }
    next = next + 1 == second.packets.size() ? 0 : next + 1;
  }
  benchmark::DoNotOptimize(sum);
  const auto decisions = static_cast<double>(state.iterations()) * kReceivers;
  state.counters["ns_per_packet_and_receiver"] = benchmark::Counter(decisions * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["forwarded"] = static_cast<double>(forwarded) / decisions;
  for (const Projection& projection : second.projections)
    if (!projection.violation().empty()) state.SkipWithError(projection.violation().c_str());
}
BENCHMARK(place)->ArgName("layered")->Arg(0)->Arg(1);

}  // namespace
