// Recorded capacity from files: Mahimahi's lists of delivery opportunities, and CSV of rate, delay and loss over time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/network.h"
#include "core/base/result.h"

namespace tacoma {

inline constexpr size_t kMaxTraceBytes = size_t{32} << 20;
inline constexpr size_t kMaxTraceSteps = 1'000'000;       // rows of a CSV
inline constexpr uint32_t kMaxTraceMs = 24 * 3600 * 1000;  // of one round

/// How a link changes while the run goes: at each step what it sets. Beginning anew after `period`, or never if that is zero.
struct LinkCourse {
  struct Step {
    Duration at;
    std::optional<DataRate> rate;
    std::optional<Duration> delay;
    std::optional<double> loss;
  };
  std::vector<Step> steps;  // ascending; the first at zero
  Duration period;
};

/// One line a delivery opportunity of 1,500 bytes, in ms since the start, ascending; the last one is also the length of a round.
/// Fails with "FILE:LINE: what is wrong".
Result<std::shared_ptr<const DeliveryTrace>> parse_mahimahi(std::string_view text, std::string_view file);

/// A header `time_s,rate_bps` with `delay_ms` and `loss_percent` as you like, then rows with ascending times from 0. The last row
/// lasts as long as the one before it, then the trace begins anew; a single row lasts for ever. Fails as above.
Result<std::shared_ptr<const LinkCourse>> parse_trace_csv(std::string_view text, std::string_view file);

/// The text of a readable, regular file of at most kMaxTraceBytes.
Result<std::string> read_trace_file(const std::string& path);

}  // namespace tacoma
