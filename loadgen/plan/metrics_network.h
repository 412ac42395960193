// Whole-run figures of rates against fair shares, of shared links and of traffic (docs/results.md).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadgen/plan/metrics.h"

struct sqlite3;

namespace tacoma {

inline constexpr std::pair<const char*, double> kQuantiles[] = {{"p5", 0.05}, {"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"min", 0},
    {"max", 1}};

/// One value, of everybody or of a group; a name that is not in metric_kinds() is left out.
void put_metric(const std::string& name, const std::string& group, double value, std::vector<MetricValue>& out);
/// Nearest-rank percentiles: always a value that somebody had.
void put_distribution(const std::string& base, const std::string& group, std::vector<double> values, std::vector<MetricValue>& out);
/// "standup/far" belongs to "standup", to itself and to "" (everybody).
bool is_in_group(std::string_view name, std::string_view group);

/// Appends them for everybody and each of `groups`. False when the database cannot be read.
bool network_metrics(sqlite3* db, int64_t end, const std::vector<std::string>& groups, std::vector<MetricValue>& out);

}  // namespace tacoma
