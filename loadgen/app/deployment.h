// Looks at the deployment that a run is to load, before the run.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "loadgen/plan/scenario.h"

namespace tacoma {

/// Fills what the scenario leaves open: names from the deployment's /config.js, our address towards it, and what makes this run's people
/// differ from those of any other run. Asks the network.
/// `confirmed`: the hosts that may be loaded. The deployment's hosts must be among them, unless they are this machine: a load test is
/// sent only to what one owns. Errors are sentences.
Result<void> look_at_deployment(DeploymentSpec& spec, IpFamily family, const std::vector<std::string>& confirmed);

}  // namespace tacoma
