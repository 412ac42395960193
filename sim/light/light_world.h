// The light world: processes in virtual time over the link model, without an IP stack. For tests, fault hunts and runs of
// more than 10,000 people.
#pragma once

#include <memory>

#include "core/base/network.h"
#include "core/base/result.h"
#include "core/base/world.h"

namespace tacoma {

/// A world in virtual time on one thread. A datagram passes its sender's up link, those of the sites before it, the delay
/// between the regions, the down links of the receiver's sites and the receiver's own; it counts payload + 28 (IPv4) or 48 (IPv6) bytes on each. Events of one instant happen in the order in
/// which they were caused, so the same plan and processes give the same run to the bit.
///
/// Every host has an address of both families (10.0.0.0/8 and fd00::/8, port 10000). Datagrams that reach a process at one
/// instant come in one call, after what streams bring at that instant and before a due deadline.
///
/// Streams are the model of core/base/segment_hop.h over the same links: they share rate and queue with the datagrams, a lost
/// segment holds up what follows until it is sent again. WorldStats::drops counts datagrams, and Drop::stream_limit streams that
/// were closed for exceeding kMaxStreamBacklog or kMaxStreamsPerHost.
///
/// Refuses a plan that is inconsistent or asks for a queue discipline other than drop-tail and codel, with a sentence that says where.
Result<std::unique_ptr<World>> make_light_world(const NetworkPlan& plan, const WorldOptions& options);

}  // namespace tacoma
