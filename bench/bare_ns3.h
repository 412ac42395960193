// The floor of the ns-3 world: what a plain ns-3 program takes to move the same packets over the same topology.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/network.h"

namespace tacoma::bench {

struct SentDatagram {
  int64_t at_ns;
  uint32_t from, to;  // hosts
  uint32_t size;
};

/// Builds the plan's network and sends each datagram at its time from a UDP socket of its host to that of the other; receivers
/// read their sockets and drop what they read. Returns the seconds of the simulation alone by `clock`, and how many arrived.
struct BareResult {
  double seconds = 0;
  uint64_t received = 0;
};
BareResult run_bare_ns3(const NetworkPlan& plan, const std::vector<SentDatagram>& sends, double (*clock)());

}  // namespace tacoma::bench
