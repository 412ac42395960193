#include <algorithm>
#include <cstdio>
#include <thread>

#include "host/linux/linux_world.h"
#include "loadgen/app/tacoma_main.h"
#include "sim/light/light_world.h"

namespace tacoma {
namespace {

constexpr uint32_t kPeoplePerThread = 25;  // fewer need no second thread

Result<std::unique_ptr<World>> make_sockets(const Plan& plan, const WorldOptions& options) {
  LinuxOptions linux_options;
  linux_options.tap = options.tap;
  linux_options.realtime = options.realtime;
  for (const BridgePlan& bridge : plan.bridges) linux_options.bridges.push_back(bridge.name);
  if (plan.deployment) {
    linux_options.outside = Outside{plan.deployment->local, plan.deployment->hosts, plan.deployment->verify_tls};
    // Nobody else of the run needs a thread: people share the cores.
    const uint32_t cores = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxShards);
    const uint32_t shards = std::min(cores, static_cast<uint32_t>(plan.people.size()) / kPeoplePerThread + 1);
    for (uint32_t i = 0; i < plan.network.hosts.size(); ++i) linux_options.shard_of.push_back(i % shards);
  }
  linux_options.warn = [](const std::string& text) { std::fprintf(stderr, "tacoma: %s\n", text.c_str()); };
  return make_linux_world(plan.network, linux_options);
}

}  // namespace

std::vector<WorldFactory> own_worlds() {
  return {{"sockets", false, make_sockets},
          {"light", true, [](const Plan& plan, const WorldOptions& options) { return make_light_world(plan.network, options); }}};
}

}  // namespace tacoma
