// The parts by themselves: a projection against a model of what it must do, the speaker rule's arithmetic.
#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "bridge/engine/endpoint.h"
#include "bridge/engine/projection.h"
#include "bridge/engine/speaker.h"
#include "core/base/rng.h"

using namespace tacoma;
using namespace tacoma::bridge;

namespace {
Instant ms(int64_t n) { return Instant::at(Duration::milliseconds(n)); }
Endpoint& nobody() {
  alignas(Endpoint) static unsigned char place[sizeof(Endpoint)];
  return *reinterpret_cast<Endpoint*>(place);  // only its address is used
}
}  // namespace

TEST_CASE("a projection closes up behind what is held back and keeps the gaps of what is lost, for any mixture") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    Projection p(nobody(), false, 1);
    std::map<int64_t, uint16_t> out_of;        // sent: in -> out
    std::set<uint16_t> used;
    std::vector<int64_t> late;
    int64_t held_back = 0, first = -1;
    std::vector<std::pair<int64_t, int64_t>> shift_after;  // (in, held back so far) for the model
    for (int64_t in = 65000; in < 65000 + 3000; ++in) {
      if (rng.chance(0.05)) { if (rng.chance(0.7)) late.push_back(in); continue; }
      if (rng.chance(0.1)) {
        p.held_back(in, false);
        if (first >= 0) ++held_back;
        continue;
      }
      if (first < 0) first = in;
      const auto out = p.place(in);
      REQUIRE(out);
      REQUIRE(*out == static_cast<uint16_t>(in - held_back));
      REQUIRE(used.insert(*out).second);
      p.sent(in, 100);
      out_of[in] = *out;
      // Some of the late ones arrive now: between their neighbours.
      if (!late.empty() && rng.chance(0.3)) {
        const int64_t old = late.back();
        late.pop_back();
        const auto place = p.place(old);
        if (place && old > first) {
          REQUIRE(used.insert(*place).second);
          const auto after = out_of.upper_bound(old);
          REQUIRE(after != out_of.end());
          REQUIRE(static_cast<int16_t>(static_cast<uint16_t>(after->second - *place)) > 0);
          if (after != out_of.begin()) REQUIRE(static_cast<int16_t>(static_cast<uint16_t>(*place - std::prev(after)->second)) > 0);
          p.sent(old, 100);
          out_of[old] = *place;
        }
      }
      REQUIRE(p.violation() == "");
      if (rng.chance(0.2)) {
        // What went out lately is found again from its outgoing number.
        const auto it = std::prev(out_of.end());
        REQUIRE(p.source_of(it->second) == it->first);
        if (out_of.size() > 5) { const auto back = std::prev(out_of.end(), 5); REQUIRE(p.source_of(back->second) == back->first); }
        REQUIRE_FALSE(p.source_of(static_cast<uint16_t>(it->second + 1)));
      }
    }
    REQUIRE(out_of.size() > 2000);
  }
}

TEST_CASE("a projection that has not begun, and late packets from before its beginning") {
  Projection p(nobody(), true, 9);
  CHECK(p.waits_for_key_frame());
  p.held_back(10, true);
  CHECK_FALSE(p.started());
  CHECK_FALSE(p.source_of(10));
  CHECK(p.place(70000) == static_cast<uint16_t>(70000));
  p.key_frame_came();
  p.sent(70000, 10);
  CHECK_FALSE(p.place(69999));
  CHECK_FALSE(p.source_of(static_cast<uint16_t>(69999)));
  p.held_back(70001, true);
  CHECK(p.waits_for_key_frame());
  CHECK(p.violation() == "");
  CHECK(p.next_rtx_sequence() == 9);
  CHECK(p.next_rtx_sequence() == 10);
}

TEST_CASE("the audit of a projection sees a number that went out twice") {
  Projection p(nobody(), false, 1);
  p.sent(5, 10);
  p.sent(6, 10);
  p.sent(6, 10);
  CHECK(p.violation() != "");
}

TEST_CASE("shifts older than the history cannot be placed any more") {
  Projection p(nobody(), false, 1);
  p.sent(0, 1);
  for (int64_t in = 2; in < 60; in += 3) { p.held_back(in, false); p.sent(in + 1, 1); }  // in + 2 and 1 are lost
  CHECK_FALSE(p.place(1));
  CHECK(p.place(58));
  CHECK(p.violation() == "");
}

TEST_CASE("repeats have a pace, a limit and a bounded memory") {
  Projection p(nobody(), true, 1);
  CHECK(p.may_repeat(7, ms(0), Duration::milliseconds(50)));
  CHECK_FALSE(p.may_repeat(7, ms(49), Duration::milliseconds(50)));
  for (int i = 1; i < Projection::kMaxRepeats; ++i) CHECK(p.may_repeat(7, ms(50 * i), Duration::milliseconds(50)));
  CHECK_FALSE(p.may_repeat(7, ms(1000), Duration::milliseconds(50)));
  for (uint16_t s = 100; s < 100 + Projection::kMaxRepeatRecords; ++s) CHECK(p.may_repeat(s, ms(1000), Duration::zero()));
  // Who asks for more numbers than are remembered does not get round the limits.
  for (uint16_t s = 500; s < 5000; ++s) CHECK_FALSE(p.may_repeat(s, ms(1249), Duration::zero()));
  CHECK(p.may_repeat(7, ms(1250), Duration::milliseconds(50)));  // pushed out of the records
  CHECK(p.may_repeat(100, ms(20000), Duration::milliseconds(50)));  // another turn of the numbers
}

TEST_CASE("loudness rises with levels and decays without packets") {
  Loudness l;
  CHECK(l.at(ms(0)) == 0);
  for (int i = 0; i < 100; ++i) l.on_level({true, 27}, ms(20 * i));
  CHECK(l.at(ms(1980)) > 95 * 256);
  CHECK(l.at(ms(1980)) <= 100 * 256);
  CHECK(l.at(ms(2080)) == l.at(ms(1980)));
  CHECK(l.at(ms(2400)) < l.at(ms(2080)) / 2);
  CHECK(l.at(ms(10000)) < 256);
  CHECK(l.at(ms(1000000)) < 256);
}
