// Whole-run figures: their names and units (docs/results.md), how they are computed from a run's database, and whether the
// expectations hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

/// One base name, such as "delay.audio". Those with a distribution exist as ".p5" ... ".mean" only, the others plainly.
struct MetricKind {
  const char* name;
  const char* unit;        // "s", "ratio", "1", "1/s", "bit/s", "MOS", "dB"
  bool has_distribution;
  const char* meaning;
};
const std::vector<MetricKind>& metric_kinds();
/// The endings of a distribution: p5 p50 p95 p99 min max mean.
const std::vector<std::string>& metric_endings();
/// The kind of a full metric name ("join_time.p95", "joined"), or nullptr.
const MetricKind* find_metric(std::string_view full_name);

struct MetricValue {
  std::string name;    // "join_time.p95"; of one group: "join_time.p95 in standup/far"
  double value = 0;
  std::string unit;
};

struct ExpectationResult {
  Expectation expectation;
  std::optional<double> value;  // nullopt: nothing was measured, so it does not hold
  bool holds = false;
};

/// Computes the figures of everybody, and of each of `groups` (with " in GROUP" behind their names), from a run's database. Those
/// without a measurement are left out. `reached` is how long the run lasted.
Result<std::vector<MetricValue>> compute_metrics(const std::string& sqlite_path, Duration reached,
    const std::vector<std::string>& groups);
/// What each expectation's metric came to.
std::vector<ExpectationResult> evaluate(const std::vector<Expectation>& expectations, const std::vector<MetricValue>& metrics);
/// "join_time.p95", or "join_time.p95 in standup/far".
std::string metric_name(const Expectation& expectation);

/// "1.25 s", "23.4 %", "1.20 Mbit/s", "4.21": a value as people read it.
std::string format_value(double value, std::string_view unit);

}  // namespace tacoma
