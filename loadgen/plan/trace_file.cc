#include "loadgen/plan/trace_file.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

/// Walks the lines of a text; knows their numbers. An end of line may be CR LF, the last line needs none.
class Lines {
 public:
  Lines(std::string_view text, std::string_view file) : text_(text), file_(file) {}
  bool next(std::string_view& line) {
    if (at_ >= text_.size()) return false;
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    line = text_.substr(at_, end - at_);
    at_ = end + 1;
    ++number_;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return true;
  }
  std::string fault(const std::string& what) const { return std::string(file_) + ":" + std::to_string(number_) + ": " + what; }

 private:
  std::string_view text_, file_;
  size_t at_ = 0;
  int number_ = 0;
};

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (size_t at = 0;;) {
    const size_t comma = line.find(',', at);
    cells.push_back(line.substr(at, comma == std::string_view::npos ? comma : comma - at));
    if (comma == std::string_view::npos) return cells;
    at = comma + 1;
  }
}

bool number_of(std::string_view cell, double& out) {
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out);
  return error == std::errc() && end == cell.data() + cell.size() && std::isfinite(out);
}

constexpr const char* kColumns[] = {"time_s", "rate_bps", "delay_ms", "loss_percent"};
constexpr double kMost[] = {24 * 3600, 1e12, 60'000, 100};

}  // namespace

Result<std::shared_ptr<const DeliveryTrace>> parse_mahimahi(std::string_view text, std::string_view file) {
  auto trace = std::make_shared<DeliveryTrace>();
  Lines lines(text, file);
  std::string_view line;
  while (lines.next(line)) {
    if (line.empty()) continue;
    const Result<uint64_t> ms = parse_whole(line);
    if (!ms || *ms > kMaxTraceMs) return fail(lines.fault(in_quotes(line) + " is not a time in whole milliseconds (0 .. 24 h)"));
    if (!trace->opportunities_ms.empty() && *ms < trace->opportunities_ms.back())
      return fail(lines.fault(std::to_string(*ms) + " ms comes before the line above it"));
    trace->opportunities_ms.push_back(static_cast<uint32_t>(*ms));
  }
  if (trace->opportunities_ms.empty()) return fail(std::string(file) + ": holds no delivery opportunity");
  trace->period_ms = trace->opportunities_ms.back();
  if (trace->period_ms == 0) return fail(std::string(file) + ": all opportunities are at 0 ms, so the trace has no length");
  return std::shared_ptr<const DeliveryTrace>(std::move(trace));
}

Result<std::shared_ptr<const LinkCourse>> parse_trace_csv(std::string_view text, std::string_view file) {
  Lines lines(text, file);
  std::string_view line;
  if (!lines.next(line)) return fail(std::string(file) + ": is empty");
  std::vector<size_t> columns;
  for (const std::string_view cell : cells_of(line)) {
    size_t column = 0;
    while (column < 4 && cell != kColumns[column]) ++column;
    if (column == 4) return fail(lines.fault("unknown column " + in_quotes(cell) + "; columns are: time_s, rate_bps, delay_ms, loss_percent"));
    for (const size_t known : columns)
      if (known == column) return fail(lines.fault("column " + in_quotes(cell) + " stands twice"));
    columns.push_back(column);
  }
  if (columns.size() < 2 || columns[0] != 0 || columns[1] != 1) return fail(lines.fault("the header must begin with time_s,rate_bps"));
  auto course = std::make_shared<LinkCourse>();
  while (lines.next(line)) {
    if (line.empty()) continue;
    const std::vector<std::string_view> cells = cells_of(line);
    if (cells.size() != columns.size()) return fail(lines.fault(std::to_string(cells.size()) + " values in place of " + std::to_string(columns.size())));
    if (course->steps.size() == kMaxTraceSteps) return fail(lines.fault("more than " + std::to_string(kMaxTraceSteps) + " rows"));
    LinkCourse::Step step;
    for (size_t i = 0; i < cells.size(); ++i) {
      double value = 0;
      if (!number_of(cells[i], value) || value < 0 || value > kMost[columns[i]])
        return fail(lines.fault(in_quotes(cells[i]) + " is not a " + kColumns[columns[i]] + " within 0 and " + std::to_string(static_cast<int64_t>(kMost[columns[i]]))));
      switch (columns[i]) {
        case 0: step.at = Duration::from_seconds(value); break;
        case 1: step.rate = DataRate::bps(std::llround(value)); break;
        case 2: step.delay = Duration::from_seconds(value / 1e3); break;
        case 3: step.loss = value / 100; break;
      }
    }
    if (course->steps.empty() ? step.at != Duration::zero() : step.at <= course->steps.back().at)
      return fail(lines.fault(course->steps.empty() ? "the first row must be of time 0" : "its time is not later than that of the row above"));
    course->steps.push_back(step);
  }
  const size_t rows = course->steps.size();
  if (rows == 0) return fail(std::string(file) + ": has a header and no rows");
  if (rows > 1) course->period = course->steps[rows - 1].at * 2 - course->steps[rows - 2].at;
  return std::shared_ptr<const LinkCourse>(std::move(course));
}

Result<std::string> read_trace_file(const std::string& path) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(std::filesystem::status(path, code))) return fail(path + ": there is no such file");
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) return fail(path + ": cannot be read: " + std::strerror(errno));
  std::string text(std::min<size_t>(kMaxTraceBytes + 1, std::filesystem::file_size(path, code) + 1), '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  const bool broke = std::ferror(file) != 0;
  std::fclose(file);
  if (broke) return fail(path + ": cannot be read");
  if (text.size() > kMaxTraceBytes) return fail(path + ": larger than " + std::to_string(kMaxTraceBytes >> 20) + " MiB");
  return text;
}

}  // namespace tacoma
