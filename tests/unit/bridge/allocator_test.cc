#include "bridge/engine/allocator.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/base/rng.h"

using namespace tacoma;
using namespace tacoma::bridge;

namespace {

DataRate kbps(int64_t n) { return DataRate::kbps(n); }

// What Chromium sends as VP8 simulcast, by and large: three encodings of three temporal layers.
const std::vector<LayerInfo> kCamera = {
    {{0, 0, 0}, 180, 7.5f, kbps(60)},  {{0, 0, 1}, 180, 15, kbps(90)},   {{0, 0, 2}, 180, 30, kbps(150)},
    {{1, 0, 0}, 360, 7.5f, kbps(200)}, {{1, 0, 1}, 360, 15, kbps(300)},  {{1, 0, 2}, 360, 30, kbps(500)},
    {{2, 0, 0}, 720, 7.5f, kbps(600)}, {{2, 0, 1}, 720, 15, kbps(1'000)}, {{2, 0, 2}, 720, 30, kbps(1'800)}};
const std::vector<LayerInfo> kScreen = {{{0, 0, 0}, 1080, 5, kbps(800)}, {{0, 0, 1}, 1080, 30, kbps(2'500)}};
const std::vector<LayerInfo> kSingle = {{{0, 0, 0}, 480, 30, kbps(400)}};

Candidate camera(int32_t max_height = -1, Interest interest = Interest::other) {
  Candidate c;
  c.interest = interest;
  c.constraints.max_height = max_height;
  c.layers = kCamera;
  return c;
}
Candidate screen(Interest interest) {
  Candidate c = camera(-1, interest);
  c.screen = true;
  c.layers = kScreen;
  return c;
}
// "720/30" and the like: height and frame rate of what each is given; "-": suspended.
std::string shown(const std::vector<Candidate>& candidates, const Shares& shares) {
  std::string text;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i > 0) text += ' ';
    const Grant& grant = shares.grants[i];
    if (!grant.target) { text += '-'; continue; }
    for (const LayerInfo& layer : candidates[i].layers)
      if (layer.id == *grant.target) text += std::to_string(layer.height) + "/" + std::to_string(static_cast<int>(layer.fps));
    if (candidates[i].layers.empty()) text += '?';
  }
  return text;
}
std::string given(DataRate estimate, const std::vector<Candidate>& candidates, int32_t last_n = -1) {
  Shares shares;
  allocate(estimate, last_n, candidates, shares);
  return shown(candidates, shares);
}
Candidate with_previous(Candidate c, LayerId id) {
  c.previous = id;
  return c;
}

}  // namespace

TEST_CASE("what is held back rises no higher, and falls only for want of estimate", "[allocator]") {
  const auto held = [](Candidate c) {
    c.held = true;
    return c;
  };
  const Candidate has = held(with_previous(camera(), LayerId{0, 0, 2})), nothing = held(camera());
  CHECK(given(kbps(20'000), {has, nothing}) == "180/30 180/7");
  CHECK(given(kbps(150), {has}) == "180/30");
  CHECK(given(kbps(140), {has}) == "180/15");
  // The stage is held, too, and those beside it are shown all the same.
  Candidate stage = has;
  stage.interest = Interest::on_stage;
  CHECK(given(kbps(20'000), {stage, has}) == "180/30 180/30");
  // What could be shown is still worth finding out.
  Shares shares;
  allocate(kbps(20'000), -1, std::vector<Candidate>{has}, shares);
  CHECK(shares.ideal == kbps(1'800));
}

TEST_CASE("tiles share in rounds, the stage comes first, constraints and last-n bound", "[allocator]") {
  const Candidate tile = camera(180), big = camera(720, Interest::on_stage), any = camera();
  struct Row {
    const char* about;
    DataRate estimate;
    int32_t last_n;
    std::vector<Candidate> candidates;
    const char* expected;
  };
  const std::vector<Row> rows = {
      {"everything fits", kbps(20'000), -1, {any, any, any}, "720/30 720/30 720/30"},
      {"no estimate", DataRate::infinite(), -1, {any, tile}, "720/30 180/30"},
      {"one alone takes what fits, in full frames from 360 up", kbps(1'500), -1, {any}, "360/30"},
      {"a thumbnail may stutter", kbps(80), -1, {tile}, "180/7"},
      {"a picture on stage below 360 may, too", kbps(80), -1, {big}, "180/7"},
      {"too little for anything", kbps(50), -1, {tile, tile}, "- -"},
      {"who spoke last gets the first", kbps(100), -1, {tile, tile, tile}, "180/7 - -"},
      {"rounds: all a step before one gets two", kbps(230), -1, {tile, tile, tile}, "180/7 180/7 180/7"},
      {"and the first the next step", kbps(260), -1, {tile, tile, tile}, "180/15 180/7 180/7"},
      {"stage before tiles", kbps(400), -1, {big, tile, tile}, "180/30 - -"},
      {"stage at its preferred 360p30, then thumbnails", kbps(740), -1, {big, tile, tile}, "360/30 180/7 180/7"},
      {"and on from there, round by round", kbps(2'500), -1, {big, tile, tile}, "720/30 180/30 180/30"},
      {"never above what is asked for", kbps(20'000), -1, {camera(360), camera(180), camera(100)}, "360/30 180/30 180/7"},
      {"nothing where nothing is asked for", kbps(20'000), -1, {camera(0), any}, "- 720/30"},
      {"last-n", kbps(20'000), 2, {any, any, any}, "720/30 720/30 -"},
      {"what nobody wants uses up no place", kbps(20'000), 2, {any, camera(0), any, any}, "720/30 - 720/30 -"},
      {"last-n zero", kbps(20'000), 0, {any, any}, "- -"},
      {"a screen on stage is shown over the estimate", kbps(450), -1, {screen(Interest::on_stage), tile}, "1080/5 -"},
      {"but not for more than 500 kbps", kbps(300), -1, {screen(Interest::on_stage), tile}, "- -"},
      {"nor a screen that is not on stage", kbps(450), -1, {screen(Interest::other)}, "-"},
      {"one with a single layer has it or has not", kbps(460), -1, {[] { Candidate c = camera(); c.layers = kSingle; return c; }()}, "480/30"},
      {"and its height does not exclude it", kbps(460), -1, {[] { Candidate c = camera(180); c.layers = kSingle; return c; }()}, "480/30"},
  };
  for (const Row& row : rows) {
    INFO(row.about);
    CHECK(given(row.estimate, row.candidates, row.last_n) == row.expected);
  }
}

TEST_CASE("a frame rate bound keeps the lower temporal layers", "[allocator]") {
  Candidate slow = camera();
  slow.constraints.max_frame_rate = 15;
  CHECK(given(kbps(20'000), {slow}) == "720/15");
  slow.constraints.max_frame_rate = 0;
  CHECK(given(kbps(20'000), {slow}) == "180/7");
}

TEST_CASE("a source that has not come yet is let in, in its last-n place", "[allocator]") {
  Candidate unknown = camera();
  unknown.layers = {};
  CHECK(given(kbps(100), {unknown, camera(180)}) == "? 180/7");
  CHECK(given(kbps(100), {camera(180), unknown}, 1) == "180/7 -");
}

TEST_CASE("a wavering estimate does not switch to and fro", "[allocator]") {
  const LayerId low{1, 0, 2}, high{2, 0, 2};
  // 1,800 kbps: kept at 1,850, not taken at 1,850.
  CHECK(given(kbps(1'850), {with_previous(camera(), high)}) == "720/30");
  CHECK(given(kbps(1'850), {with_previous(camera(), low)}) == "360/30");
  CHECK(given(kbps(2'100), {with_previous(camera(), low)}) == "720/30");
  CHECK(given(kbps(1'790), {with_previous(camera(), high)}) == "360/30");

  Rng rng(4);
  Candidate one = camera();
  Shares shares;
  int switches = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::vector<Candidate> candidates = {one};
    allocate(kbps(1'800 + static_cast<int64_t>(rng.below(200))), -1, candidates, shares);
    switches += shares.grants[0].target != one.previous;
    one.previous = shares.grants[0].target;
  }
  CHECK(switches <= 2);
}

TEST_CASE("a layer that costs no less than a better one is passed over", "[allocator]") {
  const std::vector<LayerInfo> odd = {{{0, 0, 0}, 180, 30, kbps(300)}, {{1, 0, 0}, 360, 30, kbps(250)}, {{2, 0, 0}, 720, 30, kbps(900)}};
  Candidate c = camera();
  c.layers = odd;
  CHECK(given(kbps(400), {c}) == "360/30");
}

TEST_CASE("each says why it has no more, and what would be worth sending", "[allocator]") {
  Shares shares;
  const std::vector<Candidate> candidates = {camera(360, Interest::on_stage), camera(180), camera(0), camera(), camera()};
  allocate(kbps(740), 3, candidates, shares);
  CHECK(shown(candidates, shares) == "360/30 180/7 - 180/7 -");
  CHECK(to_string(shares.grants[0].limit) == "constraint");
  CHECK(to_string(shares.grants[1].limit) == "estimate");
  CHECK(to_string(shares.grants[2].limit) == "constraint");
  CHECK(to_string(shares.grants[3].limit) == "estimate");
  CHECK(to_string(shares.grants[4].limit) == "last-n");
  CHECK(shares.grants[0].wanted_height == 360);
  CHECK(shares.grants[2].wanted_height == 0);
  CHECK(shares.grants[3].wanted_height == -1);
  CHECK(shares.grants[4].wanted_height == 0);
  CHECK(shares.ideal == kbps(500 + 150 + 1'800));
  CHECK(shares.used == kbps(500 + 60 + 60));
  allocate(DataRate::infinite(), -1, {candidates}, shares);
  CHECK(to_string(shares.grants[4].limit) == "none");
}

// --- any input ---------------------------------------------------------------------------------------------------------------

namespace {

struct Room {
  std::vector<std::vector<LayerInfo>> tables;
  std::vector<Candidate> candidates;
  int32_t last_n = -1;

  explicit Room(Rng& rng) {
    const size_t count = 1 + rng.below(20);
    tables.resize(count);
    candidates.resize(count);
    const size_t on_stage = rng.below(3), selected = rng.below(4);
    for (size_t i = 0; i < count; ++i) {
      Candidate& c = candidates[i];
      c.interest = i < on_stage ? Interest::on_stage : i < on_stage + selected ? Interest::selected : Interest::other;
      c.screen = rng.chance(0.2);
      if (rng.chance(0.7)) c.constraints.max_height = std::vector<int32_t>{-1, 0, 90, 180, 360, 720, 16'384}[rng.below(7)];
      if (rng.chance(0.2)) c.constraints.max_frame_rate = rng.below(40);
      if (rng.chance(0.9)) fill(rng, tables[i]);
      c.layers = tables[i];
      if (rng.chance(0.5) && !tables[i].empty()) c.previous = tables[i][rng.below(static_cast<uint32_t>(tables[i].size()))].id;
    }
    if (rng.chance(0.4)) last_n = static_cast<int32_t>(rng.below(25));
  }
  static void fill(Rng& rng, std::vector<LayerInfo>& table) {
    int64_t rate = 1'000 + rng.below(200'000);
    const auto encodings = static_cast<uint8_t>(1 + rng.below(3)), temporals = static_cast<uint8_t>(1 + rng.below(3));
    for (uint8_t e = 0; e < encodings; ++e)
      for (uint8_t t = 0; t < temporals; ++t) {
        table.push_back({{e, 0, t}, static_cast<uint16_t>(180 << e), 30.0f / static_cast<float>(1 << (temporals - 1 - t)), DataRate::bps(rate)});
        rate = rng.chance(0.05) ? rate / 2 : rate + static_cast<int64_t>(rng.below(600'000));
      }
  }
};

}  // namespace

TEST_CASE("whatever comes: within the estimate, within last-n, within the constraints, and never less for more", "[allocator]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 41));
  INFO("seed " << seed);
  Rng rng(seed);
  Shares shares;
  for (int round = 0; round < 50; ++round) {
    const Room room(rng);
    double charged_before = -1;
    for (int64_t estimate = 0; estimate <= 8'000; estimate += 1 + rng.below(400)) {
      allocate(kbps(estimate), room.last_n, room.candidates, shares);
      DataRate sum;
      int32_t shown_count = 0;
      double charged = 0;
      for (size_t i = 0; i < room.candidates.size(); ++i) {
        const Candidate& c = room.candidates[i];
        const Grant& grant = shares.grants[i];
        sum = sum + grant.rate;
        REQUIRE(grant.rate <= grant.ideal);
        if (!grant.target) continue;
        ++shown_count;
        REQUIRE(c.constraints.max_height != 0);
        const bool up = !c.previous || *c.previous < *grant.target;
        charged += static_cast<double>(grant.rate.bps()) * (up ? allocation::kHeadroom : 1.0);
        if (c.layers.empty()) continue;
        const bool lowest = *grant.target == c.layers[0].id;
        REQUIRE((lowest || c.constraints.max_height < 0 || grant.height <= c.constraints.max_height));
      }
      REQUIRE(sum == shares.used);
      if (room.last_n >= 0) REQUIRE(shown_count <= room.last_n);
      const int64_t most = estimate * 1'000 + (shares.oversends ? allocation::kOversend.bps() : 0);
      REQUIRE(sum.bps() <= most);
      // In what steps are charged the sum never falls when the estimate grows; what goes over it is counted as what it is.
      if (!shares.oversends) {
        REQUIRE(charged >= charged_before - 1);
        charged_before = charged;
      }
    }
  }
}

TEST_CASE("what is lacking for more is exactly that", "[allocator]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 21));
  INFO("seed " << seed);
  Rng rng(seed);
  Shares shares;
  const auto given_with = [&](const Room& room, DataRate estimate) {
    allocate(estimate, room.last_n, room.candidates, shares);
    return shown(room.candidates, shares) + (shares.oversends ? " over" : "");
  };
  int lacking = 0;
  for (int round = 0; round < 200; ++round) {
    const Room room(rng);
    const DataRate estimate = kbps(rng.below(8'000));
    const std::string before = given_with(room, estimate);
    const DataRate lacks = shares.lacks;
    if (lacks.is_infinite()) {
      REQUIRE(given_with(room, kbps(1'000'000)) == before);
      continue;
    }
    ++lacking;
    REQUIRE(lacks > DataRate::zero());
    REQUIRE(given_with(room, DataRate::bps(estimate.bps() + lacks.bps() - 1)) == before);
    REQUIRE(given_with(room, DataRate::bps(estimate.bps() + lacks.bps() + 1)) != before);
  }
  CHECK(lacking > 50);
}

TEST_CASE("a hundred sources with absurd wishes cost no memory once warm", "[allocator]") {
  std::vector<Candidate> candidates(100, camera(channel::kMaxHeight));
  Shares shares;
  allocate(kbps(5'000), -1, candidates, shares);
  const void* grants = shares.grants.data();
  const void* allowed = shares.allowed.data();
  for (int i = 0; i < 100; ++i) allocate(kbps(5'000 + i), i, candidates, shares);
  CHECK(shares.grants.data() == grants);
  CHECK(shares.allowed.data() == allowed);
}
