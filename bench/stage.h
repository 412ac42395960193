// A run without a folder or a report, for measuring: scenario text -> plan -> cast on a world, in this process.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/base/world.h"
#include "loadgen/app/cast.h"
#include "loadgen/plan/plan.h"

namespace tacoma::bench {

/// Counts, and keeps nothing else.
class CountingSink final : public ResultSink {
 public:
  std::optional<uint32_t> guest(uint32_t, std::string_view) override { return std::nullopt; }
  uint64_t media_joins = 0, packets = 0;
  void join_step(uint32_t, JoinStep step, Instant) override { media_joins += step == JoinStep::first_audio; }
  void received(Instant, const ReceiveSample& sample) override { packets += sample.packets; }
  void sent(Instant, const SendSample&) override {}
  void rates(Instant, const RateSample&) override {}
  void decoded(Instant, const DecodedFrame&) override {}
  void bridge(Instant, const BridgeSample&) override {}
  void event(Instant, std::string_view, std::string_view, std::string_view) override {}
  void delays(uint32_t, Media, bool, const Histogram&) override {}
  void drops(std::string_view, const DropCounts&) override {}
};

/// The plan of a scenario text; ends the program with its errors when it is wrong.
Plan plan_of(const std::string& scenario_text);
/// Clips from the ordinary cache, made when missing.
Clips clips_of(const Plan& plan);

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
/// Processor time of this thread, in seconds: what a busy machine does to others is not counted.
double cpu_seconds();
/// Resident memory of this process now.
size_t resident_bytes();
/// Calls of operator new so far (this program counts them).
uint64_t allocations();

}  // namespace tacoma::bench
