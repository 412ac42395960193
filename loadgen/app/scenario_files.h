// Where scenarios are found: ./scenarios, the tree that the binary was built in, or the installed share folder.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace tacoma {

/// The folder of the own binary, from /proc/self/exe.
std::string own_folder();
/// The first folder of scenarios that is there, or "".
std::string scenario_folder();
/// The *.yaml files of a folder, sorted by name.
std::vector<std::string> scenario_files(const std::string& folder);
/// What is meant by SCENARIO on the command line: a file, or the name of a listed one ("quickstart"). Fails with a sentence.
Result<std::string> find_scenario(const std::string& name);

}  // namespace tacoma
