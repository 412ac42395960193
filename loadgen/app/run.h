// The run driver: Plan + World -> result folder.
#pragma once

#include <string>
#include <vector>

#include "loadgen/app/tacoma_main.h"
#include "loadgen/plan/scenario.h"

namespace tacoma {

struct RunRequest {
  Scenario scenario;
  std::vector<std::string> sets;  // --set, for run.json
  std::string out;                // folder; empty: out/<scenario>/<world>
  bool pcap = false, quiet = false, report = true, realtime = false;
};

/// Runs it, prints the summary to standard output and returns the exit code.
int run(const RunRequest& request, const WorldFactory& world);

}  // namespace tacoma
