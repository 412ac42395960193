// Whole runs in the light world, each figure as one line of JSON: forwards a second, memory a person, joins a second. Called with
// the name of one measurement: `runs_bench forwards|memory|joins`.
#include <malloc.h>

#include <cstdio>
#include <cstring>

#include "bench/stage.h"
#include "sim/light/light_world.h"

namespace {

using namespace tacoma;
using namespace tacoma::bench;

std::string rooms(int count, int size, const char* crypto, const char* joins, const char* duration, const char* more = "sends: [audio, video]") {
  return "scenario: bench\nabout: rooms of equal size\nduration: " + std::string(duration) + "\nseed: 1\ncrypto: " + crypto +
         "\nregions: { eu: {} }\nbridges: [ { name: eu-1, region: eu, uplink: 100Gbps } ]\nconferences:\n  - name: room\n    count: " +
         std::to_string(count) + "\n    people:\n      - { name: p, count: " + std::to_string(size) + ", region: eu, access: fibre, " + more + ", joins: " + joins + " }\n";
}

struct Play {
  explicit Play(const std::string& text) : plan(plan_of(text)), clips(clips_of(plan)) {}
  // From here on memory and time count.
  void raise() {
    auto made = make_light_world(plan.network, {});
    if (!made) {
      std::fprintf(stderr, "%s\n", made.error().c_str());
      std::exit(1);
    }
    world = std::move(*made);
    cast = std::make_unique<Cast>(plan, clips, *world, sink);
  }
  uint64_t forwarded() {
    BridgeStatsNow now;
    world->inspect(plan.bridges[0].host, [&](Process& p, Instant, Outbox&) { now = static_cast<Bridge&>(p).stats(); });
    return now.counts.packets_out;
  }
  Plan plan;
  Clips clips;
  CountingSink sink;
  std::unique_ptr<Cast> cast;
  std::unique_ptr<World> world;
};

void forwards() {
  Play play(rooms(40, 5, "null", "{ over: 2s }", "60s"));
  play.raise();
  play.world->run_until(Instant::at(Duration::seconds(8)));
  const uint64_t before = play.forwarded(), before_new = allocations();
  const auto start = std::chrono::steady_clock::now();
  play.world->run_until(Instant::at(Duration::seconds(16)));
  const double wall = seconds_since(start);
  const uint64_t packets = play.forwarded() - before;
  std::printf("{\"name\": \"light forwards\", \"people\": 200, \"packets\": %llu, \"wall_s\": %.3f, \"per_second\": %.0f, \"allocations_per_packet\": %.4f}\n",
              static_cast<unsigned long long>(packets), wall, static_cast<double>(packets) / wall,
              static_cast<double>(allocations() - before_new) / static_cast<double>(packets));
}

void memory() {
  const std::string text = rooms(400, 5, "null", "{ over: 10s }", "60s");
  Play play(text);
  const size_t before = resident_bytes();
  const Plan twin = plan_of(text);  // the plan itself counts too; it is needed to find the clips, which do not
  play.raise();
  play.world->run_until(Instant::at(Duration::seconds(20)));
  malloc_trim(0);  // what is held, not what malloc keeps back from the joins
  const size_t after = resident_bytes();
  std::printf("{\"name\": \"memory\", \"people\": 2000, \"joined\": %llu, \"bytes_per_person\": %.0f}\n",
              static_cast<unsigned long long>(play.sink.media_joins), static_cast<double>(after - before) / static_cast<double>(twin.people.size()));
}

void joins() {
  // Audio only: the time goes into signalling, ICE and real DTLS at both ends.
  Play play(rooms(100, 5, "real", "{ over: 5s }", "60s", "sends: [audio]"));
  play.raise();
  const double start = cpu_seconds();
  const uint64_t before = play.forwarded();
  play.world->run_until(Instant::at(Duration::seconds(7)));
  const double cpu = cpu_seconds() - start;
  std::printf("{\"name\": \"joins\", \"people\": 500, \"joined\": %llu, \"cpu_s\": %.3f, \"per_second\": %.1f, \"forwarded_meanwhile\": %llu}\n",
              static_cast<unsigned long long>(play.sink.media_joins), cpu, static_cast<double>(play.sink.media_joins) / cpu,
              static_cast<unsigned long long>(play.forwarded() - before));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what == "forwards") forwards();
  else if (what == "memory") memory();
  else if (what == "joins") joins();
  else {
    std::fprintf(stderr, "runs_bench forwards|memory|joins\n");
    return 2;
  }
}
