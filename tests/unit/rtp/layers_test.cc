// VP9 and H.264 payloads and the AV1 dependency descriptor, against vectors taken by hand from RFC 9628, RFC 6184 and the AV1 RTP specification.
#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/rng.h"
#include "core/rtp/dependency_descriptor.h"
#include "core/rtp/h264.h"
#include "core/rtp/vp8.h"
#include "core/rtp/vp9.h"

using namespace tacoma;
using Bytes = std::vector<uint8_t>;

namespace {
/// "101 0" and so on, padded with zeros to bytes.
Bytes bits(std::string_view text) {
  Bytes result;
  size_t n = 0;
  for (char c : text) {
    if (c == ' ') continue;
    if (n % 8 == 0) result.push_back(0);
    if (c == '1') result.back() = static_cast<uint8_t>(result.back() | 0x80 >> n % 8);
    ++n;
  }
  return result;
}
Bytes from_hex(std::string_view text) {
  Bytes result;
  for (size_t i = 0; i + 1 < text.size(); i += 2) result.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return result;
}
// One spatial layer, two temporal ones: key, base, and a discardable frame between; two decode targets, no chains, 640x360.
constexpr std::string_view kMandatory = "1 1 000101 0000000100000010";
constexpr std::string_view kStructure =
    "000101 00001"             // offset 5, two targets
    "00 01 11"                 // templates: (0,0) (0,0) (0,1)
    "1010 1010 0001"           // S S, S S, - D
    "0  1 0001 0  1 0000 0"    // needs nothing; two back; one back
    "0"                        // no chains
    "1 0000001001111111 0000000101100111";
Bytes with_structure(std::string_view flags = "10000", std::string_view rest = "") {
  return bits(std::string(kMandatory) + std::string(flags) + std::string(kStructure) + std::string(rest));
}
}  // namespace

TEST_CASE("a VP9 descriptor in non-flexible mode") {
  // I P L B E; picture id 0x1234 in two bytes; TID 2, U, SID 1, D; TL0PICIDX 0x56.
  const Bytes payload{0xec, 0x92, 0x34, 0x53, 0x56, 0xaa};
  const auto d = parse_vp9(payload);
  REQUIRE(d);
  CHECK(d->inter_picture_predicted);
  CHECK_FALSE(d->flexible);
  CHECK(d->starts_frame);
  CHECK(d->ends_frame);
  CHECK_FALSE(d->not_needed_above);
  CHECK(d->picture_id == uint16_t{0x1234});
  CHECK(d->temporal == 2);
  CHECK(d->switching_up_point);
  CHECK(d->spatial == 1);
  CHECK(d->inter_layer_predicted);
  CHECK(d->tl0_pic_idx == uint8_t{0x56});
  CHECK(d->size == 5);
  CHECK_FALSE(starts_vp9_key_frame(*d));
  Bytes shifted = payload;
  shift_vp9_ids(shifted, *d, 0x7000, 0xb0);  // both wrap
  CHECK(shifted == Bytes{0xec, 0x82, 0x34, 0x53, 0x06, 0xaa});
}

TEST_CASE("a VP9 descriptor in flexible mode, with a short picture id and references") {
  const Bytes payload{0xf9, 0x7f, 0x00, 0x03, 0x04, 0xaa};  // I P L F B Z; 127; layer 0; P_DIFF 1 and more, 2
  const auto d = parse_vp9(payload);
  REQUIRE(d);
  CHECK(d->flexible);
  CHECK(d->not_needed_above);
  CHECK_FALSE(d->long_picture_id);
  CHECK_FALSE(d->tl0_pic_idx);
  REQUIRE(d->references == 2);
  CHECK(d->reference_differences[0] == 1);
  CHECK(d->reference_differences[1] == 2);
  CHECK(d->size == 5);
  Bytes shifted = payload;
  shift_vp9_ids(shifted, *d, 2, 9);
  CHECK(shifted == Bytes{0xf9, 0x01, 0x00, 0x03, 0x04, 0xaa});
  CHECK_FALSE(parse_vp9(Bytes{0xf9, 0x7f, 0x00, 0x03, 0x03, 0x03, 0x02, 0xaa}));  // a fourth reference
}

TEST_CASE("a VP9 key frame with its scalability structure") {
  // I L B V, key picture; two layers with sizes and a group of two pictures, the second with one reference.
  const Bytes payload{0xaa, 0x85, 0x01, 0x00, 0x07, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 0x02, 0x00, 0x34, 0x01, 0xaa};
  const auto d = parse_vp9(payload);
  REQUIRE(d);
  CHECK(starts_vp9_key_frame(*d));
  REQUIRE(d->structure);
  CHECK(d->structure->spatial_layers == 2);
  CHECK(d->structure->heights[0] == 180);
  CHECK(d->structure->heights[1] == 360);
  CHECK(d->size == payload.size() - 1);
  for (size_t size = 0; size < payload.size(); ++size) CHECK_FALSE(parse_vp9(BytesView(payload.data(), size)));
}

TEST_CASE("VP8 ids are shifted in place, modulo their widths") {
  Bytes payload{0xb3, 0xf0, 0xff, 0xff, 0xff, 0xab, 0x01};
  auto d = parse_vp8(payload);
  REQUIRE(d);
  shift_vp8_ids(payload, *d, 2, 3);
  d = parse_vp8(payload);
  CHECK(d->picture_id == uint16_t{1});
  CHECK(d->tl0_pic_idx == uint8_t{2});
  CHECK(d->temporal_layer == uint8_t{2});
  Bytes small{0x90, 0x80, 0x7f, 0x01};
  shift_vp8_ids(small, *parse_vp8(small), 2, 3);
  CHECK(parse_vp8(small)->picture_id == uint16_t{1});
  CHECK(small[3] == 1);
}

TEST_CASE("where H.264 key frames start") {
  const auto read = [](Bytes payload) { return parse_h264(payload); };
  CHECK(read({0x67, 1, 2})->parameters);
  CHECK(read({0x65, 1, 2})->idr);
  CHECK_FALSE(read({0x41, 1, 2})->idr);
  const auto aggregate = read({0x78, 0, 2, 0x67, 1, 0, 1, 0x68, 0, 2, 0x65, 3});  // SPS, PPS, IDR
  REQUIRE(aggregate);
  CHECK(aggregate->parameters);
  CHECK(aggregate->idr);
  CHECK(read({0x7c, 0x85, 1})->idr);          // FU-A, first
  CHECK_FALSE(read({0x7c, 0x05, 1})->idr);    // in the middle
  CHECK_FALSE(read({}));
  CHECK_FALSE(read({0x78}));
  CHECK_FALSE(read({0x78, 0, 9, 0x67}));      // longer than the packet
  CHECK_FALSE(read({0x78, 0, 0}));
  CHECK_FALSE(read({0x7c, 0x85}));
  CHECK_FALSE(read({0x7c, 0xc5, 1}));         // first and last
  CHECK_FALSE(read({0x79, 1, 2, 3}));         // STAP-B
  CHECK_FALSE(read({0x60, 1}));               // type 0
}

TEST_CASE("an H.264 parameter set tells how high the pictures are") {
  const auto height = [](const char* hex) { return parse_h264(from_hex(hex))->height; };
  // As x264 writes them: baseline, cropped or not; interlaced; 4:4:4; 4:2:2 of ten bits.
  CHECK(height("6742c01fd9005005bb011000000300100000030020f1832480") == 720);
  CHECK(height("6742c016d900a02ff97011000003000100000300020f162e48") == 360);
  CHECK(height("6742c00bd901419f9f011000000300100000030020f142a480") == 180);
  CHECK(height("6742c028d900780227e5c044000003000400000300083c60c920") == 1080);
  CHECK(height("6742c016d900a03db011000003000100000300020f162e48") == 480);
  CHECK(height("674d4016eca05a126c044000000300400000030087c50a6580") == 576);
  CHECK(height("67f40016919b281405ff1780880000030008000003001078b16cb0") == 358);
  CHECK(height("677a0016b6cd940a02ff8bc044000003000400000300083c58b658") == 358);
  // By hand: scaling lists, and an order of pictures with a cycle.
  CHECK(height("6764001fadb2323232323232324221646464646464646464646464646464646464646464646464646464646464646450e469940a02ff6d") == 360);
  // In an aggregate, behind an access unit delimiter.
  CHECK(height("78" "0002" "0910" "0019" "6742c01fd9005005bb011000000300100000030020f1832480" "0002" "6801") == 720);
  // Cut off, more cropped than there is, a number of 17 zeros and more: no height, but still parameters.
  const auto is_dumb = [&](const char* hex) { const auto p = parse_h264(from_hex(hex)); return p && p->parameters && p->height == 0; };
  CHECK(is_dumb("67"));
  CHECK(is_dumb("6742c01fd900"));
  CHECK(is_dumb("6742c01f000000000000000000000000"));
  CHECK(is_dumb("6742c01fddfca5"));
}

TEST_CASE("a dependency descriptor brings its structure, and later ones refer to it") {
  const Bytes key = with_structure();
  DependencyStructure structure;
  auto d = parse_dependency_descriptor(key, nullptr, structure);
  REQUIRE(d);
  CHECK(d->starts_frame);
  CHECK(d->ends_frame);
  CHECK(d->template_id == 5);
  CHECK(d->frame_number == 0x0102);
  CHECK(d->has_structure);
  CHECK_FALSE(d->active_targets);
  CHECK(d->differences == 0);
  CHECK(structure.templates == 3);
  CHECK(structure.targets == 2);
  CHECK(structure.chains == 0);
  CHECK(structure.heights[0] == 360);
  CHECK(structure.layer_of_target[0].temporal == 0);
  CHECK(structure.layer_of_target[1].temporal == 1);
  CHECK(structure.target_within(0, 0) == uint8_t{0});
  CHECK(structure.target_within(3, 3) == uint8_t{1});
  CHECK(structure.targets_within(0) == 1);
  CHECK(structure.targets_within(1) == 3);
  CHECK(structure.contains(1, 0));
  CHECK_FALSE(structure.contains(0, 1));

  DependencyStructure unused;
  d = parse_dependency_descriptor(bits("1 0 000111 0000000100000011"), &structure, unused);
  REQUIRE(d);
  CHECK_FALSE(d->ends_frame);
  CHECK(d->temporal == 1);
  REQUIRE(d->differences == 1);
  CHECK(d->difference[0] == 1);
  CHECK(d->indications[0] == DecodeTargetIndication::not_present);
  CHECK(d->indications[1] == DecodeTargetIndication::discardable);
  // Own indications and differences: 3 (4 bits), 256 (8 bits).
  d = parse_dependency_descriptor(bits("1 1 000110 0000000100000100 00110 10 11 01 0010 10 11111111 00"), &structure, unused);
  REQUIRE(d);
  CHECK(d->indications[1] == DecodeTargetIndication::required);
  REQUIRE(d->differences == 2);
  CHECK(d->difference[0] == 3);
  CHECK(d->difference[1] == 256);
  CHECK_FALSE(parse_dependency_descriptor(bits("1 0 001000 0000000100000011"), &structure, unused));  // no template 8
  CHECK_FALSE(parse_dependency_descriptor(bits("1 0 000111 0000000100000011"), nullptr, unused));
}

TEST_CASE("a dependency descriptor that is cut off or over a limit is refused") {
  const Bytes key = with_structure();
  DependencyStructure s;
  for (size_t size = 0; size < key.size(); ++size) CHECK_FALSE(parse_dependency_descriptor(BytesView(key.data(), size), nullptr, s));
  // Spatial ids 0 to 4.
  CHECK_FALSE(parse_dependency_descriptor(bits(std::string(kMandatory) + "10000 000101 00000 10 10 10 10 11" + std::string(200, '0')), nullptr, s));
  // Sixty-five templates.
  std::string many = std::string(kMandatory) + "10000 000101 00000";
  for (int i = 0; i < 64; ++i) many += "00";
  CHECK_FALSE(parse_dependency_descriptor(bits(many + "11" + std::string(2000, '0')), nullptr, s));
  // Nine differences.
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += "1 0000 ";
  CHECK_FALSE(parse_dependency_descriptor(bits(std::string(kMandatory) + "10000 000101 00000 11 10" + nine + "0 0 0 0000"), nullptr, s));
}

TEST_CASE("frame number, template ids and active targets of a dependency descriptor are rewritten") {
  DependencyStructure structure, again;
  uint8_t out[260];
  const auto shifted = [&](const Bytes& in, const DependencyStructure* known, DependencyShift shift) {
    const auto d = parse_dependency_descriptor(in, known, structure);
    REQUIRE(d);
    const size_t size = shift_dependency_descriptor(MutableBytes(out, sizeof out), in, *d, shift);
    REQUIRE(size != 0);
    return BytesView(out, size);
  };
  const Bytes key = with_structure();
  auto d = parse_dependency_descriptor(shifted(key, nullptr, {0xff00, 62, 1u}), nullptr, again);
  REQUIRE(d);
  CHECK(d->frame_number == 2);
  CHECK(d->template_id == 3);
  CHECK(again.template_id_offset == 3);
  CHECK(again.heights[0] == 360);
  CHECK(d->active_targets == 1u);
  CHECK(shifted(key, nullptr, {}).size() == key.size());
  // One that was there is replaced.
  const Bytes said = with_structure("11000", "11");
  d = parse_dependency_descriptor(shifted(said, nullptr, {0, 0, 2u}), nullptr, again);
  REQUIRE(d);
  CHECK(d->active_targets == 2u);
  // Three bytes grow by five flags and the mask; what follows a mask that is put in stays.
  const DependencyStructure known = structure;
  d = parse_dependency_descriptor(shifted(bits("1 0 000111 0000000100000011"), &known, {1, 0, 1u}), &known, again);
  REQUIRE(d);
  CHECK(d->frame_number == 0x0104);
  CHECK(d->active_targets == 1u);
  CHECK_FALSE(d->has_structure);
  d = parse_dependency_descriptor(shifted(bits("1 1 000110 0000000100000100 00110 10 11 01 0010 10 11111111 00"), &known, {0, 0, 1u}), &known, again);
  REQUIRE(d);
  CHECK(d->active_targets == 1u);
  CHECK(d->indications[0] == DecodeTargetIndication::switch_point);
  REQUIRE(d->differences == 2);
  CHECK(d->difference[1] == 256);
  CHECK(shift_dependency_descriptor(MutableBytes(out, 10), key, *parse_dependency_descriptor(key, nullptr, again), {}) == 0);
}

TEST_CASE("any bytes are read or refused as descriptors") {
  Rng rng(1);
  DependencyStructure known, fresh;
  REQUIRE(parse_dependency_descriptor(with_structure(), nullptr, known));
  for (int i = 0; i < 20000; ++i) {
    Bytes b(rng.below(60));
    for (uint8_t& byte : b) byte = static_cast<uint8_t>(rng.u32());
    if (const auto d = parse_vp9(b)) CHECK(d->size < b.size());
    parse_h264(b);
    if (const auto d = parse_dependency_descriptor(b, &known, fresh)) CHECK(d->targets <= DependencyStructure::kMaxTargets);
  }
}
