// The command line, the same for `tacoma` (worlds sockets and light) and for the GPL-2.0 binary `tacoma-sim`, which adds ns3.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/network.h"
#include "core/base/result.h"
#include "core/base/world.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

/// A world that this binary can run.
struct WorldFactory {
  std::string name;         // as in --world
  bool is_virtual = true;   // virtual time: the run has a digest, and no schedule to keep
  /// Refuses plans that the world cannot carry out, with a sentence.
  std::function<Result<std::unique_ptr<World>>(const Plan&, const WorldOptions&)> make;
};

/// Runs the command and returns the exit code: 0 all expectations hold; 99 one failed (or a bound of compare --assert);
/// 98 the run could not keep its own schedule; 2 the scenario or the command is wrong; 1 anything else.
int tacoma_main(int argc, char** argv, const std::vector<WorldFactory>& worlds);

/// The worlds that need no ns-3.
std::vector<WorldFactory> own_worlds();

}  // namespace tacoma
