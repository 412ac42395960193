// /metrics as Prometheus reads it: HELP and TYPE once a family, labels escaped, histogram buckets cumulative up to +Inf.
#include <catch2/catch.hpp>
#include <sstream>

#include "host/daemon/metrics.h"

using namespace tacoma;
using namespace tacoma::host;

namespace {
std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}
}  // namespace

TEST_CASE("metrics: gauges, counters and their labels") {
  Metrics m("x_");
  m.gauge("stress", "Load, 0 to 1", 0.25);
  m.counter("packets", "Datagrams", 12345678901.0);
  m.counters("dropped", "By reason", "reason", {{"late", 3}, {"a \"b\"\n\\", 4}});
  CHECK(lines_of(m.text()) == std::vector<std::string>{
    "# HELP x_stress Load, 0 to 1", "# TYPE x_stress gauge", "x_stress 0.25",
    "# HELP x_packets_total Datagrams", "# TYPE x_packets_total counter", "x_packets_total 12345678901",
    "# HELP x_dropped_total By reason", "# TYPE x_dropped_total counter", "x_dropped_total{reason=\"late\"} 3",
    "x_dropped_total{reason=\"a \\\"b\\\"\\n\\\\\"} 4"});
  CHECK(m.response().content_type == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("metrics: a histogram counts up to +Inf") {
  BucketCounts counts{{0.001, 2, 64}};
  for (double value : {0.0005, 0.001, 1.5, 100.0}) counts.add(value);
  Metrics m("x_");
  m.histogram("seconds", "How long", counts);
  CHECK(lines_of(m.text()) == std::vector<std::string>{
    "# HELP x_seconds How long", "# TYPE x_seconds histogram", "x_seconds_count 4", "x_seconds_sum 101.5015",
    "x_seconds_bucket{le=\"0.001\"} 2", "x_seconds_bucket{le=\"2\"} 3", "x_seconds_bucket{le=\"64\"} 3", "x_seconds_bucket{le=\"+Inf\"} 4"});
}
