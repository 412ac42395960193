#include "analysis/report/report.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "analysis/report/assets.h"
#include "analysis/report/page_data.h"
#include "core/base/assert.h"

namespace tacoma::analysis {
namespace {

std::string escaped_html(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

/// JSON that cannot end the script element that it stands in, whatever the names in it are: no '<' is left (HTML
/// section 4.12.1.3). Bytes that are no UTF-8 become replacement characters.
std::string for_script_element(const nlohmann::json& data) {
  const std::string text = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size() + text.size() / 64);
  for (char c : text) {
    if (c == '<') out += "\\u003c";
    else out += c;
  }
  return out;
}

/// The template with each {{name}} filled in; what is filled in is not searched again.
std::string filled(std::string_view page, const std::vector<std::pair<std::string_view, std::string_view>>& parts) {
  std::string out;
  for (size_t at = 0; at < page.size();) {
    const size_t open = page.find("{{", at);
    out += page.substr(at, open == page.npos ? page.npos : open - at);
    if (open == page.npos) break;
    const size_t close = page.find("}}", open);
    TACOMA_ASSERT(close != page.npos);
    const std::string_view name = page.substr(open + 2, close - open - 2);
    bool known = false;
    for (const auto& [key, value] : parts) {
      if (key != name) continue;
      out += value;
      known = true;
    }
    TACOMA_ASSERT(known);
    at = close + 2;
  }
  return out;
}

std::string title_of(const std::vector<Run>& runs) {
  std::string title = runs[0].manifest.scenario + ", " + runs[0].manifest.world;
  if (runs.size() == 2) {
    const Manifest& b = runs[1].manifest;
    title += " against " + (b.scenario == runs[0].manifest.scenario ? "" : b.scenario + ", ") + b.world;
  }
  return title;
}

}  // namespace

std::string report_page(const std::vector<Run>& runs, const ReportLimits& limits) {
  TACOMA_ASSERT(runs.size() == 1 || runs.size() == 2);
  const std::string data = for_script_element(page_data(runs, limits));
  const std::string title = escaped_html(title_of(runs));
  const Assets a = assets();
  return filled(a.page, {{"title", title}, {"style", a.style}, {"echarts", a.echarts}, {"data", data},
                         {"charts", a.charts}, {"topology", a.topology}, {"links", a.links}, {"script", a.script}});
}

Result<void> write_report(const std::vector<Run>& runs, const std::string& path, const ReportLimits& limits) {
  const std::string page = report_page(runs, limits), draft = path + ".new";
  std::FILE* file = std::fopen(draft.c_str(), "wb");
  if (!file) return fail("The report " + path + " cannot be written: " + std::strerror(errno) + ".");
  bool good = std::fwrite(page.data(), 1, page.size(), file) == page.size();
  int why = errno;
  if (std::fclose(file) != 0 && good) {
    good = false;
    why = errno;
  }
  if (good && std::rename(draft.c_str(), path.c_str()) == 0) return {};
  if (good) why = errno;
  std::remove(draft.c_str());
  return fail("The report " + path + " cannot be written: " + std::strerror(why) + ".");
}

}  // namespace tacoma::analysis
