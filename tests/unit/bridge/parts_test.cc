// The parts by themselves: a projection against a model of what it must do, the speaker rule's arithmetic.
#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "bridge/engine/endpoint.h"
#include "bridge/engine/source.h"
#include "bridge/engine/speaker.h"
#include "core/base/rng.h"
#include "nobody.h"
#include "tests/support/instants.h"

using namespace tacoma;
using namespace tacoma::bridge;

namespace {
using test::nobody;

/// A source of one opaque encoding, and packets of it.
struct Stream {
  explicit Stream(bool video) : description{{{Ssrc(5), Ssrc()}}, video, "a"}, source(nobody(), description, 90000, false), projection(nobody(), video, Ssrc(5), Ssrc(), 9) {}
  MediaPacket packet(int64_t in, bool key = true) {
    RtpHeader header;
    header.sequence = static_cast<uint16_t>(in);
    header.timestamp = static_cast<uint32_t>(in * 100);
    write_rtp_header(bytes, header, {});
    MediaPacket p;
    p.view = *RtpView::parse(bytes);
    p.source = &source;
    p.sequence = in;
    p.is_video = description.video;
    p.key_frame = key;
    return p;
  }
  std::optional<uint16_t> send(int64_t in, bool key = true) {
    const auto placement = projection.place(packet(in, key), at_ms(0));
    if (placement.drop) return std::nullopt;
    projection.sent(100);
    return placement.rewrite.sequence;
  }
  void hold_back(int64_t in, bool breaks) { projection.held_back(packet(in), breaks); }
  std::optional<int64_t> source_of(uint16_t out) const {
    const auto origin = projection.origin_of(out);
    return origin ? std::optional(origin->in) : std::nullopt;
  }
  bridge::SourceDescription description;
  Source source;
  Projection projection;
  uint8_t bytes[20] = {};
};
}  // namespace

TEST_CASE("a projection closes up behind what is held back and keeps the gaps of what is lost, for any mixture") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    Stream s(false);
    std::map<int64_t, uint16_t> out_of;        // sent: in -> out
    std::set<uint16_t> used;
    std::vector<int64_t> late;
    int64_t held_back = 0, first = -1;
    for (int64_t in = 65000; in < 65000 + 3000; ++in) {
      if (rng.chance(0.05)) { if (rng.chance(0.7)) late.push_back(in); continue; }
      if (rng.chance(0.1)) {
        s.hold_back(in, false);
        if (first >= 0) ++held_back;
        continue;
      }
      if (first < 0) first = in;
      const auto out = s.send(in);
      REQUIRE(out);
      REQUIRE(*out == static_cast<uint16_t>(in - held_back));
      REQUIRE(used.insert(*out).second);
      out_of[in] = *out;
      // Some of the late ones arrive now: between their neighbours.
      if (!late.empty() && rng.chance(0.3)) {
        const int64_t old = late.back();
        late.pop_back();
        const auto place = s.send(old);
        if (place) {
          REQUIRE(old > first);
          REQUIRE(used.insert(*place).second);
          const auto after = out_of.upper_bound(old);
          REQUIRE(after != out_of.end());
          REQUIRE(static_cast<int16_t>(static_cast<uint16_t>(after->second - *place)) > 0);
          if (after != out_of.begin()) REQUIRE(static_cast<int16_t>(static_cast<uint16_t>(*place - std::prev(after)->second)) > 0);
          out_of[old] = *place;
        }
      }
      REQUIRE(s.projection.violation() == "");
      if (rng.chance(0.2)) {
        // What went out lately is found again from its outgoing number.
        const auto it = std::prev(out_of.end());
        REQUIRE(s.source_of(it->second) == it->first);
        if (out_of.size() > 5) { const auto back = std::prev(out_of.end(), 5); REQUIRE(s.source_of(back->second) == back->first); }
        REQUIRE_FALSE(s.source_of(static_cast<uint16_t>(it->second + 1)));
      }
    }
    REQUIRE(out_of.size() > 2000);
  }
}

TEST_CASE("a projection that has not begun, and late packets from before its beginning") {
  Stream s(true);
  s.hold_back(10, true);
  CHECK_FALSE(s.projection.started());
  CHECK_FALSE(s.source_of(10));
  CHECK(s.projection.place(s.packet(69000, false), at_ms(0)).drop == Drop::waiting_for_key_frame);
  CHECK(s.projection.awaits_key_frame() == uint8_t{0});
  CHECK(s.send(70000) == static_cast<uint16_t>(70000));
  CHECK_FALSE(s.projection.awaits_key_frame());
  CHECK_FALSE(s.send(69999));
  CHECK_FALSE(s.source_of(static_cast<uint16_t>(69999)));
  s.hold_back(70001, true);
  CHECK_FALSE(s.send(70002, false));
  CHECK(s.projection.awaits_key_frame() == uint8_t{0});
  CHECK(s.send(70003) == static_cast<uint16_t>(70001));
  CHECK(s.projection.violation() == "");
  CHECK(s.projection.next_rtx_sequence() == 9);
  CHECK(s.projection.next_rtx_sequence() == 10);
}

TEST_CASE("what could not go out gives its number to the next, and its gap back when it was late") {
  Stream s(false);
  CHECK(s.send(0) == 0);
  const MediaPacket one = s.packet(1);
  s.projection.failed(one, s.projection.place(one, at_ms(0)));
  CHECK(s.send(3) == 2);
  const MediaPacket two = s.packet(2);
  s.projection.failed(two, s.projection.place(two, at_ms(0)));
  CHECK(s.projection.violation() == "");
  CHECK(s.send(2) == 1);
  CHECK(s.projection.violation() == "");
}

TEST_CASE("the audit of numbers sees one that went out twice") {
  Numbering numbers;
  numbers.restart(0, 5, 0, {}, {});
  numbers.pass(5);
  numbers.pass(6);
  CHECK(numbers.violation() == "");
  numbers.pass_late(6, false);
  CHECK(numbers.violation() != "");
}

TEST_CASE("what is late of a frame that changed the cut is judged by that cut, however often it changed since") {
  const auto cut_to = [](uint8_t mask) { LayerCut cut; cut.codec = Codec::vp8; cut.temporal_mask = mask; return cut; };
  Numbering numbers;
  numbers.restart(0, 5, 100, {}, cut_to(7));
  numbers.pass(5);
  numbers.change(7, 200, cut_to(3), {});  // 6, of the same frame, is missing
  numbers.leave_out(7, 1);
  numbers.change(8, 300, cut_to(1), numbers.current().deltas);
  numbers.leave_out(8, 1);
  uint16_t out = 0;
  const Run* run = numbers.find_late(0, 6, 200, out);
  REQUIRE(run);
  CHECK(run->cut == cut_to(3));
  CHECK(out == 6);
  run = numbers.find_late(0, 6, 100, out);
  REQUIRE(run);
  CHECK(run->cut == cut_to(7));
}

TEST_CASE("runs older than the history cannot be placed any more") {
  Stream s(false);
  s.send(0);
  for (int64_t in = 2; in < 6 * static_cast<int64_t>(Numbering::kMaxRuns); in += 3) { s.hold_back(in, false); s.send(in + 1); }  // in + 2 and 1 are lost
  CHECK_FALSE(s.send(1));
  CHECK(s.send(6 * static_cast<int64_t>(Numbering::kMaxRuns) - 5));
  CHECK(s.projection.violation() == "");
}

TEST_CASE("a receiver whose target flips cannot have key frames asked for without end") {
  Stream s(true);
  int asked = 0;
  for (int i = 0; i < 1000; ++i) {  // in 10 s
    s.projection.set_target(std::nullopt);
    s.projection.place(s.packet(3 * i, false), at_ms(10 * i));
    s.projection.set_target(LayerId{});
    s.projection.place(s.packet(3 * i + 1, false), at_ms(10 * i));
    if (s.projection.asks_key_frame(at_ms(10 * i))) ++asked;
    s.projection.place(s.packet(3 * i + 2, true), at_ms(10 * i));
    CHECK_FALSE(s.projection.awaits_key_frame());
  }
  CHECK(asked <= Projection::kWaits + 10'000 / Projection::kWaitInterval.ms());
}

TEST_CASE("repeats have a pace, a limit and a bounded memory") {
  Projection p(nobody(), true, Ssrc(1), Ssrc(), 1);
  CHECK(p.may_repeat(7, at_ms(0), Duration::milliseconds(50)));
  CHECK_FALSE(p.may_repeat(7, at_ms(49), Duration::milliseconds(50)));
  for (int i = 1; i < Projection::kMaxRepeats; ++i) CHECK(p.may_repeat(7, at_ms(50 * i), Duration::milliseconds(50)));
  CHECK_FALSE(p.may_repeat(7, at_ms(1000), Duration::milliseconds(50)));
  for (uint16_t s = 100; s < 100 + Projection::kMaxRepeatRecords; ++s) CHECK(p.may_repeat(s, at_ms(1000), Duration::zero()));
  // Who asks for more numbers than are remembered does not get round the limits.
  for (uint16_t s = 500; s < 5000; ++s) CHECK_FALSE(p.may_repeat(s, at_ms(1249), Duration::zero()));
  CHECK(p.may_repeat(7, at_ms(1250), Duration::milliseconds(50)));  // pushed out of the records
  CHECK(p.may_repeat(100, at_ms(20000), Duration::milliseconds(50)));  // another turn of the numbers
}

TEST_CASE("loudness rises with levels and decays without packets") {
  Loudness l;
  CHECK(l.at(at_ms(0)) == 0);
  for (int i = 0; i < 100; ++i) l.on_level({true, 27}, at_ms(20 * i));
  CHECK(l.at(at_ms(1980)) > 95 * 256);
  CHECK(l.at(at_ms(1980)) <= 100 * 256);
  CHECK(l.at(at_ms(2080)) == l.at(at_ms(1980)));
  CHECK(l.at(at_ms(2400)) < l.at(at_ms(2080)) / 2);
  CHECK(l.at(at_ms(10000)) < 256);
  CHECK(l.at(at_ms(1000000)) < 256);
}
