#include "loadgen/app/build_info.h"

#include "tacoma_commit.h"  // generated: kCommit, kDirty

namespace tacoma {

const BuildInfo& build_info() {
  static const BuildInfo kInfo = {TACOMA_VERSION, kCommit, kDirty, TACOMA_COMPILER, TACOMA_FLAGS, TACOMA_BUILD};
  return kInfo;
}

}  // namespace tacoma
