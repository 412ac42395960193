// `tacoma compare A B --assert throughput=5%,delay.audio.p50=8ms,loss.video.mean=1pt`: how far two runs may differ.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/compare/compare.h"
#include "core/base/result.h"

namespace tacoma {

/// How far one metric of two runs may differ, in either direction.
struct CompareBound {
  std::string text;         // "throughput=5%"
  std::string metric;
  bool is_relative = false; // "5%": of the first run's value; else in the metric's own unit
  double most = 0;
};

/// Bounds are separated by commas: "5%" of the first run's value, or a difference in the metric's unit: "8ms", "1pt" (points of a
/// ratio), "300kbps", "1dB" or a plain number. The error says what is wrong.
Result<std::vector<CompareBound>> parse_bounds(std::string_view text);

struct BoundResult {
  CompareBound bound;
  bool holds = false;       // false too when one of the runs did not measure it
  std::string difference;   // "+1.20 %", "-3.1 ms", "not measured"
};
std::vector<BoundResult> check_bounds(const std::vector<CompareBound>& bounds, const analysis::Comparison& comparison);

}  // namespace tacoma
