// Whole-run figures from the database of a run, as docs/results.md defines them.
#include "loadgen/plan/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "loadgen/plan/metrics_network.h"
#include "loadgen/plan/metrics_layers.h"
#include "loadgen/plan/sqlite.h"

namespace tacoma {
namespace {

struct Person {
  std::string group;
  int64_t conference = 0, joins = 0, leaves = 0;  // leaves: the end of the run if none is planned
  bool sends_audio = false, sends_video = false, encrypted = false;
  bool expects_audio = false, expects_video = false;  // somebody else sends it
  std::optional<int64_t> company;                     // when the first other sender's join is planned
  std::optional<int64_t> others_join;                 // when the first other person's join is planned
  std::map<std::string, int64_t> steps;               // the first time each was reached
};

/// What one person received of one source in the whole run.
struct Stream {
  int64_t person = 0, packets = 0, bytes = 0, expected = 0, lost = 0, repaired = 0, rendered = 0, freezes = 0, frozen = 0, longest_freeze = 0;
  int64_t first = 0, last = 0, rows = 0;  // of its rows
  bool is_video = false;
  double jitter_sum = 0, mos_sum = 0, by_fec = 0;
  int64_t by_red = 0;
  int64_t jitter_rows = 0, mos_rows = 0, shown_rows = 0;  // shown: asked for, and sent by the bridge
  /// The rows stand at the ends of their intervals, which are all alike: n rows over n-1 steps.
  double seconds() const { return rows > 1 ?
      static_cast<double>(last - first) * 1e-9 * static_cast<double>(rows) / static_cast<double>(rows - 1) : 0; }
  double shown_seconds() const { return rows > 0 ? seconds() * static_cast<double>(shown_rows) / static_cast<double>(rows) : 0; }
};

struct Bucket {
  int64_t person, low, high, count;
};

/// Everything that the figures are made of, loaded once.
struct Measured {
  std::vector<Person> people;
  std::vector<Stream> streams;
  std::map<std::string, std::vector<Bucket>> delays;  // by metric name
  std::map<int64_t, int64_t> sent_bytes;
  std::map<int64_t, std::pair<double, int64_t>> psnr;
  PersonValues layers;
  std::map<int64_t, int64_t> undecryptable;
};

bool load_people(sqlite3* db, int64_t end, Measured& m) {
  Statement rows(db, "SELECT grp, conference, joins, leaves, sends_audio, sends_video, encrypted FROM people ORDER BY id");
  if (!rows.ok()) return false;
  std::map<int64_t, std::vector<size_t>> rooms;
  while (rows.step()) {
    Person p;
    p.group = rows.text(0);
    p.conference = rows.integer(1);
    p.joins = rows.integer(2);
    p.leaves = rows.is_null(3) ? end : std::min(end, rows.integer(3));
    p.sends_audio = rows.integer(4) != 0;
    p.sends_video = rows.integer(5) != 0;
    p.encrypted = rows.integer(6) != 0;
    rooms[p.conference].push_back(m.people.size());
    m.people.push_back(p);
  }
  // Who can expect what, in linear time for each room: the two earliest senders tell who the first other one is.
  for (const auto& room : rooms) {
    const std::vector<size_t>& members = room.second;
    const auto two_earliest = [&](auto counts) {
      std::vector<std::pair<int64_t, size_t>> best;
      for (size_t i : members) {
        if (!counts(m.people[i]) || m.people[i].joins >= end) continue;
        best.push_back({m.people[i].joins, i});
        std::sort(best.begin(), best.end());
        if (best.size() > 2) best.pop_back();
      }
      return best;
    };
    const auto audio = two_earliest([](const Person& p) { return p.sends_audio; });
    const auto video = two_earliest([](const Person& p) { return p.sends_video; });
    const auto anybody = two_earliest([](const Person&) { return true; });
    for (size_t i : members) {
      Person& p = m.people[i];
      const auto first_other = [i](const auto& best) -> std::optional<int64_t> {
        for (const auto& [joins, who] : best)
          if (who != i) return joins;
        return std::nullopt;
      };
      const std::optional<int64_t> a = first_other(audio), v = first_other(video);
      p.expects_audio = a && *a < p.leaves;
      p.expects_video = v && *v < p.leaves;
      if (p.expects_audio || p.expects_video) p.company = std::max(p.expects_audio ? *a : 0, p.expects_video ? *v : 0);
      p.others_join = first_other(anybody);
    }
  }
  Statement steps(db, "SELECT person, step, MIN(at) FROM join_steps GROUP BY person, step");
  while (steps.step()) {
    const size_t person = static_cast<size_t>(steps.integer(0));
    if (person < m.people.size()) m.people[person].steps[steps.text(1)] = steps.integer(2);
  }
  return steps.ok();
}

bool load_measurements(sqlite3* db, Measured& m) {
  Statement received(db,
      "SELECT person, media <> 'audio', SUM(packets), SUM(bytes), SUM(expected), SUM(lost), SUM(repaired), SUM(frames_rendered), SUM(freezes), SUM(frozen),"
      " MIN(at), MAX(at), COUNT(*), SUM(CASE WHEN packets > 0 THEN jitter ELSE 0 END), SUM(packets > 0), SUM(mos), SUM(mos > 0),"
      " SUM(media = 'audio' OR (forwarded AND wanted_height <> 0)), SUM(by_red), SUM(by_fec), MAX(longest_freeze)"
      " FROM received GROUP BY person, sender, media ORDER BY person, sender, media");
  while (received.step()) {
    Stream s;
    s.person = received.integer(0);
    s.is_video = received.integer(1) != 0;
    int column = 2;
    for (int64_t* field : {&s.packets, &s.bytes, &s.expected, &s.lost, &s.repaired, &s.rendered, &s.freezes, &s.frozen, &s.first,
        &s.last, &s.rows})
      *field = received.integer(column++);
    s.jitter_sum = received.real(13);
    s.jitter_rows = received.integer(14);
    s.mos_sum = received.real(15);
    s.mos_rows = received.integer(16);
    s.shown_rows = received.integer(17);
    s.by_red = received.integer(18);
    s.by_fec = received.real(19);
    s.longest_freeze = received.integer(20);
    m.streams.push_back(s);
  }
  Statement delays(db,
      "SELECT media, unit, person, low, high, SUM(count) FROM delays GROUP BY media, unit, person, low, high ORDER BY low");
  while (delays.step())
    m.delays[delays.text(1) == "frame" ? "delay.frame" : delays.text(0) == "audio" ? "delay.audio" : "delay.video"].push_back({delays.integer(2), delays.integer(3), delays.integer(4), delays.integer(5)});
  Statement sent(db, "SELECT person, SUM(bytes) FROM sent GROUP BY person");
  while (sent.step()) m.sent_bytes[sent.integer(0)] = sent.integer(1);
  Statement psnr(db, "SELECT person, SUM(psnr_db), COUNT(*) FROM decoded GROUP BY person");
  while (psnr.step()) m.psnr[psnr.integer(0)] = {psnr.real(1), psnr.integer(2)};
  Statement closed(db, "SELECT people.id, SUM(count) FROM drops JOIN people ON people.name = drops.subject WHERE reason = 'frame_undecryptable' GROUP BY people.id");
  while (closed.step()) m.undecryptable[closed.integer(0)] = closed.integer(1);
  return received.ok() && delays.ok() && sent.ok() && psnr.ok() && closed.ok();
}

/// The figures of one set of people.
class Figures {
 public:
  Figures(const Measured& measured, int64_t end, std::string group, std::vector<MetricValue>& out)
      : m_(measured), end_(end), group_(std::move(group)), out_(out) {}

  void compute() {
    joins();
    streams();
    rates();
    encryption();
    for (const auto& [name, buckets] : m_.delays) delay(name, buckets);
    for (const auto& [name, values] : m_.layers) {
      std::vector<double> counted;
      for (const auto& [person, value] : values)
        if (counts(static_cast<size_t>(person))) counted.push_back(value);
      distribution(name, std::move(counted));
    }
  }

 private:
  bool counts(size_t person) const { return person < m_.people.size() && is_in_group(m_.people[person].group, group_); }
  void put(const std::string& name, double value) { put_metric(name, group_, value, out_); }
  void distribution(const std::string& base, std::vector<double> values) { put_distribution(base, group_, std::move(values), out_); }

  void joins() {
    std::map<std::string, std::vector<double>> times;
    size_t should = 0, did = 0;
    for (size_t i = 0; i < m_.people.size(); ++i) {
      const Person& p = m_.people[i];
      if (!counts(i) || p.joins >= end_) continue;
      const auto step = [&p](const char* name) { const auto at = p.steps.find(name); return at == p.steps.end() ?
          std::optional<int64_t>() : at->second; };
      const auto took = [&](const char* name, std::optional<int64_t> from) {
        if (from && step(name))
          times["join_" + std::string(name)].push_back(static_cast<double>(std::max<int64_t>(0, *step(name) - *from)) * 1e-9);
      };
      took("conference_request", step("started"));
      took("muc", step("conference_request"));
      // The focus invites from two people up: who came first waits for company, which is not the system's doing.
      if (step("muc") && p.others_join) took("jingle", std::max(*step("muc"), *p.others_join));
      took("ice", step("jingle"));
      took("dtls", step("ice"));
      took("first_audio", step("dtls"));
      took("first_video", step("dtls"));
      if (!p.expects_audio && !p.expects_video) continue;
      ++should;
      if ((p.expects_audio && !step("first_audio")) || (p.expects_video && !step("first_video"))) continue;
      ++did;
      const int64_t done = std::max(p.expects_audio ? *step("first_audio") : 0, p.expects_video ? *step("first_video") : 0);
      times["join_time"].push_back(static_cast<double>(std::max<int64_t>(0, done - std::max(p.joins, *p.company))) * 1e-9);
    }
    for (auto& [name, values] : times) distribution(name, std::move(values));
    if (should > 0) put("joined", static_cast<double>(did) / static_cast<double>(should));
  }

  struct PerPerson {
    int64_t bytes = 0, expected[2] = {}, lost[2] = {}, repaired[2] = {}, by_red = 0, freezes = 0;
    double by_fec = 0, jitter[2] = {}, mos = 0, frozen_ratio = 0, fps = 0, longest = 0, longest_freeze = 0;
    int64_t jitter_rows[2] = {}, mos_rows = 0;
    int watched = 0;
  };

  void streams() {
    std::map<int64_t, PerPerson> people;
    int64_t packets = 0, bytes = 0;
    for (const Stream& s : m_.streams) {
      if (!counts(static_cast<size_t>(s.person))) continue;
      PerPerson& p = people[s.person];
      const int k = s.is_video ? 1 : 0;
      packets += s.packets;
      bytes += s.bytes;
      p.bytes += s.bytes;
      p.expected[k] += s.expected;
      p.lost[k] += s.lost;
      p.repaired[k] += s.repaired;
      p.by_red += s.by_red;
      p.by_fec += s.by_fec;
      p.jitter[k] += s.jitter_sum;
      p.jitter_rows[k] += s.jitter_rows;
      p.mos += s.mos_sum;
      p.mos_rows += s.mos_rows;
      if (!s.is_video || s.shown_seconds() <= 0) continue;
      ++p.watched;
      p.frozen_ratio += std::min(1.0, static_cast<double>(s.frozen) * 1e-9 / s.shown_seconds());
      p.fps += static_cast<double>(s.rendered) / s.shown_seconds();
      p.freezes += s.freezes;
      p.longest_freeze = std::max(p.longest_freeze, static_cast<double>(s.longest_freeze) * 1e-9);
      p.longest = std::max(p.longest, s.seconds());
    }
    per_person(people);
    if (people.empty()) return;
    put("throughput", static_cast<double>(bytes) * 8e9 / static_cast<double>(end_));
    put("packets", static_cast<double>(packets));
  }

  void per_person(const std::map<int64_t, PerPerson>& people) {
    std::map<std::string, std::vector<double>> values;
    for (const auto& [index, p] : people) {
      for (const int k : {0, 1}) {
        const std::string media = k == 0 ? "audio" : "video";
        if (p.jitter_rows[k] > 0) values["jitter." + media].push_back(p.jitter[k] * 1e-9 / static_cast<double>(p.jitter_rows[k]));
        if (p.expected[k] <= 0) continue;
        values["loss." + media].push_back(static_cast<double>(p.lost[k]) / static_cast<double>(p.expected[k]));
        values["loss_after." +
            media].push_back(static_cast<double>(std::max<int64_t>(0,
                p.lost[k] - p.repaired[k])) / static_cast<double>(p.expected[k]));
      }
      const auto share = [](double part, int64_t of) { return std::min(1.0, part / static_cast<double>(of)); };
      if (p.lost[0] > 0) values["repaired.red"].push_back(share(static_cast<double>(p.by_red), p.lost[0]));
      if (p.lost[0] > 0) values["repaired.fec"].push_back(share(p.by_fec, p.lost[0]));
      if (p.lost[1] > 0) values["repaired.rtx"].push_back(share(static_cast<double>(p.repaired[1]), p.lost[1]));
      if (p.mos_rows > 0) values["audio_mos"].push_back(p.mos / static_cast<double>(p.mos_rows));
      if (p.watched > 0) {
        values["freeze_ratio"].push_back(p.frozen_ratio / p.watched);
        values["longest_freeze"].push_back(p.longest_freeze);
        values["fps"].push_back(p.fps / p.watched);
        values["freezes"].push_back(static_cast<double>(p.freezes) * 60 / p.longest);
      }
      if (const double seconds = in_room(static_cast<size_t>(index)); seconds > 0)
        values["receive_rate"].push_back(static_cast<double>(p.bytes) * 8 / seconds);
    }
    for (auto& [name, list] : values) distribution(name, std::move(list));
  }

  double in_room(size_t person) const { return static_cast<double>(m_.people[person].leaves - m_.people[person].joins) * 1e-9; }

  void rates() {
    std::vector<double> send, psnr;
    for (const auto& [person, bytes] : m_.sent_bytes)
      if (counts(static_cast<size_t>(person)) && in_room(static_cast<size_t>(person)) > 0)
        send.push_back(static_cast<double>(bytes) * 8 / in_room(static_cast<size_t>(person)));
    for (const auto& [person, sum] : m_.psnr)
      if (counts(static_cast<size_t>(person))) psnr.push_back(sum.first / static_cast<double>(sum.second));
    distribution("send_rate", std::move(send));
    distribution("psnr", std::move(psnr));
  }

  void encryption() {
    bool anybody = !m_.undecryptable.empty();  // or a guest
    for (const Person& p : m_.people) anybody |= p.encrypted;
    if (!anybody) return;
    int64_t closed = 0;
    for (const auto& [person, frames] : m_.undecryptable)
      if (counts(static_cast<size_t>(person))) closed += frames;
    put("undecryptable", static_cast<double>(closed));
  }

  /// Over all packets or frames of all these people: buckets are added, then asked.
  void delay(const std::string& name, const std::vector<Bucket>& buckets) {
    int64_t total = 0;
    double sum = 0;
    for (const Bucket& b : buckets) {
      if (!counts(static_cast<size_t>(b.person))) continue;
      total += b.count;
      sum += static_cast<double>(b.count) * 0.5 * static_cast<double>(b.low + b.high);
    }
    if (total == 0) return;
    for (const auto& [ending, q] : kQuantiles) {
      int64_t rank = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(q * static_cast<double>(total))), 1, total);
      for (const Bucket& b : buckets) {
        if (!counts(static_cast<size_t>(b.person))) continue;
        rank -= b.count;
        if (rank > 0) continue;
        put(name + "." + ending, 0.5 * static_cast<double>(b.low + b.high) * 1e-9);
        break;
      }
    }
    put(name + ".mean", sum / static_cast<double>(total) * 1e-9);
  }

  const Measured& m_;
  const int64_t end_;
  const std::string group_;
  std::vector<MetricValue>& out_;
};

}  // namespace

Result<std::vector<MetricValue>> compute_metrics(const std::string& path, Duration reached,
    const std::vector<std::string>& groups) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(opened, sqlite3_close);
  if (code != SQLITE_OK) return fail(path + ": cannot be opened: " + sqlite3_errmsg(opened));
  Measured measured;
  const int64_t end = std::max<int64_t>(1, reached.ns());
  if (!load_people(opened, end, measured) || !load_measurements(opened, measured) || !load_layer_values(opened, end, measured.layers))
    return fail(path + ": cannot be read: " + sqlite3_errmsg(opened));
  std::vector<MetricValue> out;
  Figures(measured, end, "", out).compute();
  for (const std::string& group : groups) Figures(measured, end, group, out).compute();
  if (!network_metrics(opened, end, groups, out)) return fail(path + ": cannot be read: " + sqlite3_errmsg(opened));
  return out;
}

std::string metric_name(const Expectation& e) { return e.group.empty() ? e.metric : e.metric + " in " + e.group; }

std::vector<ExpectationResult> evaluate(const std::vector<Expectation>& expectations, const std::vector<MetricValue>& metrics) {
  std::vector<ExpectationResult> out;
  for (const Expectation& e : expectations) {
    ExpectationResult result{e, std::nullopt, false};
    for (const MetricValue& metric : metrics)
      if (metric.name == metric_name(e)) result.value = metric.value;
    if (result.value) {
      const double v = *result.value;
      switch (e.compare) {
        case Expectation::Compare::less: result.holds = v < e.bound; break;
        case Expectation::Compare::less_equal: result.holds = v <= e.bound; break;
        case Expectation::Compare::greater: result.holds = v > e.bound; break;
        case Expectation::Compare::greater_equal: result.holds = v >= e.bound; break;
      }
    }
    out.push_back(std::move(result));
  }
  return out;
}

}  // namespace tacoma
