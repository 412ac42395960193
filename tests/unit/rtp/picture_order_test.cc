// What of a stream's picture ids and frame numbers is taken for a jump, and what is not.
#include <catch2/catch.hpp>

#include "core/base/rng.h"
#include "core/rtp/picture_order.h"

using namespace tacoma;

namespace {
Vp8Descriptor vp8(uint16_t id, uint8_t tl0, uint8_t temporal, bool starts = true) {
  Vp8Descriptor d;
  d.partition_start = starts;
  d.picture_id = id;
  d.tl0_pic_idx = tl0;
  d.temporal_layer = temporal;
  return d;
}
Vp9Descriptor vp9(uint16_t id, uint8_t tl0, uint8_t temporal, uint8_t spatial = 0) {
  Vp9Descriptor d;
  d.picture_id = id;
  d.has_layers = true;
  d.tl0_pic_idx = tl0;
  d.temporal = temporal;
  d.spatial = spatial;
  d.inter_picture_predicted = true;
  return d;
}
DependencyDescriptor av1(uint16_t number, bool starts = true) {
  DependencyDescriptor d;
  d.starts_frame = starts;
  d.frame_number = number;
  return d;
}
}  // namespace

TEST_CASE("picture ids and TL0PICIDX of VP8 that run on are no jump, over their wraps, too") {
  PictureOrder order;
  uint16_t id = 0x7ff0;
  uint8_t tl0 = 250;
  int64_t sequence = 65'530;
  for (uint32_t picture = 0; picture < 300; ++picture) {
    const uint8_t temporal = picture % 4 == 0 ? 0 : picture % 2 == 0 ? 1 : 2;
    if (temporal == 0) ++tl0;
    CHECK(order.takes(sequence++, picture * 3000, picture == 0, vp8(id, tl0, temporal)));
    CHECK(order.takes(sequence++, picture * 3000, false, vp8(id, tl0, temporal, false)));
    id = (id + 1) & 0x7fff;
  }
}

TEST_CASE("a VP8 picture id that goes ahead by two, back, or stays in the next picture has jumped, and each jump counts once") {
  const auto jumped = GENERATE(uint16_t{102}, uint16_t{99}, uint16_t{100}, uint16_t{0}, uint16_t{16'000});
  PictureOrder order;
  CHECK(order.takes(1, 0, true, vp8(100, 1, 0)));
  CHECK_FALSE(order.takes(2, 3000, false, vp8(jumped, 2, 0)));
  CHECK(order.takes(3, 6000, false, vp8((jumped + 1) & 0x7fff, 3, 0)));
  CHECK_FALSE(order.takes(4, 6000, false, vp8((jumped + 2) & 0x7fff, 3, 0, false)));  // another within the picture
}

TEST_CASE("TL0PICIDX that skips a base picture, stays, or names one to come has jumped; an earlier one may be named") {
  PictureOrder order;
  CHECK(order.takes(1, 0, true, vp8(1, 255, 0)));
  CHECK(order.takes(2, 1, false, vp8(2, 0, 0)));
  CHECK_FALSE(order.takes(3, 2, false, vp8(3, 2, 0)));
  CHECK(order.takes(4, 3, false, vp8(4, 2, 1)));
  CHECK(order.takes(5, 4, false, vp8(5, 1, 2)));
  CHECK_FALSE(order.takes(6, 5, false, vp8(6, 3, 2)));
  CHECK(order.takes(7, 6, false, vp8(7, 4, 0)));
  CHECK_FALSE(order.takes(8, 7, false, vp8(8, 4, 0)));
  // Without a temporal id it says nothing.
  Vp8Descriptor d = vp8(9, 99, 0);
  d.temporal_layer.reset();
  CHECK(order.takes(9, 8, false, d));
}

TEST_CASE("nothing is a jump behind a loss, a packet out of order, at the start, at a key frame, or with another codec") {
  PictureOrder order;
  CHECK(order.takes(1, 0, false, vp8(100, 1, 0)));
  CHECK(order.takes(3, 3000, false, vp8(7, 9, 0)));           // one is missing
  CHECK(order.takes(4, 6000, true, vp8(20'000, 77, 0)));      // the encoder begins anew
  CHECK(order.takes(5, 6000, false, vp8(20'000, 77, 0, false)));
  CHECK(order.takes(6, 9000, false, vp9(5, 5, 0)));
  CHECK(order.takes(7, false, av1(40'000)));
  CHECK(order.takes(8, 15'000, false, vp8(1, 1, 0)));
  Vp8Descriptor none = vp8(0, 0, 0);
  none.picture_id.reset();
  none.tl0_pic_idx.reset();
  CHECK(order.takes(9, 18'000, false, none));
  CHECK(order.takes(10, 21'000, false, vp8(9, 9, 0)));
}

TEST_CASE("a picture id whose width changes is compared by what both have") {
  PictureOrder order;
  Vp8Descriptor d = vp8(0x1fe, 1, 0);
  CHECK(order.takes(1, 0, true, d));
  d = vp8(0x7f, 2, 0);
  d.long_picture_id = false;
  CHECK(order.takes(2, 1, false, d));
  CHECK(order.takes(3, 2, false, vp8(0x200, 3, 0)));
  d.picture_id = 5;
  d.tl0_pic_idx = uint8_t{4};
  CHECK_FALSE(order.takes(4, 3, false, d));
}

TEST_CASE("the spatial layers of a VP9 picture have one id; another one, or a skipped one, has jumped") {
  PictureOrder order;
  CHECK(order.takes(1, 0, true, vp9(0x7fff, 10, 0, 0)));
  CHECK(order.takes(2, 0, false, vp9(0x7fff, 10, 0, 1)));
  CHECK(order.takes(3, 3000, false, vp9(0, 10, 1, 0)));
  CHECK(order.takes(4, 3000, false, vp9(0, 10, 1, 1)));
  CHECK_FALSE(order.takes(5, 3000, false, vp9(1, 10, 1, 2)));
  CHECK_FALSE(order.takes(6, 6000, false, vp9(3, 10, 2, 0)));
  CHECK_FALSE(order.takes(7, 9000, false, vp9(4, 200, 0, 0)));
  CHECK(order.takes(8, 12'000, false, vp9(5, 200, 2, 0)));
  // Flexible mode has no TL0PICIDX.
  Vp9Descriptor flexible = vp9(6, 0, 0);
  flexible.tl0_pic_idx.reset();
  CHECK(order.takes(9, 15'000, false, flexible));
  flexible.picture_id = 4;
  CHECK_FALSE(order.takes(10, 18'000, false, flexible));
}

TEST_CASE("AV1's frame numbers grow, by no more than a frame can refer back, and are one number in all of a frame") {
  PictureOrder order;
  CHECK(order.takes(1, true, av1(65'534)));
  CHECK(order.takes(2, false, av1(65'534, false)));
  CHECK(order.takes(3, false, av1(2)));  // over the wrap, and some belong to another stream
  CHECK(order.takes(4, false, av1(2 + PictureOrder::kMostAhead)));
  CHECK_FALSE(order.takes(5, false, av1(3 + 2 * PictureOrder::kMostAhead)));
  CHECK_FALSE(order.takes(6, false, av1(8000)));
  CHECK_FALSE(order.takes(7, false, av1(8000)));
  CHECK_FALSE(order.takes(8, false, av1(8001, false)));
  CHECK(order.takes(9, true, av1(1)));
}

TEST_CASE("whatever is lost of a true stream, nothing of it has jumped") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rng rng(seed);
    PictureOrder of_vp8, of_vp9, of_av1;
    uint16_t id = static_cast<uint16_t>(rng.below(0x8000));
    uint8_t tl0 = static_cast<uint8_t>(rng.u32());
    uint16_t number = static_cast<uint16_t>(rng.u32());
    int64_t sequence = 0;
    for (uint32_t picture = 0; picture < 500; ++picture) {
      const bool restart = rng.chance(0.02);
      if (restart) id = static_cast<uint16_t>(rng.below(0x8000)), tl0 = static_cast<uint8_t>(rng.u32());
      const uint8_t temporal = restart || picture % 3 == 0 ? 0 : 1;
      if (temporal == 0) ++tl0;
      id = (id + 1) & 0x7fff;
      number = static_cast<uint16_t>(restart ? rng.u32() : number + 1 + rng.below(3));
      for (uint32_t part = 0, parts = 1 + rng.below(3); part < parts; ++part) {
        ++sequence;
        if (rng.chance(0.1) && !(restart && part == 0)) continue;
        const bool key = restart && part == 0;
        REQUIRE(of_vp8.takes(sequence, picture * 3000, key, vp8(id, tl0, temporal, part == 0)));
        REQUIRE(of_vp9.takes(sequence, picture * 3000, key, vp9(id, tl0, temporal, static_cast<uint8_t>(part))));
        REQUIRE(of_av1.takes(sequence, key, av1(number, part == 0)));
      }
    }
  }
}
