#include "loadgen/plan/text_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace tacoma {
namespace {

struct Unit {
  const char* name;
  double factor;
};
constexpr Unit kTimes[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}};
constexpr Unit kRates[] = {{"bps", 1}, {"kbps", 1e3}, {"Mbps", 1e6}, {"Gbps", 1e9}};

/// Splits "12.5ms" into 12.5 and "ms". A number is digits with an optional fraction and sign: no exponents, no "inf".
bool split_number(std::string_view text, double& number, std::string_view& rest) {
  size_t end = 0;
  if (end < text.size() && (text[end] == '-' || text[end] == '+')) ++end;
  const size_t first = end;
  while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '.')) ++end;
  if (end == first || end > 40) return false;
  const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
  const auto [stop, error] = std::from_chars(begin, text.data() + end, number, std::chars_format::fixed);
  if (error != std::errc() || stop != text.data() + end) return false;
  rest = text.substr(end);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return true;
}

template <size_t N>
std::vector<std::string> names_of(const Unit (&units)[N]) {
  std::vector<std::string> names;
  for (const Unit& unit : units) names.emplace_back(unit.name);
  return names;
}

/// A number times one of the units.
template <size_t N>
Result<double> parse_with_unit(std::string_view text, const Unit (&units)[N], const char* what, const char* examples) {
  double number = 0;
  std::string_view unit;
  if (!split_number(text, number, unit)) return fail(in_quotes(text) + " is not " + what + " (write " + examples + ")");
  if (number < 0) return fail(in_quotes(text) + " is negative");
  if (unit.empty()) {
    if (number == 0) return 0.0;
    std::string tail;
    for (size_t i = 1; i < N && i < 4; ++i) tail += (i > 1 ? ", '" : "'") + std::string(text) + units[i].name + "'";
    return fail(in_quotes(text) + " has no unit (write " + tail + ")");
  }
  for (const Unit& u : units)
    if (unit == u.name) return number * u.factor;
  return fail(in_quotes(text) + ": unknown unit " + in_quotes(unit) + did_you_mean(unit, names_of(units)) + "; units are " +
      list_of(names_of(units)));
}

size_t edit_distance(std::string_view a, std::string_view b) {
  // Optimal string alignment: a transposition of neighbours is one mistake, as people make them.
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string shortest(double number, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.9g%s", number, unit);
  return text;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const Result<double> ns = parse_with_unit(text, kTimes, "a time", "'10s' or '250ms'");
  if (!ns) return fail(ns.error());
  if (*ns > 365.0 * 86400e9) return fail(in_quotes(text) + " is longer than a year");
  return Duration::nanoseconds(std::llround(*ns));
}

Result<DataRate> parse_rate(std::string_view text) {
  if (text == "unlimited") return DataRate::infinite();
  const Result<double> bps = parse_with_unit(text, kRates, "a rate", "'400kbps', '1.5Mbps' or 'unlimited'");
  if (!bps) return fail(bps.error());
  if (*bps > 1e13) return fail(in_quotes(text) + " is more than 10 Tbit/s (write 'unlimited' for no limit)");
  return DataRate::bps(std::llround(*bps));
}

Result<double> parse_percent(std::string_view text) {
  double number = 0;
  std::string_view unit;
  if (!split_number(text, number, unit)) return fail(in_quotes(text) + " is not a percentage (write '2%')");
  if (unit.empty() && number != 0) return fail(in_quotes(text) + " has no unit (write '" + std::string(text) + "%')");
  if (!unit.empty() && unit != "%") return fail(in_quotes(text) + ": unknown unit " + in_quotes(unit) + "; write '2%'");
  if (number < 0 || number > 100) return fail(in_quotes(text) + " is not within 0% and 100%");
  return number / 100;
}

Result<double> parse_number(std::string_view text) {
  double number = 0;
  std::string_view unit;
  if (!split_number(text, number, unit) || !unit.empty()) return fail(in_quotes(text) + " is not a number");
  return number;
}

Result<uint64_t> parse_whole(std::string_view text) {
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size())
    return fail(in_quotes(text) + " is not a whole number");
  return number;
}

Result<double> parse_per_second(std::string_view text) {
  double number = 0;
  std::string_view unit;
  if (!split_number(text, number, unit) || (unit != "/s" && unit != "/min" && unit != "/h"))
    return fail(in_quotes(text) + " is not a number of times per second (write '20/s' or '30/min')");
  const double rate = number / (unit == "/s" ? 1 : unit == "/min" ? 60 : 3600);
  if (rate <= 0 || rate > 1e6) return fail(in_quotes(text) + " is not within 0/s (excluded) and 1000000/s");
  return rate;
}

std::string to_text(Duration d) {
  const int64_t ns = d.ns();
  if (ns % 1'000'000'000 == 0 || ns > 1'000'000'000) return shortest(static_cast<double>(ns) / 1e9, "s");
  if (ns % 1'000'000 == 0 || ns > 1'000'000) return shortest(static_cast<double>(ns) / 1e6, "ms");
  return shortest(static_cast<double>(ns) / 1e3, "us");
}

std::string to_text(DataRate rate) {
  if (rate.is_infinite()) return "unlimited";
  const double bps = static_cast<double>(rate.bps());
  if (bps >= 1e9) return shortest(bps / 1e9, " Gbps");
  if (bps >= 1e6) return shortest(bps / 1e6, " Mbps");
  if (bps >= 1e3) return shortest(bps / 1e3, " kbps");
  return shortest(bps, " bps");
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > 60) return std::nullopt;
  const std::string wanted = lower(word);
  const std::string *best = nullptr, *beginning = nullptr;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > 80) continue;
    const std::string c = lower(candidate);
    const size_t distance = edit_distance(wanted, c);
    if (distance < best_distance) { best = &candidate; best_distance = distance; }
    // "time" for "time_to_join": one that begins with the other is near as well.
    if (!beginning && wanted.size() >= 3 && (c.rfind(wanted, 0) == 0 || (c.size() >= 3 && wanted.rfind(c, 0) == 0))) beginning = &candidate;
  }
  if (!best) best = beginning;
  return best ? std::optional<std::string>(*best) : std::nullopt;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::optional<std::string> best = nearest(word, candidates);
  return best ? " (did you mean '" + *best + "'?)" : "";
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kMost = 60;
  std::string out = "'";
  for (char c : text.substr(0, kMost)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (text.size() > kMost ? "...'" : "'");
}

std::string list_of(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += separator;
    out += word;
  }
  return out;
}

}  // namespace tacoma
