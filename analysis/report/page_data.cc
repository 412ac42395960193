#include "analysis/report/page_data.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "analysis/report/layers.h"
#include "analysis/report/quality.h"
#include "core/base/drop.h"

namespace tacoma::analysis {
namespace {

using Json = nlohmann::json;

/// A number of few digits: pages of large runs are made of these.
Json rounded(double value, double digits = 10) { return std::round(value * digits) / digits; }
Json seconds(Duration d) { return rounded(d.to_seconds(), 1e3); }
Json maybe(std::optional<double> value) { return value ? Json(*value) : Json(); }
Json rate_or_null(const std::optional<int64_t>& bps) { return bps ? Json(*bps) : Json(); }

/// People of one line in the charts: one person, one group, or everybody.
struct Line {
  std::string name, kind, group;
  std::vector<size_t> members;
  QualityLine quality;
  double badness = 0;
};

/// Collects a run's lines: everybody, the groups and the people who had it worst.
class Lines {
 public:
  Lines(const Run& run, const ReportLimits& limits) : run_(run) {
    for (size_t i = 0; i < run.people.size(); ++i) {
      qualities_.push_back(quality_of(run, i));
      people_.push_back({run.people[i].name,
                         "person",
                         run.people[i].group,
                         {i},
                         qualities_[i],
                         tacoma::analysis::badness(qualities_[i])});
    }
    collect_groups();
    if (groups_.size() > limits.groups) keep_worst(groups_, limits.groups);
    shown_ = people_;
    if (shown_.size() > limits.people) keep_worst(shown_, limits.people);
  }
  std::vector<Line> all() const {
    std::vector<Line> out;
    Line everybody{"everybody", "all", "", {}, {}, 0};
    for (size_t i = 0; i < people_.size(); ++i) everybody.members.push_back(i);
    if (!people_.empty()) out.push_back(merged(everybody));
    out.insert(out.end(), groups_.begin(), groups_.end());
    out.insert(out.end(), shown_.begin(), shown_.end());
    return out;
  }
  const std::vector<Line>& groups() const { return groups_; }
  size_t group_count() const { return group_count_; }

 private:
  void collect_groups() {
    std::vector<std::string> order;
    std::map<std::string, Line> by_name;
    for (size_t i = 0; i < people_.size(); ++i) {
      const std::string& name = people_[i].group;
      auto [at, added] = by_name.try_emplace(name, Line{name, "group", name, {}, {}, 0});
      if (added) order.push_back(name);
      at->second.members.push_back(i);
    }
    for (const std::string& name : order) groups_.push_back(merged(by_name.at(name)));
    group_count_ = groups_.size();
  }
  Line merged(Line line) const {
    for (uint32_t k = 0; k < run_.bins; ++k) {
      std::string video, audio;
      for (size_t i : line.members) {
        video += qualities_[i].video[k];
        audio += qualities_[i].audio[k];
      }
      line.quality.video += three_in_four(video);
      line.quality.audio += three_in_four(audio);
    }
    for (size_t i : line.members) line.badness += people_[i].badness / static_cast<double>(line.members.size());
    return line;
  }
  /// The worst `count`, in their old order.
  static void keep_worst(std::vector<Line>& lines, size_t count) {
    std::vector<size_t> order(lines.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return lines[a].badness > lines[b].badness; });
    order.resize(count);
    std::sort(order.begin(), order.end());
    std::vector<Line> kept;
    for (size_t i : order) kept.push_back(lines[i]);
    lines = std::move(kept);
  }
  const Run& run_;
  std::vector<QualityLine> qualities_;
  std::vector<Line> people_, groups_, shown_;
  size_t group_count_ = 0;
};

/// The members of a line added up in one bin.
struct Sum {
  double people = 0, bytes = 0, sent = 0, expected = 0, lost = 0, after = 0, watched = 0, frozen = 0, mos = 0,
         mos_count = 0;
  std::optional<int64_t> down, up;
  double queue_down = 0, queue_up = 0, link_packets = 0, marked = 0;

  void add(const PersonBin& b) {
    ++people;
    bytes += static_cast<double>(b.bytes);
    sent += static_cast<double>(b.sent_bytes);
    const double due = double(b.audio_expected) + b.video_expected;
    expected += due;
    lost += b.loss() * due;
    after += b.loss_after() * due;
    watched += b.watched;
    frozen += b.frozen.to_seconds();
    mos += b.mos_sum;
    mos_count += b.mos_count;
    narrow(down, b.down.rate);
    narrow(up, b.up.rate);
    queue_down = std::max(queue_down, b.down.queue_max.to_ms());
    queue_up = std::max(queue_up, b.up.queue_max.to_ms());
    link_packets += static_cast<double>(b.down.packets + b.up.packets);
    marked += static_cast<double>(b.down.marked + b.up.marked);
  }
  static void narrow(std::optional<int64_t>& least, const std::optional<int64_t>& rate) {
    if (rate) least = least ? std::min(*least, *rate) : *rate;
  }
};

Json line_json(const Run& run, const Line& line) {
  Json j = {{"name", line.name}, {"kind", line.kind}, {"group", line.group}, {"count", line.members.size()},
            {"video", line.quality.video}, {"audio", line.quality.audio}, {"badness", rounded(line.badness, 1e3)}};
  Sum whole;
  const double bin_s = run.bin.to_seconds(), sample_s = run.sample_every.to_seconds();
  double in_room_s = 0;
  Json rate = Json::array(), sent = rate, down = rate, up = rate, loss = rate, after = rate, frozen = rate,
       queue_down = rate, queue_up = rate, mos = rate, marked = rate;
  bool any_marks = false;
  auto share = [](double part, double of, double digits) { return of > 0 ? rounded(part / of, digits) : Json(); };
  for (uint32_t k = 0; k < run.bins; ++k) {
    Sum s;
    for (size_t i : line.members) {
      const Person& p = run.people[i];
      const bool absent = p.joins >= run.bin * (k + 1) || (p.leaves && *p.leaves <= run.bin * k);
      if (!absent) s.add(run.by_person[i][k]);
    }
    rate.push_back(share(s.bytes * 8e-3 / bin_s, s.people, 10));  // kbit/s
    sent.push_back(share(s.sent * 8e-3 / bin_s, s.people, 10));
    down.push_back(s.down ? rounded(static_cast<double>(*s.down) * 1e-3) : Json());
    up.push_back(s.up ? rounded(static_cast<double>(*s.up) * 1e-3) : Json());
    loss.push_back(share(s.lost * 100, s.expected, 100));
    after.push_back(share(s.after * 100, s.expected, 100));
    frozen.push_back(share(s.frozen * 100, s.watched * sample_s, 10));
    queue_down.push_back(s.people > 0 ? rounded(s.queue_down) : Json());
    queue_up.push_back(s.people > 0 ? rounded(s.queue_up) : Json());
    mos.push_back(share(s.mos, s.mos_count, 100));
    marked.push_back(share(s.marked * 100, s.link_packets, 100));
    any_marks |= s.marked > 0;
    in_room_s += s.people * bin_s;
    whole.bytes += s.bytes;
    whole.expected += s.expected;
    whole.lost += s.lost;
    whole.after += s.after;
    whole.watched += s.watched;
    whole.frozen += s.frozen;
    whole.mos += s.mos;
    whole.mos_count += s.mos_count;
  }
  auto text = [](double part, double of, const char* unit) {
    return of > 0 ? readable(part / of, unit) : std::string("–");
  };
  j["summary"] = {{"rate", text(whole.bytes * 8, in_room_s, "bit/s")},
                  {"loss", text(whole.lost, whole.expected, "ratio")},
                  {"after", text(whole.after, whole.expected, "ratio")},
                  {"frozen", text(whole.frozen, whole.watched * sample_s, "ratio")},
                  {"mos", text(whole.mos, whole.mos_count, "MOS")}};
  j["curves"] = {{"rate", rate},         {"sent", sent},   {"down", down},      {"up", up},
                 {"loss", loss},         {"after", after}, {"frozen", frozen},  {"queue_down", queue_down},
                 {"queue_up", queue_up}, {"mos", mos}};
  if (any_marks) j["curves"]["marked"] = marked;
  return j;
}

Json topology(const Run& run) {
  auto link = [&](uint32_t host) {
    if (host >= run.hosts.size()) return Json();
    const Host& h = run.hosts[host];
    return Json{{"up", rate_or_null(h.up_bps)},
                {"down", rate_or_null(h.down_bps)},
                {"delay_ms", rounded(h.delay.to_ms())},
                {"access", h.access}};
  };
  constexpr size_t kMaxCards = 8;  // groups of one region; beyond that, those of one access profile are drawn as one
  Json regions = Json::array();
  for (const std::string& name : run.regions) {
    Json region = {{"name", name}, {"bridges", Json::array()}, {"services", Json::array()}, {"groups", Json::array()}};
    for (const Bridge& b : run.bridges) {
      if (b.region == name) region["bridges"].push_back({{"name", b.name}, {"link", link(b.host)}});
    }
    for (const Host& h : run.hosts) {
      if (h.region == name && (h.kind == "focus" || h.kind == "router")) region["services"].push_back(h.kind);
    }
    for (const bool by_group : {true, false}) {
      std::vector<std::string> order;
      std::map<std::string, Json> groups;
      for (const Person& p : run.people) {
        if (p.region != name) continue;
        const std::string key = by_group ? p.group + "\n" + p.access : p.access;
        auto [at, added] = groups.try_emplace(key);
        if (added) {
          order.push_back(key);
          at->second = {{"name", by_group ? p.group : "all on " + p.access},
                        {"count", 0},
                        {"access", p.access},
                        {"link", link(p.host)},
                        {"audio", p.sends_audio},
                        {"video", p.sends_video}};
        }
        at->second["count"] = at->second["count"].get<int>() + 1;
      }
      if (by_group && order.size() > kMaxCards) continue;
      for (const std::string& key : order) region["groups"].push_back(groups.at(key));
      break;
    }
    regions.push_back(std::move(region));
  }
  Json delays = Json::array();
  for (const RegionDelay& d : run.region_delays) {
    if (d.a < d.b) delays.push_back({{"a", d.a}, {"b", d.b}, {"ms", rounded(d.one_way.to_ms())}});
  }
  return {{"regions", regions}, {"delays", delays}};
}

Json joins(const Run& run, const ReportLimits& limits) {
  constexpr double kNever = 1e18;
  auto took = [&](size_t i) {
    double last = 0;
    for (const auto& step : run.people[i].steps)
      last = std::max(last, step ? (*step - run.people[i].joins).to_seconds() : 0);
    return run.people[i].first_media() ? last : kNever;
  };
  std::vector<size_t> order(run.people.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const bool cut = order.size() > limits.joins;
  if (cut) {
    std::vector<double> durations;
    for (size_t i : order) durations.push_back(took(i));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return durations[a] > durations[b]; });
    order.resize(limits.joins);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return run.people[a].joins < run.people[b].joins; });
  Json people = Json::array();
  for (size_t i : order) {
    const Person& p = run.people[i];
    Json steps = Json::array();
    for (const auto& step : p.steps) steps.push_back(step ? rounded((*step - p.joins).to_ms()) : Json());
    people.push_back(
        {{"name", p.name}, {"at", seconds(p.joins)}, {"steps", steps}, {"arrived", p.first_media().has_value()}});
  }
  const auto got =
      std::count_if(run.people.begin(), run.people.end(), [](const Person& p) { return p.first_media().has_value(); });
  return {{"total", run.people.size()}, {"got_media", got}, {"people", people}, {"cut", cut}, {"step_names", kJoinSteps}};
}

/// A distribution as points of its cumulative curve: [milliseconds, share at or below].
Json cumulative(const std::vector<Bucket>& buckets) {
  uint64_t total = 0, sum = 0;
  for (const Bucket& b : buckets) total += b.count;
  Json points = Json::array();
  double last = -1;
  Duration reached;
  for (const Bucket& b : buckets) {
    // Between two buckets that hold something the curve is flat.
    if (points.empty() || b.low > reached)
      points.push_back({rounded(b.low.to_ms(), 1e3), rounded(std::max(0.0, last), 1e5)});
    reached = b.high;
    sum += b.count;
    const double share = static_cast<double>(sum) / static_cast<double>(total);
    if (share - last < 0.0005 && sum != total) continue;
    points.push_back({rounded(b.high.to_ms(), 1e3), rounded(share, 1e5)});
    last = share;
  }
  return points;
}

std::string percentile(const std::vector<Bucket>& buckets, double q) {
  uint64_t total = 0, sum = 0;
  for (const Bucket& b : buckets) total += b.count;
  for (const Bucket& b : buckets) {
    sum += b.count;
    if (static_cast<double>(sum) < q * static_cast<double>(total)) continue;
    return readable((b.low + b.high).to_seconds() / 2, "s");
  }
  return "–";
}

Json delays(const Run& run, const std::vector<Line>& groups) {
  constexpr const char* kNames[kDelayKinds] = {"audio", "video", "frame"};
  auto entry = [&](const std::string& who, const Delays& delays) {
    Json kinds = Json::object();
    for (size_t k = 0; k < kDelayKinds; ++k) {
      if (delays[k].empty()) continue;
      const uint64_t count = std::accumulate(delays[k].begin(), delays[k].end(), uint64_t{0},
                                             [](uint64_t n, const Bucket& b) { return n + b.count; });
      if (count == 0) continue;
      kinds[kNames[k]] = {{"points", cumulative(delays[k])}, {"count", count}, {"p50", percentile(delays[k], 0.5)},
                          {"p95", percentile(delays[k], 0.95)}, {"p99", percentile(delays[k], 0.99)}};
    }
    return Json{{"who", who}, {"kinds", kinds}};
  };
  Delays everybody;
  for (size_t k = 0; k < kDelayKinds; ++k) {
    std::map<int64_t, Bucket> merged;
    for (const auto& [group, d] : run.delays_by_group) {
      for (const Bucket& b : d[k]) {
        Bucket& sum = merged[b.low.ns()];
        sum = {b.low, b.high, sum.count + b.count};
      }
    }
    for (const auto& [low, b] : merged) everybody[k].push_back(b);
  }
  Json out = Json::array();
  if (run.delays_by_group.empty()) return out;
  out.push_back(entry("everybody", everybody));
  for (const Line& g : groups) {
    const auto found = run.delays_by_group.find(g.name);
    if (found != run.delays_by_group.end()) out.push_back(entry(g.name, found->second));
  }
  return out;
}

Json events(const Run& run, const ReportLimits& limits) {
  auto coming_and_going = [](const Event& e) { return e.kind == "join" || e.kind == "leave"; };
  std::vector<const Event*> kept;
  for (const bool crowd : {false, true}) {
    for (const Event& e : run.events) {
      if (coming_and_going(e) == crowd && kept.size() < limits.events) kept.push_back(&e);
    }
  }
  std::stable_sort(kept.begin(), kept.end(), [](const Event* a, const Event* b) { return a->at < b->at; });
  Json out = Json::array();
  for (const Event* e : kept) {
    out.push_back({{"at", seconds(e->at)},
                   {"kind", e->kind},
                   {"subject", e->subject},
                   {"text", e->text},
                   {"planned", e->planned},
                   {"mark", !coming_and_going(*e)}});
  }
  return {{"total", run.events.size()}, {"list", out}};
}

/// What a reason's identifier means; a reason of another version stands for itself.
std::string explained(const std::string& reason) {
  for (size_t i = 0; i < kDropReasons; ++i) {
    if (reason == name_of(static_cast<Drop>(i))) return explain(static_cast<Drop>(i));
  }
  return reason;
}

Json drops(const Run& run) {
  std::vector<std::string> order;
  std::map<std::string, Json> reasons;
  for (const Drops& d : run.drops) {
    auto [at, added] = reasons.try_emplace(d.reason, Json{{"reason", d.reason},
                                                          {"text", explained(d.reason)},
                                                          {"count", 0},
                                                          {"where", Json::array()},
                                                          {"places", 0}});
    if (added) order.push_back(d.reason);
    Json& r = at->second;
    r["count"] = r["count"].get<uint64_t>() + d.count;
    r["places"] = r["places"].get<int>() + 1;
    if (r["where"].size() < 3) r["where"].push_back({d.subject, d.count});
  }
  Json out = Json::array();
  for (const std::string& reason : order) out.push_back(reasons.at(reason));
  std::stable_sort(out.begin(), out.end(), [](const Json& a, const Json& b) {
    return a["count"].get<uint64_t>() > b["count"].get<uint64_t>();
  });
  return out;
}

Json site_direction(const Run& run, const std::vector<LinkBin>& bins) {
  Json carried = Json::array(), capacity = carried, queue = carried, dropped = carried, marked = carried;
  bool any_marks = false;
  for (const LinkBin& bin : bins) {
    carried.push_back(rounded(static_cast<double>(bin.bytes) * 8e-3 / run.bin.to_seconds()));  // kbit/s
    capacity.push_back(bin.rate ? rounded(static_cast<double>(*bin.rate) * 1e-3) : Json());
    queue.push_back(rounded(bin.queue_max.to_ms()));
    dropped.push_back(bin.queue_drops + bin.loss_drops);
    marked.push_back(bin.marked);
    any_marks |= bin.marked > 0;
  }
  Json out = {{"carried", carried}, {"capacity", capacity}, {"queue", queue}, {"dropped", dropped}};
  if (any_marks) out["marked"] = marked;
  return out;
}

Json sites(const Run& run) {
  Json out = Json::array();
  for (const SiteLinks& site : run.sites) out.push_back({{"name", site.name}, {"down", site_direction(run, site.down)}, {"up", site_direction(run, site.up)}});
  return out;
}

Json queues(const Run& run) {
  Json links = Json::array();
  for (const QueueTotals& q : run.queues) {
    const double share = static_cast<double>(q.marked) / static_cast<double>(std::max<uint64_t>(1, q.packets));
    links.push_back({{"name", q.name}, {"way", q.is_up ? "up" : "down"}, {"packets", q.packets}, {"dropped", q.queue_drops}, {"marked", q.marked},
                     {"share_text", readable(share, "ratio")}});
  }
  return {{"links", links}, {"left_out", run.queues_left_out}};
}

Json bridges(const Run& run) {
  Json out = Json::array();
  for (uint32_t id = 0; id < run.bridges.size(); ++id) {
    std::vector<const BridgeSample*> samples;
    for (const BridgeSample& s : run.bridge_samples) {
      if (s.bridge == id) samples.push_back(&s);
    }
    const size_t step = samples.size() / kMaxBins + 1;
    BridgeSample before;
    Json at = Json::array(), endpoints = at, in = at, sent = at, repeated = at, mbps = at;
    for (size_t i = step - 1; i < samples.size(); i += step) {
      const BridgeSample& s = *samples[i];
      const double dt = (s.at - before.at).to_seconds();
      if (dt <= 0) continue;
      // A bridge that started again counts from zero again.
      auto rate = [&](uint64_t now, uint64_t then) { return static_cast<double>(now >= then ? now - then : now) / dt; };
      at.push_back(seconds(s.at));
      endpoints.push_back(s.endpoints);
      in.push_back(rounded(rate(s.packets_in, before.packets_in)));
      sent.push_back(rounded(rate(s.packets_out, before.packets_out)));
      repeated.push_back(rounded(rate(s.retransmitted, before.retransmitted)));
      mbps.push_back(rounded(rate(s.bytes_out, before.bytes_out) * 8e-6, 1e3));
      before = s;
    }
    if (!at.empty())
      out.push_back({{"name", run.bridges[id].name}, {"at", at}, {"endpoints", endpoints}, {"in", in}, {"out", sent},
                     {"retransmitted", repeated}, {"out_mbps", mbps}});
  }
  return out;
}

Json pictures(const Run& run) {
  constexpr size_t kMaxPairs = 12;
  Json out = Json::array();
  for (size_t i = 0; i < run.psnr.size() && out.size() < kMaxPairs;) {
    const Psnr& first = run.psnr[i];
    Json at = Json::array(), mean = at, least = at;
    while (i < run.psnr.size() && run.psnr[i].person == first.person && run.psnr[i].sender == first.sender) {
      const int64_t bin = run.psnr[i].at.ns() / run.bin.ns();
      double sum = 0, low = 1e9, count = 0;
      for (; i < run.psnr.size() && run.psnr[i].person == first.person && run.psnr[i].sender == first.sender &&
             run.psnr[i].at.ns() / run.bin.ns() == bin; ++i) {
        sum += run.psnr[i].db;
        low = std::min(low, run.psnr[i].db);
        ++count;
      }
      at.push_back(seconds(run.bin * bin + run.bin / 2));
      mean.push_back(rounded(sum / count));
      least.push_back(rounded(low));
    }
    out.push_back({{"person", run.people[first.person].name},
                   {"sender", run.people[first.sender].name},
                   {"at", at},
                   {"mean", mean},
                   {"least", least}});
  }
  return out;
}

Json expectations(const Run& run) {
  Json out = Json::array();
  for (const Expected& e : run.expectations) {
    out.push_back({{"text", e.text},
                   {"metric", e.metric},
                   {"bound", e.bound},
                   {"value", maybe(e.value)},
                   {"holds", e.holds},
                   {"bound_text", readable(e.bound, e.unit)},
                   {"value_text", e.value ? readable(*e.value, e.unit) : "not measured"}});
  }
  return out;
}

Json run_json(const Run& run, const ReportLimits& limits) {
  const Lines lines(run, limits);
  Json metrics = Json::array();
  for (const Metric& m : run.metrics)
    metrics.push_back({{"name", m.name}, {"unit", m.unit}, {"value", m.value}, {"text", readable(m.value, m.unit)}});
  Json rows = Json::array();
  for (const Line& line : lines.all()) rows.push_back(line_json(run, line));
  Json notes = run.notes;
  if (run.people.size() > limits.people)
    notes.push_back("Of " + std::to_string(run.people.size()) + " people, the " + std::to_string(limits.people) +
                    " who had it worst are shown one by one; all of them count in the groups and figures.");
  if (lines.group_count() > limits.groups)
    notes.push_back("Of " + std::to_string(lines.group_count()) + " groups, the " + std::to_string(limits.groups) +
                    " worst are shown.");
  return {{"name", run.manifest.scenario + ", " + run.manifest.world},
          {"folder", run.folder},
          {"manifest", Json::parse(run.manifest.json, nullptr, false)},
          {"notes", notes},
          {"metrics", metrics},
          {"expectations", expectations(run)},
          {"topology", topology(run)},
          {"joins", joins(run, limits)},
          {"bin_s", run.bin.to_seconds()},
          {"bins", run.bins},
          {"end_s", seconds(std::max(run.manifest.reached, run.bin * run.bins))},
          {"rows", rows},
          {"layers", layers_json(run)},
          {"delays", delays(run, lines.groups())},
          {"events", events(run, limits)},
          {"drops", drops(run)},
          {"sites", sites(run)},
          {"queues", queues(run)},
          {"bridges", bridges(run)},
          {"pictures", pictures(run)}};
}

Json comparison_json(const Comparison& c) {
  Json rows = Json::array();
  for (const ComparedMetric& m : c.metrics) {
    const char* better = m.better == Better::lower ? "lower" : m.better == Better::higher ? "higher" : "neither";
    rows.push_back({{"name", m.name}, {"unit", m.unit}, {"better", better}, {"a", maybe(m.a)}, {"b", maybe(m.b)},
                    {"difference", maybe(m.difference)}, {"relative", maybe(m.relative)},
                    {"a_text", m.a ? readable(*m.a, m.unit) : "–"}, {"b_text", m.b ? readable(*m.b, m.unit) : "–"},
                    {"difference_text", m.difference ? readable_difference(*m.difference, m.unit) : "–"}});
  }
  return {{"rows", rows}, {"notes", c.notes}};
}

}  // namespace

Json page_data(const std::vector<Run>& runs, const ReportLimits& limits) {
  Json data = {{"runs", Json::array()}};
  for (const Run& run : runs) data["runs"].push_back(run_json(run, limits));
  if (runs.size() == 2) data["comparison"] = comparison_json(compare_runs(runs[0], runs[1]));
  auto bounds = [](const QualityBounds& b) { return Json{{"frozen", b.frozen}, {"loss", b.loss}, {"mos", b.mos}}; };
  data["bounds"] = {{"good", bounds(kGoodBounds)}, {"fair", bounds(kFairBounds)}, {"poor", bounds(kPoorBounds)}};
  return data;
}

}  // namespace tacoma::analysis
