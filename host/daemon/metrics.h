// What /metrics tells: families of prometheus-cpp, filled from the engines' own counts at each request, in its text format.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/daemon/http.h"
#include "host/daemon/process_host.h"

namespace tacoma::host {

class Metrics {
 public:
  /// Every name begins with `prefix`.
  explicit Metrics(std::string prefix) : prefix_(std::move(prefix)) {}

  void gauge(std::string_view name, std::string_view help, double value);
  /// The name gets "_total".
  void counter(std::string_view name, std::string_view help, double value);
  /// One counter, split by the values of one label.
  void counters(std::string_view name, std::string_view help, const std::string& label, const std::vector<std::pair<std::string, double>>& values);
  void histogram(std::string_view name, std::string_view help, const BucketCounts& counts);

  /// The exposition format, version 0.0.4.
  std::string text() const;
  HttpResponse response() const { return {200, "text/plain; version=0.0.4; charset=utf-8", text()}; }

 private:
  prometheus::MetricFamily& add(std::string name, std::string_view help, prometheus::MetricType type);
  std::string prefix_;
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace tacoma::host
