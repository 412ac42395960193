// Made-up results to read: plausible in shape, written by the schema that docs/results.md states.
#pragma once

#include <filesystem>
#include <string>

#include "tests/support/files.h"

namespace tacoma::analysis {

struct Fixture {
  std::string scenario = "quickstart";
  std::string world = "ns3";
  std::string state = "complete";
  int format = 1;
  uint64_t seed = 1;
  int rooms = 1, people_per_room = 8;
  int seconds = 60;
  double collapse_kbps = 400;        // what the DSL people are left with from half time on, for a sixth of the run
  double extra_delay_ms = 0;         // on every path
  std::string far_name = "standup/far";
  bool with_end = true;              // metrics, delays, drops and expectations, which a killed run lacks
};

/// Writes run.json and run.sqlite into `folder`, which is made.
void write_fixture(const std::filesystem::path& folder, const Fixture& fixture);

/// Runs SQL on a database file.
void run_sql(const std::filesystem::path& database, const std::string& sql);

using Folder = test::TempFolder;

}  // namespace tacoma::analysis
