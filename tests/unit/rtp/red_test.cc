// Redundant audio against the packet of RFC 2198 section 5, and its limits.
#include <catch2/catch.hpp>

#include <vector>

#include "core/base/rng.h"
#include "core/rtp/red.h"

using namespace tacoma;
using Bytes = std::vector<uint8_t>;

namespace {
/// DVI4 (5) of 84 bytes with 14 bytes of LPC (7) of the packet before it, 20 ms at 8 kHz: RFC 2198 section 5.
Bytes example() {
  Bytes payload = {0x87, 0x02, 0x80, 0x0e, 0x05};
  payload.insert(payload.end(), 14, 0x11);
  payload.insert(payload.end(), 84, 0x22);
  return payload;
}
Bytes written(const std::vector<RedBlock>& copies, uint8_t type, BytesView primary, size_t room = 4096) {
  Bytes out(room);
  out.resize(write_red(MutableBytes(out), Span<const RedBlock>(copies), type, primary));
  return out;
}
}  // namespace

TEST_CASE("the redundant packet of RFC 2198 is read and written") {
  const Bytes payload = example();
  const auto red = parse_red(payload);
  REQUIRE(red);
  CHECK(red->primary_type == 5);
  CHECK(Bytes(red->primary.begin(), red->primary.end()) == Bytes(84, 0x22));
  REQUIRE(red->count == 1);
  CHECK(red->copies[0].payload_type == 7);
  CHECK(red->copies[0].timestamp_offset == 160);
  CHECK(Bytes(red->copies[0].data.begin(), red->copies[0].data.end()) == Bytes(14, 0x11));
  CHECK(red->distance(0) == 1);
  CHECK(written({red->copies[0]}, red->primary_type, red->primary) == payload);
}

TEST_CASE("a redundant packet may hold nothing but its primary block") {
  const Bytes payload = {111, 1, 2, 3};
  const auto red = parse_red(payload);
  REQUIRE(red);
  CHECK(red->count == 0);
  CHECK(red->primary_type == 111);
  CHECK(red->primary.size() == 3);
  CHECK(written({}, 111, red->primary) == payload);
}

TEST_CASE("redundant packets make the round trip with every field at its end") {
  Rng rng(11);
  for (int i = 0; i < 500; ++i) {
    std::vector<Bytes> data(rng.below(kMaxRedCopies + 1));
    std::vector<RedBlock> copies;
    for (Bytes& one : data) {
      one.assign(rng.chance(0.2) ? kMaxRedLength : rng.below(60), static_cast<uint8_t>(rng.below(256)));
      copies.push_back({static_cast<uint8_t>(rng.below(128)), static_cast<uint16_t>(rng.chance(0.2) ? kMaxRedOffset : rng.below(kMaxRedOffset)), one});
    }
    const Bytes primary(1 + rng.below(1200), 0x5a);
    const Bytes payload = written(copies, 111, primary, 16'384);
    REQUIRE_FALSE(payload.empty());
    CHECK(written(copies, 111, primary, payload.size() - 1).empty());
    const auto red = parse_red(payload);
    REQUIRE(red);
    REQUIRE(red->count == copies.size());
    for (size_t k = 0; k < copies.size(); ++k) {
      CHECK(red->copies[k].payload_type == copies[k].payload_type);
      CHECK(red->copies[k].timestamp_offset == copies[k].timestamp_offset);
      CHECK(Bytes(red->copies[k].data.begin(), red->copies[k].data.end()) == data[k]);
    }
    CHECK(red->primary.size() == primary.size());
  }
}

TEST_CASE("a redundant packet that is cut off anywhere is refused") {
  const Bytes payload = example();
  for (size_t size = 0; size < payload.size(); ++size) {
    const auto red = parse_red(BytesView(payload.data(), size));
    // Only what is cut within the last block may be one: nothing says how long that is.
    CHECK(red.has_value() == (size > 5 + 14));
  }
  CHECK_FALSE(parse_red(Bytes{111}));                          // a header without data
  CHECK_FALSE(parse_red(Bytes{0x80 | 111, 0x0f, 0x00, 0x04, 111, 1, 2, 3}));  // a copy longer than the packet
}

TEST_CASE("more copies than the limit are refused, and not written") {
  const Bytes primary = {1};
  std::vector<RedBlock> copies(kMaxRedCopies, RedBlock{111, 960, primary});
  CHECK(parse_red(written(copies, 111, primary)));
  Bytes more = {0x80 | 111, 0x0f, 0x00, 0x00};
  const Bytes most = written(copies, 111, primary);
  more.insert(more.end(), most.begin(), most.end());
  CHECK_FALSE(parse_red(more));
  copies.push_back({111, 960, primary});
  CHECK(written(copies, 111, primary).empty());
}

TEST_CASE("what does not fit its field is not written") {
  const Bytes primary = {1}, long_copy(kMaxRedLength + 1);
  CHECK(written({{111, kMaxRedOffset + 1, primary}}, 111, primary).empty());
  CHECK(written({{111, 960, long_copy}}, 111, primary).empty());
  CHECK(written({}, 111, {}).empty());
}

TEST_CASE("copies stand for the packets before theirs only when their times say so") {
  const Bytes primary = {1};
  const auto distances = [&](const std::vector<uint16_t>& offsets) {
    std::vector<RedBlock> copies;
    for (const uint16_t offset : offsets) copies.push_back({111, offset, primary});
    const Bytes payload = written(copies, 111, primary);
    const auto red = parse_red(payload);
    REQUIRE(red);
    std::vector<size_t> all;
    for (size_t i = 0; i < red->count; ++i) all.push_back(red->distance(i));
    return all;
  };
  CHECK(distances({1920, 960}) == std::vector<size_t>{2, 1});
  CHECK(distances({9600, 960}) == std::vector<size_t>{2, 1});  // a gap of DTX in between
  CHECK(distances({960, 1920}) == std::vector<size_t>{0, 1});  // out of order: only the last is believed
  CHECK(distances({960, 960}) == std::vector<size_t>{0, 1});
  CHECK(distances({960, 0}) == std::vector<size_t>{0, 0});     // another coding of the same sound
}
