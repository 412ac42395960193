// The ns-3 world against what every world must do.
#include "sim/ns3/ns3_world.h"
#include "tests/world/conformance.h"

using namespace tacoma;

TEST_CASE("the ns-3 world does what every world must do") {
  conformance::Subject subject;
  subject.make = [](const NetworkPlan& plan, Tap* tap) {
    auto world = make_ns3_world(plan, {tap});
    REQUIRE(world);
    return std::move(*world);
  };
  subject.early = Duration::milliseconds(1);
  subject.late = Duration::milliseconds(2);  // PPP and TCP headers cost a little more than the plan's bytes
  conformance::conforms(subject);
}
