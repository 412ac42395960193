#include <catch2/catch.hpp>

#include "loadgen/people/frame_assembly.h"
#include "loadgen/people/missing_packets.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {
using Arrival = MissingPackets::Arrival;
constexpr MissingPackets::Policy kVideo = {true, Duration::milliseconds(5), Duration::seconds(1), 3};
const Duration kRetry = Duration::milliseconds(100);

FramePart part(int64_t seq, uint32_t timestamp, bool starts, bool ends, bool key = false) {
  FramePart p;
  p.seq = seq;
  p.timestamp = timestamp;
  p.starts = starts;
  p.ends = ends;
  p.key = key;
  return p;
}
}  // namespace

TEST_CASE("A gap is lost after the tolerance, asked for, and repaired") {
  MissingPackets missing(kVideo);
  std::vector<uint16_t> ask;
  CHECK(missing.arrived(at_ms(0), 10) == Arrival::next);
  CHECK(missing.next_due().is_never());
  CHECK(missing.arrived(at_ms(20), 13) == Arrival::next);
  CHECK(missing.next_due() == at_ms(25));
  CHECK(missing.arrived(at_ms(22), 12) == Arrival::early_gap);
  missing.due(at_ms(25), kRetry, 100, ask);
  CHECK(ask == std::vector<uint16_t>{11});
  CHECK(missing.take_lost() == 1);
  CHECK(missing.next_due() == at_ms(125));
  CHECK(missing.arrived(at_ms(100), 11) == Arrival::repaired);
  CHECK(missing.arrived(at_ms(101), 11) == Arrival::known);
  CHECK(missing.next_due().is_never());
  CHECK_FALSE(missing.take_gave_up());
}

TEST_CASE("A packet is asked for so often, then given up") {
  MissingPackets missing(kVideo);
  missing.arrived(at_ms(0), 1);
  missing.arrived(at_ms(0), 3);
  int asked = 0;
  while (!missing.next_due().is_never()) {
    std::vector<uint16_t> ask;
    const Instant now = missing.next_due();
    missing.due(now, kRetry, 100, ask);
    asked += static_cast<int>(ask.size());
    REQUIRE(missing.next_due() > now);
  }
  CHECK(asked == 3);
  CHECK(missing.take_lost() == 1);
  CHECK(missing.take_gave_up());
  CHECK_FALSE(missing.take_gave_up());
}

TEST_CASE("What does not fit into one request is due again soon") {
  MissingPackets missing(kVideo);
  missing.arrived(at_ms(0), 0);
  missing.arrived(at_ms(0), 101);
  std::vector<uint16_t> ask;
  missing.due(at_ms(5), kRetry, 60, ask);
  CHECK(ask.size() == 60);
  CHECK(missing.next_due() == at_ms(6));
  ask.clear();
  missing.due(at_ms(6), kRetry, 60, ask);
  CHECK(ask.size() == 40);
  CHECK(missing.take_lost() == 100);
}

TEST_CASE("A gap beyond the limit is a jump and holds nothing") {
  MissingPackets missing(kVideo);
  missing.arrived(at_ms(0), 0);
  CHECK(missing.arrived(at_ms(1), static_cast<int64_t>(MissingPackets::kMost) + 1) == Arrival::next);
  CHECK(missing.arrived(at_ms(2), static_cast<int64_t>(MissingPackets::kMost) + 3) == Arrival::jump);
  CHECK(missing.next_due().is_never());
  CHECK(missing.take_lost() == MissingPackets::kMost + 1);
  CHECK(missing.take_gave_up());
}

TEST_CASE("Packets before a key frame are not waited for") {
  MissingPackets missing(kVideo);
  missing.arrived(at_ms(0), 0);
  missing.arrived(at_ms(0), 5);
  missing.forget_before(4);
  CHECK_FALSE(missing.missing(3));
  CHECK(missing.missing(4));
  CHECK(missing.take_lost() == 3);
}

TEST_CASE("Frames complete in any order and decode in theirs") {
  FrameAssembly assembly;
  CHECK_FALSE(assembly.insert(at_ms(0), part(10, 900, true, false, true)));
  CHECK_FALSE(assembly.next());
  const auto key = assembly.insert(at_ms(1), part(11, 900, false, true));
  REQUIRE(key);
  CHECK(key->key);
  CHECK(key->first == 10);
  CHECK(key->last == 11);
  CHECK(assembly.next());
  CHECK_FALSE(assembly.needs_key_frame());

  // Frame 12-13 comes after frame 14, and its own packets the wrong way round.
  CHECK(assembly.insert(at_ms(5), part(14, 2700, true, true)));
  CHECK_FALSE(assembly.next());
  CHECK_FALSE(assembly.insert(at_ms(6), part(13, 1800, false, true)));
  const auto late = assembly.insert(at_ms(7), part(12, 1800, true, false));
  REQUIRE(late);
  CHECK(late->completed == at_ms(7));
  CHECK(assembly.next()->timestamp == 1800);
  CHECK(assembly.next()->timestamp == 2700);
  CHECK_FALSE(assembly.next());
  CHECK(assembly.held() == 0);
}

TEST_CASE("A frame after a gap waits for the repair") {
  FrameAssembly assembly;
  assembly.insert(at_ms(0), part(0, 0, true, true, true));
  CHECK(assembly.next());
  CHECK(assembly.insert(at_ms(40), part(2, 7200, true, true)));
  CHECK_FALSE(assembly.next());
  CHECK(assembly.insert(at_ms(100), part(1, 3600, true, true)));
  CHECK(assembly.next()->timestamp == 3600);
  CHECK(assembly.next()->timestamp == 7200);
}

TEST_CASE("A complete key frame ends the wait for what is before it") {
  FrameAssembly assembly;
  assembly.insert(at_ms(0), part(0, 0, true, true, true));
  CHECK(assembly.next());
  assembly.insert(at_ms(40), part(2, 7200, true, true));          // 1 is missing
  assembly.insert(at_ms(80), part(4, 10800, false, false));       // the middle of a frame, neither end seen
  CHECK(assembly.insert(at_ms(120), part(6, 14400, true, true, true)));
  const auto frame = assembly.next();
  REQUIRE(frame);
  CHECK(frame->first == 6);
  CHECK(assembly.held() == 0);
  CHECK_FALSE(assembly.insert(at_ms(130), part(1, 3600, true, true)));  // too late
  CHECK(assembly.insert(at_ms(160), part(7, 18000, true, true)));
  CHECK(assembly.next()->first == 7);
}

TEST_CASE("A key frame that is repaired late leaves the parts that came before it, of its own picture and of newer ones") {
  FrameAssembly assembly;
  const auto of_layer = [](FramePart part, uint8_t layer, bool shown) {
    part.layered = true;
    part.layer = layer;
    part.shown = shown;
    return part;
  };
  assembly.insert(at_ms(0), of_layer(part(0, 0, true, true, true), 0, true));
  CHECK(assembly.next());
  assembly.insert(at_ms(40), of_layer(part(2, 3600, false, false), 0, false));    // older, and neither end of it has come
  assembly.insert(at_ms(80), of_layer(part(12, 7200, false, false), 1, false));   // the key frame's picture, next layer
  assembly.insert(at_ms(120), of_layer(part(15, 10'800, false, false), 1, false));  // the next picture
  assembly.insert(at_ms(160), of_layer(part(10, 7200, true, true, true), 0, false));
  CHECK(assembly.next()->first == 10);
  CHECK(assembly.held() == 2);
  assembly.insert(at_ms(170), of_layer(part(11, 7200, true, false), 1, false));
  assembly.insert(at_ms(180), of_layer(part(13, 7200, false, true), 1, true));
  CHECK(assembly.next()->first == 11);
  assembly.insert(at_ms(190), of_layer(part(14, 10'800, true, false), 1, false));
  assembly.insert(at_ms(200), of_layer(part(16, 10'800, false, true), 1, true));
  CHECK(assembly.next()->first == 14);
  CHECK(assembly.held() == 0);
}

TEST_CASE("Padding uses a sequence number and nothing else") {
  FrameAssembly assembly;
  assembly.insert(at_ms(0), part(0, 0, true, true, true));
  CHECK(assembly.next());
  FramePart pad = part(1, 0, false, false);
  pad.padding = true;
  CHECK_FALSE(assembly.insert(at_ms(1), pad));
  pad.seq = 3;
  CHECK_FALSE(assembly.insert(at_ms(2), pad));
  assembly.insert(at_ms(3), part(4, 7200, true, true));
  CHECK_FALSE(assembly.next());
  assembly.insert(at_ms(4), part(2, 3600, true, true));
  CHECK(assembly.next()->first == 2);
  CHECK(assembly.next()->first == 4);
}

TEST_CASE("Giving up what is old leaves the key frame that is coming") {
  FrameAssembly assembly;
  assembly.insert(at_ms(0), part(0, 0, true, true, true));
  CHECK(assembly.next());
  assembly.insert(at_ms(40), part(2, 3600, true, true));           // 1 is lost
  assembly.insert(at_ms(900), part(10, 90'000, true, false, true)); // the first half of a key frame
  CHECK(assembly.drop_before(at_ms(100)));
  CHECK(assembly.needs_key_frame());
  CHECK(assembly.held() == 1);
  assembly.insert(at_ms(910), part(11, 90'000, false, true));
  CHECK(assembly.next()->first == 10);
  assembly.insert(at_ms(940), part(13, 93'600, true, true, true));
  CHECK_FALSE(assembly.drop_before(at_ms(940)));                    // it waits for as long itself
  CHECK(assembly.held() == 0);
}

TEST_CASE("What follows a key frame that is repaired after older packets were given up is still there") {
  FrameAssembly assembly;
  assembly.insert(at_ms(0), part(0, 0, true, true, true));
  CHECK(assembly.next());
  assembly.insert(at_ms(40), part(2, 3600, true, true));            // 1 is lost
  assembly.insert(at_ms(900), part(11, 94'000, true, true));        // 10, a key frame, is being repaired
  CHECK_FALSE(assembly.drop_before(at_ms(100)));
  CHECK(assembly.needs_key_frame());
  CHECK_FALSE(assembly.next());
  assembly.insert(at_ms(1'200), part(10, 90'000, true, true, true));
  CHECK(assembly.next()->first == 10);
  CHECK(assembly.next()->first == 11);
  CHECK(assembly.held() == 0);
}

TEST_CASE("Frames held are limited; beyond it a key frame is needed") {
  FrameAssembly assembly;
  assembly.insert(at_ms(0), part(0, 0, true, true, true));
  CHECK(assembly.next());
  for (size_t i = 0; i < FrameAssembly::kMost; ++i)
    assembly.insert(at_ms(40), part(static_cast<int64_t>(2 + i), static_cast<uint32_t>(3600 * i), true, true));
  CHECK(assembly.held() == FrameAssembly::kMost);
  CHECK_FALSE(assembly.needs_key_frame());
  assembly.insert(at_ms(41), part(1000, 9'999'999, true, true));
  CHECK(assembly.held() == 1);
  CHECK(assembly.needs_key_frame());
}

TEST_CASE("What came another way counts as covered when it is lost, once, before or after") {
  MissingPackets missing({false, Duration::milliseconds(100), Duration::seconds(1), 0});
  std::vector<uint16_t> ask;
  missing.arrived(at_ms(0), 1);
  missing.arrived(at_ms(20), 5);
  missing.cover(2);
  missing.cover(2);
  missing.cover(5);   // is here
  missing.cover(90);  // has not been missed
  CHECK(missing.take_covered() == 0);
  missing.due(at_ms(120), Duration::zero(), 0, ask);
  CHECK(missing.take_lost() == 3);
  CHECK(missing.take_covered() == 1);
  missing.cover(3);
  CHECK(missing.take_covered() == 1);
  missing.arrived(at_ms(130), 4);
  missing.cover(4);
  CHECK(missing.take_covered() == 0);
}

}  // namespace tacoma
