// Two runs, metric by metric.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/read/run.h"

namespace tacoma::analysis {

/// Whether more of a metric is good news.
enum class Better : uint8_t { lower, higher, neither };

struct ComparedMetric {
  std::string name, unit;
  std::optional<double> a, b;        // none: that run did not measure it
  std::optional<double> difference;  // b - a, in the metric's own unit; both must be there
  std::optional<double> relative;    // (b - a) / |a|; none when a is zero
  Better better = Better::neither;
};

struct Comparison {
  std::string name_a, name_b;           // "quickstart, sockets", "quickstart, ns3"
  std::vector<ComparedMetric> metrics;  // by name, those of groups last
  /// What makes the two less comparable: another scenario, seed or length, an interrupted run.
  std::vector<std::string> notes;
};

Comparison compare_runs(const Run& a, const Run& b);

/// The row of one metric, or nullptr.
const ComparedMetric* find(const Comparison& comparison, std::string_view metric);

/// The table as text for a terminal: metric, A, B, difference, relative. With `all` false only the headline metrics.
std::string comparison_table(const Comparison& comparison, bool all);

/// "1.25 s", "340 ms", "2.34 %", "1.20 Mbit/s", "4.21", "36.2 dB": a value as people read it.
std::string readable(double value, std::string_view unit);
/// The same with a sign: "+12.0 ms". Ratios differ by points: "+1.50 points".
std::string readable_difference(double value, std::string_view unit);

Better better_of(std::string_view metric);

}  // namespace tacoma::analysis
