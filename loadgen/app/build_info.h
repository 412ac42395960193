// What built this binary, for run.json and --version.
#pragma once

#include <string>

namespace tacoma {

struct BuildInfo {
  const char* version;
  const char* commit;   // "" outside of a git tree
  bool dirty;           // uncommitted changes
  const char* compiler;
  const char* flags;
  const char* build;    // CMAKE_BUILD_TYPE
};
const BuildInfo& build_info();

}  // namespace tacoma
