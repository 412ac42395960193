// When a receiver's sources are to be shared out anew.
#include "bridge/engine/downlink.h"

#include <catch2/catch.hpp>

#include "tests/support/instants.h"

using namespace tacoma;
using namespace tacoma::bridge;

namespace {
Downlink with(DataRate estimate) {
  Downlink downlink({});
  downlink.side.on_remb(at_ms(0), estimate);
  return downlink;
}
}  // namespace

TEST_CASE("sharing is due as soon as there is what somebody lacks, and else when the estimate has moved far") {
  Downlink downlink = with(DataRate::kbps(1'000));
  const auto due_at = [&](int64_t kbps) {
    downlink.side.on_remb(at_ms(10), DataRate::kbps(kbps));
    return downlink.is_due(at_ms(20), {});
  };
  CHECK(downlink.is_due(at_ms(1), {}));
  downlink.allocated(at_ms(1), {}, DataRate::kbps(50));
  CHECK_FALSE(due_at(1'049));
  CHECK(due_at(1'050));
  CHECK_FALSE(due_at(860));
  CHECK(due_at(840));
  downlink.side.on_remb(at_ms(10), DataRate::kbps(1'000));
  downlink.allocated(at_ms(10), {}, DataRate::infinite());
  CHECK_FALSE(due_at(1'140));
  CHECK(due_at(1'160));
}

TEST_CASE("steps up that were held back are tried when the time has come") {
  Downlink downlink = with(DataRate::kbps(1'000));
  downlink.note_steps(at_ms(0), true, false, DataRate::kbps(900));
  downlink.note_steps(at_ms(1'000), false, true, DataRate::kbps(500));  // did not hold
  CHECK(downlink.holds(at_ms(1'000), DataRate::kbps(1'000)));
  downlink.allocated(at_ms(1'000), {}, DataRate::infinite());
  CHECK_FALSE(downlink.is_due(at_ms(2'999), {}));
  downlink.allocated(at_ms(1'000), {}, DataRate::kbps(50));
  downlink.side.on_remb(at_ms(1'500), DataRate::kbps(1'100));
  CHECK_FALSE(downlink.is_due(at_ms(2'999), {}));  // nor for what somebody lacks
  CHECK(downlink.is_due(at_ms(3'000), {}));
  downlink.allocated(at_ms(3'000), {}, DataRate::infinite());
  CHECK_FALSE(downlink.is_due(at_ms(3'100), {}));
}
