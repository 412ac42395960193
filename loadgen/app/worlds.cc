#include <cstdio>

#include "host/linux/linux_world.h"
#include "loadgen/app/tacoma_main.h"
#include "sim/light/light_world.h"

namespace tacoma {
namespace {

Result<std::unique_ptr<World>> make_sockets(const Plan& plan, const WorldOptions& options) {
  LinuxOptions linux_options;
  linux_options.tap = options.tap;
  for (const BridgePlan& bridge : plan.bridges) linux_options.bridges.push_back(bridge.name);
  linux_options.warn = [](const std::string& text) { std::fprintf(stderr, "tacoma: %s\n", text.c_str()); };
  return make_linux_world(plan.network, linux_options);
}

}  // namespace

std::vector<WorldFactory> own_worlds() {
  return {{"sockets", false, make_sockets},
          {"light", true, [](const Plan& plan, const WorldOptions& options) { return make_light_world(plan.network, options); }}};
}

}  // namespace tacoma
