// The world that hosts processes inside an ns-3 simulation. No ns-3 header is needed to use it.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/base/world.h"

namespace tacoma {

/// Builds the plan's network in ns-3: a router a region, joined by delay; hosts behind their access links, those
/// of large regions gathered by aggregation routers (a flat star of 1,000 costs four times as much a packet); drop-tail, CoDel, FQ-CoDel or PIE queues; ns-3's own TCP
/// for streams. ns-3 keeps one global simulation, so only one such world may exist at a time. Refuses a plan it cannot address
/// (more than 64 regions, or 262,144 hosts in one) with a sentence.
Result<std::unique_ptr<World>> make_ns3_world(const NetworkPlan& plan, const WorldOptions& options);

}  // namespace tacoma
