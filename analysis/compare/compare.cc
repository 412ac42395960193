#include "analysis/compare/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

namespace tacoma::analysis {
namespace {

constexpr const char* kHeadline[] = {
    "joined",           "join_time.p50",         "join_time.p95",   "audio_mos.p5",    "audio_mos.p50",
    "freeze_ratio.p50", "freeze_ratio.p95",      "fps.p50",         "delay.audio.p50", "delay.audio.p95",
    "delay.video.p50",  "delay.video.p95",       "delay.frame.p50", "delay.frame.p95", "loss.audio.mean",
    "loss.video.mean",  "loss_after.video.mean", "psnr.p50",        "throughput",      "packets"};

std::string number(double value, int decimals, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f%s%s", decimals, value, *unit ? " " : "", unit);
  return text;
}

/// Three significant digits or so.
int decimals_for(double value) {
  const double size = std::fabs(value);
  return size >= 100 ? 0 : size >= 10 ? 1 : 2;
}

/// The value in a unit that suits its size, and that unit.
std::pair<double, const char*> scaled(double value, std::string_view unit) {
  const double size = std::fabs(value);
  if (unit == "s")
    return size < 1e-3 && size > 0 ? std::pair(value * 1e6, "us")
           : size < 1              ? std::pair(value * 1e3, "ms")
                                   : std::pair(value, "s");
  if (unit == "ratio") return {value * 100, "%"};
  if (unit == "bit/s")
    return size >= 1e9   ? std::pair(value / 1e9, "Gbit/s")
           : size >= 1e6 ? std::pair(value / 1e6, "Mbit/s")
                         : std::pair(value / 1e3, "kbit/s");
  if (unit == "dB") return {value, "dB"};
  if (unit == "1/s") return {value, "/s"};
  return {value, ""};
}

void note_if(Comparison& c, bool differs, std::string sentence) {
  if (differs) c.notes.push_back(std::move(sentence));
}

ComparedMetric compared(const std::string& name, const std::string& unit, const Metric* a, const Metric* b) {
  ComparedMetric row;
  row.name = name;
  row.unit = unit;
  row.better = better_of(name);
  if (a) row.a = a->value;
  if (b) row.b = b->value;
  if (a && b) {
    row.difference = b->value - a->value;
    if (a->value != 0) row.relative = (b->value - a->value) / std::fabs(a->value);
  }
  return row;
}

/// Whole figures before those of a group, kinds by name, and endings from the lucky to the unlucky.
auto reading_order(const std::string& name) {
  constexpr std::string_view kEndings[] = {".min", ".p5", ".p50", ".mean", ".p95", ".p99", ".max"};
  const size_t group = name.find(" in "), dot = name.substr(0, group).rfind('.');
  size_t rank = 0;
  for (size_t i = 0; i < std::size(kEndings); ++i) {
    if (dot != name.npos && std::string_view(name).substr(dot, kEndings[i].size()) == kEndings[i]) rank = i + 1;
  }
  return std::tuple(group != name.npos, group == name.npos ? "" : name.substr(group),
                    name.substr(0, rank ? dot : group), rank, name);
}

/// Length in characters, not bytes, of UTF-8 text.
size_t columns(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

Better better_of(std::string_view metric) {
  auto starts = [&](std::string_view prefix) { return metric.substr(0, prefix.size()) == prefix; };
  for (const char* good : {"joined", "audio_mos", "video_quality", "psnr", "fps", "as_asked", "utilisation", "worst_rate"}) {
    if (starts(good)) return Better::higher;
  }
  for (const char* bad : {"join_", "delay.", "jitter.", "loss", "freeze", "longest_freeze", "recovery", "link_recovery", "converged", "fairness", "queue_", "undecryptable"}) {
    if (starts(bad)) return Better::lower;
  }
  return Better::neither;
}

std::string readable(double value, std::string_view unit) {
  const auto [shown, suffix] = scaled(value, unit);
  const bool count = unit == "1" && shown == std::floor(shown);
  return number(shown, count ? 0 : unit == "MOS" ? 2 : decimals_for(shown), suffix);
}

std::string readable_difference(double value, std::string_view unit) {
  if (unit == "ratio") return (value >= 0 ? "+" : "-") + number(std::fabs(value) * 100, 2, "points");
  return (value >= 0 ? "+" : "-") + readable(std::fabs(value), unit);
}

Comparison compare_runs(const Run& a, const Run& b) {
  Comparison c;
  auto name = [](const Run& r) { return r.manifest.scenario + ", " + r.manifest.world; };
  c.name_a = name(a);
  c.name_b = name(b);
  note_if(c, a.manifest.scenario != b.manifest.scenario,
          "The scenarios differ: " + a.manifest.scenario + " and " + b.manifest.scenario + ".");
  note_if(c, a.manifest.scenario == b.manifest.scenario && a.manifest.scenario_text != b.manifest.scenario_text,
          "The scenario text differs between the runs.");
  note_if(c, a.manifest.seed != b.manifest.seed,
          "The seeds differ: " + std::to_string(a.manifest.seed) + " and " + std::to_string(b.manifest.seed) + ".");
  note_if(c, a.manifest.sets != b.manifest.sets, "The --set changes differ between the runs.");
  note_if(c, a.manifest.length != b.manifest.length,
          "The lengths differ: " + readable(a.manifest.length.to_seconds(), "s") + " and " +
              readable(b.manifest.length.to_seconds(), "s") + ".");
  note_if(c, a.manifest.state != "complete", "The first run did not complete.");
  note_if(c, b.manifest.state != "complete", "The second run did not complete.");
  constexpr int kHurried = 98;  // other runs without a verdict were interrupted, or lost count of packets
  const char* hurried = " run could not keep its own schedule: its figures tell of the machine too.";
  note_if(c, a.manifest.exit_code == kHurried, std::string("The first") + hurried);
  note_if(c, b.manifest.exit_code == kHurried, std::string("The second") + hurried);
  for (const Metric& m : a.metrics) c.metrics.push_back(compared(m.name, m.unit, &m, b.metric(m.name)));
  for (const Metric& m : b.metrics) {
    if (!a.metric(m.name)) c.metrics.push_back(compared(m.name, m.unit, nullptr, &m));
  }
  std::stable_sort(c.metrics.begin(), c.metrics.end(), [](const ComparedMetric& x, const ComparedMetric& y) {
    return reading_order(x.name) < reading_order(y.name);
  });
  return c;
}

const ComparedMetric* find(const Comparison& comparison, std::string_view metric) {
  for (const ComparedMetric& m : comparison.metrics) {
    if (m.name == metric) return &m;
  }
  return nullptr;
}

std::string comparison_table(const Comparison& c, bool all) {
  std::vector<std::vector<std::string>> rows = {{"metric", c.name_a, c.name_b, "difference", "relative"}};
  auto add = [&](const ComparedMetric& m) {
    rows.push_back({m.name, m.a ? readable(*m.a, m.unit) : "-", m.b ? readable(*m.b, m.unit) : "-",
                    m.difference ? readable_difference(*m.difference, m.unit) : "-",
                    m.relative ? (*m.relative >= 0 ? "+" : "-") + number(std::fabs(*m.relative) * 100, 1, "%") : "-"});
  };
  if (all) {
    for (const ComparedMetric& m : c.metrics) add(m);
  } else {
    for (const char* name : kHeadline) {
      if (const ComparedMetric* m = find(c, name)) add(*m);
    }
  }
  std::vector<size_t> widths(5, 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  for (const std::string& n : c.notes) out += "Note: " + n + "\n";
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - columns(row[i]), ' ');
      line += i == 0 ? row[i] + pad : "  " + pad + row[i];
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace tacoma::analysis
