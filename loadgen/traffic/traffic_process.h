// What the run driver asks of the two ends of a flow.
#pragma once

#include "core/base/process.h"
#include "core/base/world.h"

namespace tacoma {

/// One end of a flow. Both ends together make the flow's sample.
class TrafficProcess : public Process {
 public:
  /// Adds what happened here since the last call.
  virtual void take_sample(FlowSample& out) = 0;
  void on_stream(Instant, const StreamEvent&, Outbox&) override {}
};

}  // namespace tacoma
