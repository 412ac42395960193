#include "loadgen/plan/metrics_layers.h"

#include <algorithm>

#include "loadgen/plan/sqlite.h"

namespace tacoma {
namespace {

constexpr double kNs = 1e-9;
constexpr int64_t kMedianOf = 5'000'000'000;    // the rolling window of link_recovery, ns
constexpr int64_t kBefore = 20'000'000'000;     // what the rate before a drop is taken from
constexpr double kBack = 0.95;                  // of the earlier median counts as back

bool load_sums(sqlite3* db, const char* sql, const std::vector<std::string>& names, PersonValues& out) {
  Statement rows(db, sql);
  while (rows.step())
    for (size_t i = 0; i < names.size(); ++i)
      if (!rows.is_null(static_cast<int>(i) + 1)) out[names[i]][rows.integer(0)] = rows.real(static_cast<int>(i) + 1);
  return rows.ok();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// The median of the samples in (to - length, to]; below zero when there is none.
double median_until(const std::vector<std::pair<int64_t, double>>& samples, int64_t to, int64_t length) {
  std::vector<double> some;
  for (const auto& [at, value] : samples)
    if (at > to - length && at <= to) some.push_back(value);
  return some.empty() ? -1 : median(std::move(some));
}

struct Drop {
  int64_t person = 0, began = 0, ended = 0;
  bool up = false;
};

/// A link's own rate fell below what it was at first, and came back.
bool load_drops(sqlite3* db, std::vector<Drop>& out) {
  Statement rows(db, "SELECT p.id, l.direction, l.at, l.rate FROM links l JOIN people p ON p.host = l.host WHERE l.rate IS NOT NULL"
                     " ORDER BY p.id, l.direction, l.at");
  int64_t person = -1, first = 0, before = 0;
  std::string direction;
  Drop drop;
  bool is_low = false;
  while (rows.step()) {
    const int64_t at = rows.integer(2), rate = rows.integer(3);
    if (rows.integer(0) != person || rows.text(1) != direction) {
      person = rows.integer(0);
      direction = rows.text(1);
      first = rate;
      is_low = false;
    } else if (!is_low && rate < first) {
      is_low = true;
      drop = {person, before, 0, direction == "up"};
    } else if (is_low && rate >= first) {
      is_low = false;
      drop.ended = before;
      out.push_back(drop);
    }
    before = at;
  }
  return rows.ok();
}

bool load_recoveries(sqlite3* db, int64_t end, PersonValues& out) {
  std::vector<Drop> drops;
  if (!load_drops(db, drops)) return false;
  for (const Drop& drop : drops) {
    Statement rows(db, drop.up ? "SELECT at, SUM(bytes) FROM sent WHERE person = ? AND media = 'video' GROUP BY at ORDER BY at"
                               : "SELECT at, SUM(bytes) FROM received WHERE person = ? AND media = 'video' GROUP BY at ORDER BY at");
    rows.bind(drop.person);
    std::vector<std::pair<int64_t, double>> samples;
    while (rows.step()) samples.push_back({rows.integer(0), rows.real(1)});
    const double earlier = median_until(samples, drop.began, kBefore);
    if (earlier <= 0) continue;
    double took = static_cast<double>(end - drop.ended) * kNs;  // not back by the end: at least so long
    for (const auto& [at, value] : samples) {
      if (at < drop.ended + kMedianOf || median_until(samples, at, kMedianOf) < kBack * earlier) continue;
      // The median is back when half of its window is: the window's first half is not waited for twice.
      took = static_cast<double>(at - kMedianOf / 2 - drop.ended) * kNs;
      break;
    }
    double& worst = out["link_recovery"][drop.person];
    worst = std::max(worst, took);
  }
  return true;
}

}  // namespace

bool load_layer_values(sqlite3* db, int64_t end, PersonValues& out) {
  // A source counts while the bridge sends it and somebody asked for it. As much as was asked for is what was asked for, or all that
  // the sender was ever seen to have.
  return load_sums(db,
                   "SELECT r.person, AVG(r.height), AVG(CASE WHEN r.wanted_height < 0 OR r.wanted_height > m.most THEN r.height >= m.most"
                   " ELSE r.height >= r.wanted_height END), AVG(CASE WHEN r.quality > 0 THEN r.quality END)"
                   " FROM received r JOIN (SELECT sender, media, MAX(height) AS most FROM received GROUP BY sender, media) m"
                   " ON m.sender = r.sender AND m.media = r.media"
                   " WHERE r.media <> 'audio' AND r.height > 0 AND r.forwarded AND r.wanted_height <> 0 GROUP BY r.person",
                   {"lines", "as_asked", "video_quality"}, out) &&
         load_sums(db,
                   "SELECT person, SUM(switches) * 60e9 / MAX(1, MAX(at) - MIN(at)), AVG(CASE WHEN wanted_height <> 0 THEN forwarded END)"
                   " FROM received WHERE media <> 'audio' GROUP BY person",
                   {"layer_switches", "forwarded"}, out) &&
         load_sums(db, "SELECT person, AVG(estimate), AVG(target) FROM rates GROUP BY person", {"estimate", "target"}, out) &&
         load_recoveries(db, end, out);
}

}  // namespace tacoma
