// Descriptors that lie: what they say of their own stream is their receivers' loss; the bridge's numbers, limits and memory hold.
#include <catch2/catch.hpp>

#include "harness.h"
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

namespace {
/// Two people in a bridge's conference; what the first sends as its video, and what the second gets of it.
struct Pair {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  /// How many packets of it went out, and what was counted.
  size_t give(uint8_t type, uint32_t timestamp, const Bytes& payload, const Bytes& dependency = {}) {
    const size_t before = b.of(a.video).size();
    SentPacket sent = make(type, a.video_sequence++, timestamp, payload, dependency);
    set_rtp_ssrc(sent.bytes, a.video);
    a.send_rtp(h.now, sent.bytes);
    h.settle();
    return b.of(a.video).size() - before;
  }
  uint64_t count(Drop drop) const { return h.counts().drops[drop]; }
};
constexpr Drop kJumped = Drop::picture_id_jump;

/// A structure of one decode target and these templates: two bits after each say what the next one is; 3 ends.
Bytes structure(std::vector<uint8_t> next) {
  std::vector<bool> bits;
  const auto put = [&](int count, unsigned value) {
    while (count-- > 0) bits.push_back(value >> count & 1);
  };
  put(8, 0xc0), put(16, 1);  // starts and ends a frame, template 0, frame number 1
  put(5, 0x10), put(6, 0), put(5, 0);
  for (const uint8_t idc : next) put(2, idc);
  for (size_t i = 0; i < next.size(); ++i) put(2, 2);  // switch
  for (size_t i = 0; i < next.size(); ++i) put(1, 0);  // no differences
  put(1, 0), put(1, 0);                                // no chains (ns(2) of zero), no resolutions
  Bytes bytes((bits.size() + 7) / 8);
  for (size_t i = 0; i < bits.size(); ++i)
    if (bits[i]) bytes[i / 8] = static_cast<uint8_t>(bytes[i / 8] | 0x80 >> i % 8);
  return bytes;
}
}  // namespace

TEST_CASE("a bridge counts picture ids and frame numbers that jump, and passes their packets on without the jump") {
  Pair m;
  SECTION("VP8") {
    const auto packet = [](uint16_t id, uint8_t tl0, uint8_t temporal, bool key) {
      return Bytes{0x90, 0xe0, static_cast<uint8_t>(0x80 | id >> 8), static_cast<uint8_t>(id), tl0, static_cast<uint8_t>(temporal << 6 | 0x20), static_cast<uint8_t>(!key), 9, 9};
    };
    CHECK(m.give(100, 0, packet(7, 1, 0, true)) == 1);
    CHECK(m.give(100, 1, packet(8, 1, 1, false)) == 1);
    CHECK(m.count(kJumped) == 0);
    CHECK(m.give(100, 2, packet(7'000, 2, 0, false)) == 1);
    CHECK(m.count(kJumped) == 1);
    CHECK(m.give(100, 3, packet(7'001, 90, 0, false)) == 1);
    CHECK(m.count(kJumped) == 2);
    ++m.a.video_sequence;  // lost
    CHECK(m.give(100, 4, packet(7'003, 92, 0, false)) == 1);
    CHECK(m.count(kJumped) == 2);
    CHECK(m.give(100, 5, packet(30'000, 7, 0, true)) == 1);  // an encoder begins anew
    CHECK(m.count(kJumped) == 2);
  }
  SECTION("VP9") {
    const auto packet = [](uint16_t id, uint8_t tl0, bool key) {
      return Bytes{static_cast<uint8_t>(key ? 0xac : 0xec), static_cast<uint8_t>(0x80 | id >> 8), static_cast<uint8_t>(id), 0, tl0, 9};
    };
    CHECK(m.give(101, 0, packet(0x7fff, 255, true)) == 1);
    CHECK(m.give(101, 1, packet(0, 0, false)) == 1);
    CHECK(m.count(kJumped) == 0);
    CHECK(m.give(101, 2, packet(0x4000, 1, false)) == 1);
    CHECK(m.count(kJumped) == 1);
  }
  SECTION("AV1") {
    const auto packet = [](uint16_t number) { return Bytes{0xc0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)}; };
    CHECK(m.give(41, 0, {0x18, 9}, structure({3})) == 1);
    CHECK(m.give(41, 1, {0x10, 9}, packet(2)) == 1);
    CHECK(m.count(kJumped) == 0);
    CHECK(m.give(41, 2, {0x10, 9}, packet(1)) == 1);
    CHECK(m.give(41, 3, {0x10, 9}, packet(20'000)) == 1);
    CHECK(m.count(kJumped) == 2);
  }
  check_audit(m.h);
}

TEST_CASE("a bridge counts layers above the limit, and streams that say they have them") {
  Pair m;
  SECTION("VP9") {
    // A structure of eight spatial layers is taken as one of four.
    CHECK(m.give(101, 0, {0xae, 0x80, 0x01, 0x00, 0x01, 0xe0, 9}) == 1);
    CHECK(m.count(Drop::over_layer_limit) == 1);
    CHECK(m.give(101, 0, {0xac, 0x80, 0x01, 0x09, 0x01, 9}) == 0);  // spatial id 4
    CHECK(m.give(101, 1, {0xec, 0x80, 0x02, 0x80, 0x01, 9}) == 0);  // temporal id 4
    CHECK(m.count(Drop::over_layer_limit) == 3);
    CHECK(m.give(101, 2, {0xec, 0x80, 0x03, 0x00, 0x02, 9}) == 1);
  }
  SECTION("AV1") {
    CHECK(m.give(41, 0, {0x18, 9}, structure({1, 1, 1, 1, 3})) == 1);  // temporal ids 0 to 4
    CHECK(m.count(Drop::over_layer_limit) == 1);
    CHECK(m.give(41, 1, {0x10, 9}, {0xc4, 0x00, 0x02}) == 0);
    CHECK(m.count(Drop::over_layer_limit) == 2);
    CHECK(m.give(41, 2, {0x10, 9}, {0xc3, 0x00, 0x03}) == 1);
    // What the format itself does not allow is not read at all.
    CHECK(m.give(41, 3, {0x18, 9}, structure({2, 2, 2, 2, 3})) == 0);           // five spatial layers
    CHECK(m.give(41, 4, {0x18, 9}, structure({1, 1, 1, 1, 1, 1, 1, 1, 3})) == 0);  // nine temporal ones
    CHECK(m.give(41, 5, {0x18, 9}, structure(Bytes(65, 0))) == 0);               // more templates than ids
    CHECK(m.count(Drop::descriptor_malformed) == 3);
  }
  check_audit(m.h);
}

TEST_CASE("a bridge counts dependency structures that are cut off anywhere") {
  Pair m;
  const Bytes whole = structure({1, 0, 2, 1, 3});
  CHECK(m.give(41, 0, {0x18, 9}, whole) == 1);
  uint64_t malformed = 0;
  for (size_t size = 1; size < whole.size(); ++size) {
    if (size == 3) continue;  // without structure: a frame of the one before
    INFO("cut to " << size);
    CHECK(m.give(41, static_cast<uint32_t>(size), {0x18, 9}, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) == 0);
    CHECK(m.count(Drop::descriptor_malformed) == ++malformed);
  }
  CHECK(m.give(41, 100, {0x10, 9}, {0xc6, 0x00, 0x05}) == 0);  // no such template
  CHECK(m.give(100, 101, {0x90, 0x80}) == 0);                  // VP8 and VP9 that are cut off, too
  CHECK(m.give(101, 102, {0xa0, 0x80}) == 0);
  CHECK(m.count(Drop::descriptor_malformed) == malformed + 3);
  CHECK(m.give(41, 103, {0x18, 9}, whole) == 1);
  check_audit(m.h);
}
