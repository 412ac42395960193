// What it costs to share one receiver's estimate among the sources of a large room: 100 senders of three encodings with three
// temporal layers, one of them on stage.
#include <benchmark/benchmark.h>

#include "bridge/engine/allocator.h"

namespace {

using namespace tacoma;
using namespace tacoma::bridge;

void allocation(benchmark::State& state) {
  std::vector<LayerInfo> layers;
  for (uint8_t e = 0; e < 3; ++e)
    for (uint8_t t = 0; t < 3; ++t)
      layers.push_back({{e, 0, t}, static_cast<uint16_t>(180 << e), 7.5f * static_cast<float>(1 << t), DataRate::kbps((60 + 40 * t) << (2 * e))});
  std::vector<Candidate> candidates(static_cast<size_t>(state.range(0)));
  for (Candidate& c : candidates) {
    c.layers = layers;
    c.constraints.max_height = 180;
  }
  candidates[0].interest = Interest::on_stage;
  candidates[0].constraints.max_height = 720;
  Shares shares;
  int64_t kbps = 500;
  for (auto _ : state) {
    kbps = kbps == 500 ? 20'000 : 500;  // from little to everything, and back
    allocate(DataRate::kbps(kbps), -1, candidates, shares);
    for (size_t i = 0; i < candidates.size(); ++i) candidates[i].previous = shares.grants[i].target;
    benchmark::DoNotOptimize(shares.used);
  }
}
BENCHMARK(allocation)->ArgName("sources")->Arg(10)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
