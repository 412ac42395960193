#include "loadgen/app/compare_bounds.h"

#include <cmath>
#include <cstdio>

#include "loadgen/plan/metrics.h"
#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

std::vector<std::string> known_metrics() {
  std::vector<std::string> names;
  for (const MetricKind& kind : metric_kinds()) {
    if (!kind.has_distribution) names.emplace_back(kind.name);
    else for (const std::string& ending : metric_endings()) names.push_back(std::string(kind.name) + "." + ending);
  }
  return names;
}

Result<double> parse_points(std::string_view text) {
  if (text.size() < 3 || text.substr(text.size() - 2) != "pt")
    return fail(in_quotes(text) + ": a ratio differs by points (write '1pt') or in relation (write '5%')");
  text.remove_suffix(2);
  const Result<double> points = parse_number(text);
  if (!points) return points;
  return *points / 100;
}

Result<double> parse_difference(std::string_view text, std::string_view unit) {
  if (unit == "ratio") return parse_points(text);
  if (unit == "s") {
    const Result<Duration> time = parse_duration(text);
    if (!time) return fail(time.error());
    return time->to_seconds();
  }
  if (unit == "bit/s") {
    const Result<DataRate> rate = parse_rate(text);
    if (!rate) return fail(rate.error());
    return static_cast<double>(rate->bps());
  }
  if (unit == "dB" && text.size() > 2 && text.substr(text.size() - 2) == "dB") text.remove_suffix(2);
  return parse_number(text);
}

Result<CompareBound> parse_bound(std::string_view text) {
  CompareBound bound;
  bound.text = std::string(text);
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return fail(in_quotes(text) + " is not a bound (write 'throughput=5%')");
  bound.metric = std::string(text.substr(0, equals));
  const MetricKind* kind = find_metric(bound.metric);
  if (!kind) return fail("unknown metric " + in_quotes(bound.metric) + did_you_mean(bound.metric, known_metrics()));
  const std::string_view most = text.substr(equals + 1);
  bound.is_relative = !most.empty() && most.back() == '%';
  const Result<double> number = bound.is_relative ? parse_percent(most) : parse_difference(most, kind->unit);
  if (!number) return fail(bound.metric + ": " + number.error());
  if (*number < 0) return fail(bound.metric + ": " + in_quotes(most) + " is negative");
  bound.most = *number;
  return bound;
}

}  // namespace

Result<std::vector<CompareBound>> parse_bounds(std::string_view text) {
  std::vector<CompareBound> bounds;
  while (true) {
    const size_t comma = text.find(',');
    Result<CompareBound> bound = parse_bound(text.substr(0, comma));
    if (!bound) return fail(bound.error());
    bounds.push_back(*std::move(bound));
    if (comma == std::string_view::npos) return bounds;
    text.remove_prefix(comma + 1);
  }
}

std::vector<BoundResult> check_bounds(const std::vector<CompareBound>& bounds, const analysis::Comparison& comparison) {
  std::vector<BoundResult> results;
  for (const CompareBound& bound : bounds) {
    BoundResult result{bound, false, "not measured"};
    const analysis::ComparedMetric* metric = analysis::find(comparison, bound.metric);
    if (metric && metric->a && metric->b && bound.is_relative) {
      // Two zeros are alike; any other value has no relation to zero.
      const bool both_zero = *metric->a == 0 && *metric->b == 0;
      const double relative = both_zero ? 0 : metric->relative ? *metric->relative : INFINITY;
      char text[32];
      std::snprintf(text, sizeof text, "%+.2f %%", relative * 100);
      result.difference = text;
      result.holds = std::fabs(relative) <= bound.most;
    } else if (metric && metric->difference) {
      result.difference = analysis::readable_difference(*metric->difference, metric->unit);
      result.holds = std::fabs(*metric->difference) <= bound.most;
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace tacoma
