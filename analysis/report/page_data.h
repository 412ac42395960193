// What the page shows, as JSON: bounded in size whatever the size of the run.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "analysis/compare/compare.h"
#include "analysis/report/report.h"

namespace tacoma::analysis {

nlohmann::json page_data(const std::vector<Run>& runs, const ReportLimits& limits);

}  // namespace tacoma::analysis
