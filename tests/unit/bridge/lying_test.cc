// Descriptors that lie: what they say of their own stream is their receivers' loss; the bridge's numbers, limits and memory hold.
#include <catch2/catch.hpp>

#include "layered_sender.h"
#include "tests/support/instants.h"

using namespace tacoma;
using namespace tacoma::bridge;
using namespace tacoma::test;

namespace {

/// One packet with this payload and, when there is one, this dependency descriptor.
SentPacket make(uint8_t type, uint16_t sequence, uint32_t timestamp, Bytes payload, Bytes dependency = {}) {
  RtpHeader header{type, true, sequence, timestamp, Ssrc(1)};
  const RtpExtension extension{11, BytesView(dependency.data(), dependency.size())};
  SentPacket sent;
  sent.bytes.resize(400);
  sent.bytes.resize(write_rtp_header(sent.bytes, header, Span<const RtpExtension>(&extension, dependency.empty() ? 0 : 1)));
  sent.bytes.insert(sent.bytes.end(), payload.begin(), payload.end());
  return sent;
}
/// Why it goes no further; nullopt: it goes out.
std::optional<Drop> give(ReceivingWorld& w, const SentPacket& sent, int64_t at = 0) {
  MediaPacket packet;
  if (!w.ingest(at_ms(at), sent, packet)) return packet.held_back;
  const auto placement = w.projection.place(packet, at_ms(at));
  if (!placement.drop) w.projection.sent(100);
  return placement.drop;
}
}  // namespace

TEST_CASE("picture ids, temporal ids and key frames at random leave the outgoing numbers whole") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Rng rng(seed);
    ReceivingWorld w(1);
    std::optional<uint16_t> last;
    for (uint16_t n = 0; n < 2000; ++n) {
      if (rng.chance(0.05)) w.projection.set_target(LayerId{0, static_cast<uint8_t>(rng.below(4)), static_cast<uint8_t>(rng.below(4))});
      Bytes payload(12);
      for (uint8_t& b : payload) b = static_cast<uint8_t>(rng.u32());
      const uint8_t types[] = {100, 101, 102, 41};
      Bytes dependency(rng.chance(0.3) ? 3 + rng.below(13) : 0);
      for (uint8_t& b : dependency) b = static_cast<uint8_t>(rng.u32());
      SentPacket sent = make(rng.chance(0.9) ? types[seed % 4] : types[rng.below(4)], static_cast<uint16_t>(65000 + n), rng.u32(), payload, dependency);
      MediaPacket packet;
      if (!w.ingest(at_ms(n), sent, packet)) continue;
      const auto placement = w.projection.place(packet, at_ms(n));
      if (placement.drop) continue;
      w.projection.sent(100);
      if (last) REQUIRE(placement.rewrite.sequence == static_cast<uint16_t>(*last + 1));
      last = placement.rewrite.sequence;
      write_out(packet, placement.rewrite, at_ms(n));
    }
    REQUIRE(last);
    REQUIRE(w.projection.violation() == "");
  }
}

TEST_CASE("layers above the limit are dropped, counted apart, and break nothing") {
  ReceivingWorld w(1);
  // VP9, non-flexible: I L B E, picture id 1, layer, TL0; then a delta of spatial id 5, and of temporal id 6.
  CHECK(give(w, make(101, 1, 100, {0xac, 0x80, 0x01, 0x00, 0x01, 9})) == std::nullopt);
  MediaPacket packet;
  const SentPacket spatial = make(101, 2, 100, {0xec, 0x80, 0x01, 0x0a, 0x01, 9}), temporal = make(101, 3, 200, {0xec, 0x80, 0x02, 0xc0, 0x01, 9});
  for (const SentPacket* sent : {&spatial, &temporal}) {
    Datagram datagram;
    datagram.packet = w.pool.copy(BytesView(sent->bytes.data(), sent->bytes.size()));
    MediaPacket above;
    REQUIRE_FALSE(w.receiver.ingest(at_ms(0), datagram, above, w.counts));
    CHECK(above.held_back == Drop::over_layer_limit);
    w.projection.held_back(above, false);
  }
  CHECK(give(w, make(101, 4, 300, {0xec, 0x80, 0x03, 0x00, 0x02, 9})) == std::nullopt);
  CHECK(w.projection.numbers().next() == 3);  // closed up
  CHECK(w.source->layers(at_ms(0)).size() == 1);
}

TEST_CASE("a dependency structure that is cut off, and a template that is not there, hold a packet back and ask for a key frame") {
  ReceivingWorld w(1);
  CHECK(give(w, make(41, 1, 100, {0x18, 9}, {0xc0, 0x00, 0x01, 0x80, 0x01, 0x1e})) == Drop::descriptor_malformed);
  CHECK(w.projection.awaits_key_frame() == uint8_t{0});
  CHECK(give(w, make(41, 2, 200, {0x10, 9}, {0xc7, 0x00, 0x02})) == Drop::descriptor_malformed);
  // Without a descriptor the aggregation header's N is enough to begin.
  CHECK(give(w, make(41, 3, 300, {0x10, 9})) == Drop::waiting_for_key_frame);
  CHECK(give(w, make(41, 4, 400, {0x18, 9})) == std::nullopt);
  CHECK_FALSE(w.projection.awaits_key_frame());
}
