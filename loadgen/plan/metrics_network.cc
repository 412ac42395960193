#include "loadgen/plan/metrics_network.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "loadgen/plan/sqlite.h"

namespace tacoma {

void put_metric(const std::string& name, const std::string& group, double value, std::vector<MetricValue>& out) {
  if (const MetricKind* kind = find_metric(name)) out.push_back({group.empty() ? name : name + " in " + group, value, kind->unit});
}

void put_distribution(const std::string& base, const std::string& group, std::vector<double> values, std::vector<MetricValue>& out) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  for (const auto& [ending, q] : kQuantiles) {
    const double rank = std::ceil(q * static_cast<double>(values.size()));
    put_metric(base + "." + ending, group, values[static_cast<size_t>(std::clamp(rank, 1.0, static_cast<double>(values.size()))) - 1], out);
  }
  double sum = 0;
  for (double v : values) sum += v;
  put_metric(base + ".mean", group, sum / static_cast<double>(values.size()), out);
}

bool is_in_group(std::string_view name, std::string_view group) {
  return group.empty() || name == group || (name.size() > group.size() && name.substr(0, group.size()) == group && name[group.size()] == '/');
}

namespace {

// What a share is of: IP packets. A received RTP packet has UDP and IPv4 headers and an SRTP tag (AEAD_AES_128_GCM) around it.
constexpr int64_t kWireOverhead = 28 + 16;
constexpr double kUsed = 0.8;          // of the fair share: from there on it counts as used
constexpr double kHold = 2;            // s, and so long
constexpr double kWindow = 5;          // s, of fairness, of the worst rate and of the median of recovery
constexpr double kSettle = 10;         // s of a phase before fairness is judged
constexpr double kBack = 0.95;         // of the median before: the rate is back

struct Phase {
  double from, to;  // s
  double rate;      // fair, bit/s
};

/// What one receiver got, in bins of the sample interval.
struct Receiver {
  std::string group;
  std::vector<Phase> phases;
  double step = 0;            // s
  std::vector<double> bits;   // of bin i: the time from i * step
  double mean(double from, double to) const {
    const size_t first = static_cast<size_t>(std::max(0.0, std::floor(from / step + 0.5))), last = static_cast<size_t>(std::max(0.0, std::floor(to / step + 0.5)));
    double sum = 0;
    for (size_t i = first; i < std::min(last, bits.size()); ++i) sum += bits[i];
    return last > first ? sum / (static_cast<double>(last - first) * step) : 0;
  }
};

bool load_receivers(sqlite3* db, int64_t end, std::vector<Receiver>& out) {
  std::map<int64_t, std::vector<Phase>> fair;
  Statement rows(db, "SELECT conference, at, rate FROM fair ORDER BY conference, at");
  while (rows.step()) {
    std::vector<Phase>& phases = fair[rows.integer(0)];
    const double at = static_cast<double>(rows.integer(1)) * 1e-9;
    if (!phases.empty()) phases.back().to = at;
    phases.push_back({at, static_cast<double>(end) * 1e-9, static_cast<double>(rows.integer(2))});
  }
  if (!rows.ok()) return false;
  if (fair.empty()) return true;
  // Samples of all people stand at the same moments; the smallest distance is the interval.
  Statement times(db, "SELECT DISTINCT at FROM received ORDER BY at");
  double step = 60, before = 0;
  while (times.step()) {
    const double at = static_cast<double>(times.integer(0)) * 1e-9;
    if (at - before > 0.05) step = std::min(step, at - before);
    before = at;
  }
  std::map<int64_t, size_t> places;
  Statement received(db,
      "SELECT r.person, p.grp, p.conference, r.at, SUM(r.bytes), SUM(r.packets) FROM received r JOIN people p ON p.id = r.person"
      " GROUP BY r.person, r.at ORDER BY r.person, r.at");
  while (received.step()) {
    const auto phases = fair.find(received.integer(2));
    if (phases == fair.end()) continue;
    const auto [place, is_new] = places.emplace(received.integer(0), out.size());
    if (is_new) {
      out.push_back({received.text(1), phases->second, step, {}});
      std::erase_if(out.back().phases, [end](const Phase& phase) { return phase.from >= static_cast<double>(end) * 1e-9; });
    }
    Receiver& receiver = out[place->second];
    const double at = static_cast<double>(received.integer(3)) * 1e-9;
    const size_t bin = static_cast<size_t>(std::max(0.0, std::ceil(at / step - 0.01) - 1));
    if (receiver.bits.size() <= bin) receiver.bits.resize(bin + 1);
    receiver.bits[bin] += 8.0 * static_cast<double>(received.integer(4) + received.integer(5) * kWireOverhead);
  }
  return received.ok() && times.ok();
}

/// When the rate is first at kUsed of `fair` for kHold, from the beginning of the phase; its length if never.
template <typename Mean>
double converged_after(const Phase& phase, double step, const Mean& mean) {
  for (double t = phase.from; t + kHold <= phase.to + 1e-6; t += step)
    if (mean(t, t + kHold) >= kUsed * phase.rate) return t - phase.from;
  return phase.to - phase.from;
}

/// From convergence on; of a phase that never converged, its second half.
template <typename Mean>
double used_share(const Phase& phase, double converged, const Mean& mean) {
  const double from = phase.from + (converged < phase.to - phase.from ? converged : (phase.to - phase.from) / 2);
  return mean(from, phase.to) / phase.rate;
}

class Shares {
 public:
  Shares(const std::vector<Receiver>& all, std::string group, std::vector<MetricValue>& out) : group_(std::move(group)), out_(out) {
    for (const Receiver& receiver : all)
      if (is_in_group(receiver.group, group_)) mine_.push_back(&receiver);
  }
  void compute() {
    if (mine_.empty()) return;
    together();
    each();
    fairness();
  }

 private:
  void put(const char* base, std::vector<double> values) { put_distribution(base, group_, std::move(values), out_); }

  // All receivers as one, phase by phase: a new one begins where anybody's fair share changes.
  void together() {
    std::vector<double> edges;
    for (const Receiver* r : mine_)
      for (const Phase& phase : r->phases) {
        edges.push_back(phase.from);
        edges.push_back(phase.to);
      }
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    std::vector<double> used, converged;
    const auto mean = [this](double from, double to) {
      double sum = 0;
      for (const Receiver* r : mine_) sum += r->mean(from, to);
      return sum;
    };
    for (size_t i = 0; i + 1 < edges.size(); ++i) {
      Phase phase{edges[i], edges[i + 1], 0};
      for (const Receiver* r : mine_)
        for (const Phase& own : r->phases)
          if (own.from <= phase.from && own.to >= phase.to) phase.rate += own.rate;
      if (phase.rate <= 0 || phase.to - phase.from < 2 * kHold) continue;
      converged.push_back(converged_after(phase, mine_.front()->step, mean));
      used.push_back(used_share(phase, converged.back(), mean));
    }
    put("utilisation", std::move(used));
    put("converged", std::move(converged));
  }

  void each() {
    std::vector<double> shares, worst, recovery;
    for (const Receiver* r : mine_) {
      const auto mean = [r](double from, double to) { return r->mean(from, to); };
      for (size_t i = 0; i < r->phases.size(); ++i) {
        const Phase& phase = r->phases[i];
        if (phase.to - phase.from < 2 * kHold) continue;
        shares.push_back(used_share(phase, converged_after(phase, r->step, mean), mean));
        if (i > 0 && i + 1 < r->phases.size() && phase.rate < r->phases[i - 1].rate && r->phases[i + 1].rate >= r->phases[i - 1].rate)
          recovery.push_back(recovered_after(*r, r->phases[i - 1], r->phases[i + 1]));
      }
      double least = INFINITY;
      for (double t = r->phases.front().from + kSettle; t + kWindow <= r->phases.back().to + 1e-6; t += 1) least = std::min(least, r->mean(t, t + kWindow));
      if (std::isfinite(least)) worst.push_back(least);
    }
    put("share", std::move(shares));
    put("worst_rate", std::move(worst));
    put("recovery", std::move(recovery));
  }

  static double median(const Receiver& r, double from, double to) {
    std::vector<double> seconds;
    for (double t = from; t + 1 <= to + 1e-6; t += 1) seconds.push_back(r.mean(t, t + 1));
    if (seconds.empty()) return 0;
    std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
    return seconds[seconds.size() / 2];
  }
  // The median of the last five seconds is again what it was before (the second half of that phase, when it had settled).
  static double recovered_after(const Receiver& r, const Phase& before, const Phase& after) {
    const double was = median(r, (before.from + before.to) / 2, before.to);
    for (double t = after.from; t <= after.to; t += r.step)
      if (median(r, t - kWindow, t) >= kBack * was) return t - after.from;
    return after.to - after.from;
  }

  void fairness() {
    std::vector<double> ratios;
    double end = 0;
    for (const Receiver* r : mine_) end = std::max(end, r->phases.back().to);
    for (double t = 0; t + kWindow <= end + 1e-6; t += kWindow) {
      std::map<double, std::vector<double>> by_share;
      for (const Receiver* r : mine_)
        for (const Phase& phase : r->phases)
          if (phase.from + kSettle <= t && phase.to >= t + kWindow) by_share[phase.rate].push_back(r->mean(t, t + kWindow));
      for (const auto& [share, rates] : by_share)
        if (rates.size() > 1)
          ratios.push_back(*std::max_element(rates.begin(), rates.end()) / std::max(1.0, *std::min_element(rates.begin(), rates.end())));
    }
    put("fairness", std::move(ratios));
  }

  const std::string group_;
  std::vector<MetricValue>& out_;
  std::vector<const Receiver*> mine_;
};

bool link_metrics(sqlite3* db, std::vector<MetricValue>& out) {
  std::vector<double> waits;
  int64_t packets = 0, drops = 0;
  Statement rows(db, "SELECT l.queue_max, l.packets, l.queue_drops FROM links l JOIN hosts h ON h.id = l.host WHERE h.kind = 'site' AND l.rate IS NOT NULL");
  while (rows.step()) {
    packets += rows.integer(1);
    drops += rows.integer(2);
    if (rows.integer(1) > 0) waits.push_back(static_cast<double>(rows.integer(0)) * 1e-9);
  }
  if (packets + drops > 0) put_metric("queue_loss", "", static_cast<double>(drops) / static_cast<double>(packets + drops), out);
  put_distribution("queue_delay", "", std::move(waits), out);
  return rows.ok();
}

bool flow_metrics(sqlite3* db, int64_t end, std::vector<MetricValue>& out) {
  std::vector<double> rates, losses;
  Statement rows(db,
      "SELECT f.kind = 'tcp', f.start, f.stop, SUM(s.bytes), SUM(s.packets), SUM(s.retransmitted) FROM flows f JOIN flow_samples s ON s.flow = f.id"
      " GROUP BY f.id ORDER BY f.id");
  while (rows.step()) {
    const double seconds = static_cast<double>(std::min(end, rows.integer(2)) - rows.integer(1)) * 1e-9;
    if (seconds > 0) rates.push_back(8 * static_cast<double>(rows.integer(3)) / seconds);
    if (rows.integer(0) && rows.integer(4) > 0) losses.push_back(static_cast<double>(rows.integer(5)) / static_cast<double>(rows.integer(4)));
  }
  put_distribution("flow_rate", "", std::move(rates), out);
  put_distribution("flow_loss", "", std::move(losses), out);
  return rows.ok();
}

}  // namespace

bool network_metrics(sqlite3* db, int64_t end, const std::vector<std::string>& groups, std::vector<MetricValue>& out) {
  std::vector<Receiver> receivers;
  if (!load_receivers(db, end, receivers)) return false;
  Shares(receivers, "", out).compute();
  for (const std::string& group : groups) Shares(receivers, group, out).compute();
  return link_metrics(db, out) && flow_metrics(db, end, out);
}

}  // namespace tacoma
