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
/// The scenarios of a folder and of the folders in it, sorted: "quickstart", and after all of those "meetings/ten".
std::vector<std::string> scenario_names(const std::string& folder);
std::string scenario_file(const std::string& folder, const std::string& name);
/// What is meant by SCENARIO on the command line: a file, or the name of a listed one ("quickstart"). Fails with a sentence.
Result<std::string> find_scenario(const std::string& name);

}  // namespace tacoma
