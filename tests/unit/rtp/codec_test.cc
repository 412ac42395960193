// The VP8 payload descriptor against the figures of RFC 7741 section 4.2.
#include <catch2/catch.hpp>

#include <vector>

#include "core/base/rng.h"
#include "core/rtp/vp8.h"
#include "core/rtp/vp9.h"

using namespace tacoma;
using Bytes = std::vector<uint8_t>;

TEST_CASE("a VP8 descriptor of every length is read") {
  auto d = parse_vp8(Bytes{0x10, 0x00});
  REQUIRE(d);
  CHECK(d->partition_start);
  CHECK(d->size() == 1);
  CHECK_FALSE(d->picture_id);

  d = parse_vp8(Bytes{0x90, 0x80, 0x17, 0x01});
  REQUIRE(d);
  CHECK(d->picture_id == uint16_t{0x17});
  CHECK_FALSE(d->long_picture_id);
  CHECK(d->size() == 3);

  d = parse_vp8(Bytes{0xb3, 0xf0, 0x92, 0x34, 0x56, 0xab, 0x01});
  REQUIRE(d);
  CHECK(d->non_reference);
  CHECK(d->partition == 3);
  CHECK(d->picture_id == uint16_t{0x1234});
  CHECK(d->tl0_pic_idx == uint8_t{0x56});
  CHECK(d->temporal_layer == uint8_t{2});
  CHECK(d->layer_sync);
  CHECK(d->key_index == uint8_t{11});
  CHECK(d->size() == 6);
}

TEST_CASE("a VP8 descriptor that is cut off or has no payload is refused") {
  CHECK_FALSE(parse_vp8(Bytes{}));
  CHECK_FALSE(parse_vp8(Bytes{0x10}));
  CHECK_FALSE(parse_vp8(Bytes{0x90}));
  CHECK_FALSE(parse_vp8(Bytes{0x90, 0x80, 0x92}));
  CHECK_FALSE(parse_vp8(Bytes{0x90, 0x80, 0x92, 0x34}));
  CHECK_FALSE(parse_vp8(Bytes{0x90, 0x00, 0x01}));
}

TEST_CASE("VP8 descriptors make the round trip") {
  Rng rng(3);
  for (int i = 0; i < 500; ++i) {
    Vp8Descriptor d;
    d.non_reference = rng.chance(0.5);
    d.partition_start = rng.chance(0.5);
    d.partition = static_cast<uint8_t>(rng.below(8));
    d.long_picture_id = rng.chance(0.5);
    if (rng.chance(0.5)) d.picture_id = static_cast<uint16_t>(rng.below(d.long_picture_id ? 32768 : 128));
    if (rng.chance(0.5)) d.tl0_pic_idx = static_cast<uint8_t>(rng.below(256));
    if (rng.chance(0.5)) { d.temporal_layer = static_cast<uint8_t>(rng.below(4)); d.layer_sync = rng.chance(0.5); }
    if (rng.chance(0.5)) d.key_index = static_cast<uint8_t>(rng.below(32));
    uint8_t out[16] = {};
    const size_t size = write_vp8(out, d);
    REQUIRE(size == d.size());
    CHECK(write_vp8(MutableBytes(out, size - 1), d) == 0);
    write_vp8(out, d);
    const auto r = parse_vp8(BytesView(out, size + 1));
    REQUIRE(r);
    CHECK(r->non_reference == d.non_reference);
    CHECK(r->partition_start == d.partition_start);
    CHECK(r->partition == d.partition);
    CHECK(r->picture_id == d.picture_id);
    CHECK(r->tl0_pic_idx == d.tl0_pic_idx);
    CHECK(r->temporal_layer == d.temporal_layer);
    CHECK(r->layer_sync == d.layer_sync);
    CHECK(r->key_index == d.key_index);
  }
}

TEST_CASE("only the first packet of a key frame starts one") {
  // Frame tag with the inverse key frame bit 0, start code, 640 x 360.
  const Bytes key = {0x90, 0x80, 0x11, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
  auto d = parse_vp8(key);
  REQUIRE(d);
  CHECK(starts_vp8_key_frame(key, *d));
  REQUIRE(vp8_key_frame_size(key, *d));
  CHECK(vp8_key_frame_size(key, *d)->width == 640);
  CHECK(vp8_key_frame_size(key, *d)->height == 360);
  Bytes delta = key;
  delta[3] |= 1;
  CHECK_FALSE(starts_vp8_key_frame(delta, *parse_vp8(delta)));
  Bytes later = key;
  later[0] = 0x80;
  CHECK_FALSE(starts_vp8_key_frame(later, *parse_vp8(later)));
  Bytes second = key;
  second[0] = 0x91;
  CHECK_FALSE(starts_vp8_key_frame(second, *parse_vp8(second)));
}

TEST_CASE("VP9 descriptors that are written are read again") {
  for (const bool structured : {true, false}) {
    for (const uint8_t temporal_layers : {uint8_t{1}, uint8_t{2}, uint8_t{3}}) {
      Vp9Descriptor d;
      d.inter_picture_predicted = !structured;
      d.starts_frame = structured;
      d.ends_frame = true;
      d.not_needed_above = !structured;
      d.picture_id = 0x7ffe;
      d.has_layers = true;
      d.temporal = static_cast<uint8_t>(temporal_layers - 1);
      d.spatial = 2;
      d.switching_up_point = structured;
      d.inter_layer_predicted = true;
      d.tl0_pic_idx = 201;
      if (structured) {
        d.structure.emplace();
        d.structure->spatial_layers = 3;
        for (size_t s = 0; s < 3; ++s) {
          d.structure->widths[s] = static_cast<uint16_t>(320 << s);
          d.structure->heights[s] = static_cast<uint16_t>(180 << s);
        }
      }
      std::vector<uint8_t> bytes(40, 0xee);
      const size_t size = write_vp9(bytes, d, temporal_layers);
      REQUIRE(size == vp9_size(d, temporal_layers));
      CHECK(size <= 30);
      CHECK(write_vp9(MutableBytes(bytes.data(), size - 1), d, temporal_layers) == 0);
      REQUIRE(write_vp9(bytes, d, temporal_layers) == size);
      const auto read = parse_vp9(BytesView(bytes));
      REQUIRE(read);
      CHECK(read->size == size);
      CHECK(read->inter_picture_predicted == d.inter_picture_predicted);
      CHECK(read->starts_frame == d.starts_frame);
      CHECK(read->ends_frame);
      CHECK(read->not_needed_above == d.not_needed_above);
      CHECK(read->picture_id == d.picture_id);
      CHECK(read->temporal == d.temporal);
      CHECK(read->spatial == 2);
      CHECK(read->switching_up_point == d.switching_up_point);
      CHECK(read->inter_layer_predicted);
      CHECK(read->tl0_pic_idx == d.tl0_pic_idx);
      REQUIRE(read->structure.has_value() == structured);
      if (structured) {
        CHECK(read->structure->widths == d.structure->widths);
        CHECK(read->structure->heights == d.structure->heights);
      }
    }
  }
}
