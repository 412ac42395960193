// tacoma-sim: the command line of `tacoma` with the ns-3 world added. `tacoma run --world ns3` starts it.
#include "loadgen/app/tacoma_main.h"
#include "sim/ns3/ns3_world.h"

int main(int argc, char** argv) {
  std::vector<tacoma::WorldFactory> worlds = tacoma::own_worlds();
  worlds.push_back({"ns3", true, [](const tacoma::Plan& plan, const tacoma::WorldOptions& options) { return tacoma::make_ns3_world(plan.network, options); }});
  return tacoma::tacoma_main(argc, argv, worlds);
}
