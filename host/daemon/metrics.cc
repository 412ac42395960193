#include "host/daemon/metrics.h"

#include <prometheus/text_serializer.h>

#include <limits>

namespace tacoma::host {

prometheus::MetricFamily& Metrics::add(std::string name, std::string_view help, prometheus::MetricType type) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = prefix_ + std::move(name);
  family.help = help;
  family.type = type;
  return family;
}

void Metrics::gauge(std::string_view name, std::string_view help, double value) {
  add(std::string(name), help, prometheus::MetricType::Gauge).metric.emplace_back().gauge.value = value;
}

void Metrics::counter(std::string_view name, std::string_view help, double value) {
  add(std::string(name) + "_total", help, prometheus::MetricType::Counter).metric.emplace_back().counter.value = value;
}

void Metrics::counters(std::string_view name, std::string_view help, const std::string& label,
                       const std::vector<std::pair<std::string, double>>& values) {
  prometheus::MetricFamily& family = add(std::string(name) + "_total", help, prometheus::MetricType::Counter);
  for (const auto& [value, count] : values) {
    prometheus::ClientMetric& one = family.metric.emplace_back();
    one.label.push_back({label, value});
    one.counter.value = count;
  }
}

void Metrics::histogram(std::string_view name, std::string_view help, const BucketCounts& counts) {
  prometheus::ClientMetric::Histogram& histogram = add(std::string(name), help, prometheus::MetricType::Histogram).metric.emplace_back().histogram;
  histogram.sample_sum = counts.sum;
  for (size_t i = 0; i < counts.counts.size(); ++i) {
    histogram.sample_count += counts.counts[i];
    const double bound = i < counts.bounds.size() ? counts.bounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
}

std::string Metrics::text() const {
  const prometheus::TextSerializer serializer;
  return serializer.Serialize(families_);
}

}  // namespace tacoma::host
