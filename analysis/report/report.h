// The report: one HTML file that needs no network.
#pragma once

#include <string>
#include <vector>

#include "analysis/read/run.h"
#include "core/base/result.h"

namespace tacoma::analysis {

/// What a page shows of a large run, so that its size stays bounded.
struct ReportLimits {
  uint32_t people = 40;   // rows of one person each, the worst; groups are always shown
  uint32_t joins = 40;    // bars of the join timeline, the slowest
  uint32_t events = 200;
  uint32_t groups = 24;   // with curves of their own
};

/// The page of one run, or of two side by side. `runs` holds one or two.
std::string report_page(const std::vector<Run>& runs, const ReportLimits& limits = {});

/// Writes the page beside its place and renames it into it. The error is a sentence.
Result<void> write_report(const std::vector<Run>& runs, const std::string& path, const ReportLimits& limits = {});

}  // namespace tacoma::analysis
