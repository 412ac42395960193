// Numbers with units as people write them in scenarios and on the command line: "250ms", "1.5Mbps", "0.5%", "640x360".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/units.h"

namespace tacoma {

/// Each fails with what is wrong, without the place: "'60' has no unit (write '60s' or '60ms')".
Result<Duration> parse_duration(std::string_view text);      // us ms s min h; at most a year
Result<DataRate> parse_rate(std::string_view text);          // bps kbps Mbps Gbps, or "unlimited"
Result<double> parse_percent(std::string_view text);         // "2%" -> 0.02, within 0 %..100 %
Result<double> parse_number(std::string_view text);          // finite
Result<uint64_t> parse_whole(std::string_view text);         // digits only
Result<double> parse_per_second(std::string_view text);      // "20/s", "30/min" -> per second

/// The reverse of parse_duration, as short as it is exact: "1.5s", "90ms".
std::string to_text(Duration duration);
std::string to_text(DataRate rate);                          // "400 kbps"

/// The candidate nearest to `word` by edit distance, if it is near enough to be meant.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
/// " (did you mean 'duration'?)", or "" when nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);
/// 'word' in quotes, fit for a terminal: control characters become '?', long texts are cut.
std::string in_quotes(std::string_view text);
std::string list_of(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace tacoma
