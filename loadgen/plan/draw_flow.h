// Traffic of a scenario as flows of the plan.
#pragma once

#include <string>

#include "core/base/rng.h"
#include "loadgen/plan/scenario.h"

namespace tacoma {

/// The flow number `index` of a group of traffic, without its hosts. A short-tcp flow sends files of 30 to 50 KB, evenly distributed,
/// with exponential pauses of 10 s in the mean (RFC 8868 section 4.4.1); the first `starts_on` flows begin with a file.
FlowPlan draw_flow(const TrafficSpec& spec, const std::string& name, uint32_t index, Instant end, const Rng& rng);

/// For describe(): everything about it in lines.
std::string flow_text(const FlowPlan& flow);

}  // namespace tacoma
