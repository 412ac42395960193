#include "tests/unit/analysis/fixture.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/assert.h"
#include "core/base/histogram.h"
#include "core/base/rng.h"

namespace tacoma::analysis {
namespace {

constexpr double kSecond = 1e9, kMillisecond = 1e6;

/// The schema is the one that docs/results.md shows.
std::string schema() {
  const std::string text = test::text_of("docs/results.md");
  const size_t from = text.find("```sql\n"), to = text.find("```", from + 7);
  TACOMA_ASSERT(from != std::string::npos && to != std::string::npos);
  return text.substr(from + 7, to - from - 7);
}

/// Collects INSERTs. Values are numbers, text in quotes, or NULL.
class Rows {
 public:
  template <typename... Values>
  void add(const char* table, const Values&... values) {
    std::ostringstream sql;
    sql.precision(17);
    const char* comma = "";
    sql << "INSERT INTO " << table << " VALUES(";
    ((sql << comma, put(sql, values), comma = ","), ...);
    sql << ");\n";
    text_ += sql.str();
  }
  const std::string& text() const { return text_; }

 private:
  static void put(std::ostream& out, double v) {
    out << (std::fabs(v) < 9e15 && v == std::floor(v) ? std::to_string(static_cast<int64_t>(v)) : std::to_string(v));
  }
  static void put(std::ostream& out, std::nullptr_t) { out << "NULL"; }
  static void put(std::ostream& out, const std::string& text) {
    out << '\'';
    for (char c : text) out << (c == '\'' ? "''" : std::string(1, c));
    out << '\'';
  }
  std::string text_;
};

/// One made-up run, person by person.
class Story {
 public:
  explicit Story(const Fixture& f) : f_(f), rng_(f.seed) {}
  std::string sql() {
    write_places();
    for (int i = 0; i < people(); ++i) write_person(i);
    write_bridge();
    if (f_.with_end) write_end();
    return rows_.text();
  }

 private:
  int people() const { return f_.rooms * f_.people_per_room; }
  bool far(int person) const { return person % f_.people_per_room >= f_.people_per_room * 3 / 4; }
  std::string group(int person) const {
    const int room = person / f_.people_per_room;
    const std::string prefix = room == 0 ? "" : "r" + std::to_string(room) + "/";
    return prefix + (far(person) ? f_.far_name : "standup/near");
  }
  double join_at(int person) const { return 0.5 + person % f_.people_per_room * 0.7; }
  bool collapsed(int person, int second) const {
    return far(person) && second >= f_.seconds / 2 && second < f_.seconds / 2 + f_.seconds / 6;
  }
  int host(int person) const { return person + 3; }

  void write_places() {
    for (const char* region : {"eu", "us"}) rows_.add("regions", std::string(region));
    rows_.add("region_delays", std::string("eu"), std::string("us"), 45 * kMillisecond);
    rows_.add("region_delays", std::string("us"), std::string("eu"), 45 * kMillisecond);
    rows_.add("hosts", 0., std::string("eu-1"), std::string("bridge"), std::string("eu"), std::string(""), 1e9, 1e9,
              1 * kMillisecond);
    rows_.add("hosts", 1., std::string("focus"), std::string("focus"), std::string("eu"), std::string(""), nullptr,
              nullptr, 0.);
    rows_.add("hosts", 2., std::string("xmpp"), std::string("router"), std::string("eu"), std::string(""), nullptr,
              nullptr, 0.);
    rows_.add("bridges", 0., std::string("eu-1"), std::string("eu"), 0.);
    for (int r = 0; r < f_.rooms; ++r)
      rows_.add("conferences", double(r), "room-" + std::to_string(r),
                "room-" + std::to_string(r) + "@conference.tacoma.test");
    rows_.add("events", f_.seconds / 2 * kSecond, std::string("link"), f_.far_name,
              std::string("down 400 kbps for 10 s"), 1.);
    rows_.add("events", (f_.seconds * 2 / 3.0 + 1) * kSecond, std::string("stall"), std::string("standup/near-2"),
              std::string("no media for 2 s"), 0.);
  }

  void write_person(int i) {
    const bool dsl = far(i);
    const std::string region = dsl ? "us" : "eu", access = dsl ? "dsl" : "cable",
                      name = group(i) + "-" + std::to_string(i + 1);
    const double up = dsl ? 1e6 : 10e6, down = dsl ? 8e6 : 50e6;
    rows_.add("hosts", double(host(i)), name, std::string("person"), region, access, up, down,
              (dsl ? 20 : 8) * kMillisecond);
    char endpoint[16];
    std::snprintf(endpoint, sizeof endpoint, "%08x", i + 0xa0);
    rows_.add("people", double(i), name, group(i), double(i / f_.people_per_room), double(host(i)), region, access,
              std::string(endpoint), 1., 1., join_at(i) * kSecond, nullptr, i < 2 ? 1. : 0., 0.);
    const double rtt = dsl ? 0.132 : 0.02;
    const char* steps[] = {"started", "conference_request", "muc", "jingle", "ice", "dtls", "first_audio", "first_video"};
    const double round_trips[] = {0, 4, 2, 1.2, 1, 2, 0.8, 1.5};
    double at = join_at(i);
    for (int s = 0; s < 8; ++s) {
      at += round_trips[s] * rtt * (0.9 + 0.2 * rng_.uniform()) + (s == 7 ? 0.03 : 0.002);
      rows_.add("join_steps", double(i), std::string(steps[s]), at * kSecond);
    }
    join_seconds_.push_back(at - join_at(i));
    for (int second = static_cast<int>(at) + 1; second < f_.seconds; ++second) write_second(i, second, down, up);
  }

  void write_second(int i, int second, double down, double up) {
    const double when = (second + 1) * kSecond - 1000.0 * i;
    const int room = i / f_.people_per_room * f_.people_per_room;
    const double squeeze = collapsed(i, second) ? f_.collapse_kbps * 1e3 / (f_.people_per_room - 1) / 640e3 : 1;
    const double share = std::min(1.0, squeeze), lost = 1 - share + (far(i) ? 0.005 : 0.0004);
    double bytes = 0;
    for (int from = room; from < room + f_.people_per_room; ++from) {
      if (from == i || join_at(from) > second) continue;
      const double base = f_.extra_delay_ms + (far(i) || far(from) ? 85 : 22) + (share < 1 ? 300 : 0),
                   delay = base * (1 + 0.1 * rng_.uniform()) * kMillisecond;
      const double video_packets = std::floor(70 * share + 5 * rng_.uniform()),
                   frames = std::floor(25 * (share < 1 ? share * share : 1));
      const double frozen = share < 1 ? std::min(1.0, 1.1 - share) * kSecond : 0;
      const double mos = std::clamp(4.35 - 8 * lost - base / 1000, 1.0, 4.5);
      rows_.add("received", when, double(i), double(from), std::string("audio"), std::floor(30 * share), 2500 * share,
                30., std::floor(30 * lost), 0., 2 * kMillisecond, delay, delay * 1.5, 0., 0., 0., 0., 0., 0., mos, 0., 0., 0., 1.,
                -1., 0., 0., 0., 0.);
      rows_.add("received", when, double(i), double(from), std::string("video"), video_packets, video_packets * 1050,
                video_packets / share, std::floor(video_packets / share * lost),
                std::floor(video_packets / share * std::min(lost, 0.1)), 4 * kMillisecond, delay, delay * 2, frames,
                frames, delay * 1.2, delay * 2.4, frozen > 0 ? 1. : 0., frozen, 0., share < 1 ? 180. : 360., share < 1 ? 1. : 0., 0.,
                share < 1 && from % 2 == 1 ? 0. : 1., from == room + 2 ? 0. : 360., share < 1 ? 2. : 4., 0., 0., frozen);
      bytes += video_packets * 1050 + 2500 * share;
      packets_ += video_packets + std::floor(30 * share);
      note_delay(i, delay, video_packets);
      frozen_[i] += frozen;
      watched_[i] += kSecond;
    }
    bytes_ += bytes;
    rows_.add("rates", when, double(i), 900e3, nullptr, share < 1 ? 400e3 : 3e6, -1., 360., 7., 6., 6., -1.);
    rows_.add("sent", when, double(i), std::string("audio"), 30., 2500., 0., 0., 0.);
    rows_.add("sent", when, double(i), std::string("video"), 72., 75000., share < 1 ? 6. : 1.,
              second % 11 == 0 ? 1. : 0., 25.);
    const double rate = collapsed(i, second + 1) ? f_.collapse_kbps * 1e3 : down;
    rows_.add("links", (second + 1) * kSecond, double(host(i)), std::string("down"), rate, 500 * share, bytes * 1.04,
              std::floor(500 * (1 - share)), far(i) ? 2. : 0., (share < 1 ? 290 : 1.5 * rng_.uniform()) * kMillisecond, 0.);
    rows_.add("links", (second + 1) * kSecond, double(host(i)), std::string("up"), up, 105., 80000., 0., 0.,
              (far(i) ? 14 : 1) * kMillisecond, 0.);
    if (i < 2 && second % 2 == 0)
      for (int frame = 0; frame < 5; ++frame)
        rows_.add("decoded", when - frame * 2e8, double(i), double((i + 1) % 2), second * 25. + frame,
                  34 + 3 * rng_.uniform());
  }

  void note_delay(int person, double delay, double packets) {
    for (int k = 0; k < 10; ++k) {
      const Duration d = Duration::nanoseconds(static_cast<int64_t>(delay * (0.9 + 0.25 * rng_.uniform())));
      audio_[person].add(d, 3);
      video_[person].add(d + Duration::milliseconds(1), static_cast<uint64_t>(packets / 10) + 1);
      frame_[person].add(d * 5 / 4, 2);
    }
  }

  void write_bridge() {
    for (int second = 1; second <= f_.seconds; ++second) {
      const double in = 102.0 * people() * second, out = in * (f_.people_per_room - 1);
      rows_.add("bridge_samples", second * kSecond, 0., double(std::min(people(), second * 2)), in, in * 760, out,
                out * 760, 3. * second, 5. * second, 2. * second, 1. * second, 1. * second);
    }
  }

  void write_delays(const std::map<int, Histogram>& all, const char* media, const char* unit) {
    for (const auto& [person, histogram] : all) {
      histogram.each([&, who = person](Duration low, Duration high, uint64_t count) {
        rows_.add("delays", double(who), std::string(media), std::string(unit), double(low.ns()), double(high.ns()),
                  double(count));
      });
    }
  }

  void write_end() {
    write_delays(audio_, "audio", "packet");
    write_delays(video_, "video", "packet");
    write_delays(frame_, "video", "frame");
    std::sort(join_seconds_.begin(), join_seconds_.end());
    std::vector<double> freezes;
    for (const auto& [person, frozen] : frozen_) freezes.push_back(watched_[person] > 0 ? frozen / watched_[person] : 0);
    std::sort(freezes.begin(), freezes.end());
    Histogram audio, video, frame;
    for (const auto& [person, h] : audio_) audio.merge(h);
    for (const auto& [person, h] : video_) video.merge(h);
    for (const auto& [person, h] : frame_) frame.merge(h);
    auto at = [](const std::vector<double>& sorted, double q) {
      return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
    };
    auto metric = [&](const std::string& name, double value, const char* unit) {
      rows_.add("metrics", name, value, std::string(unit));
    };
    metric("joined", 1, "ratio");
    const std::pair<const char*, double> quantiles[] = {{".p5", 0.05}, {".p50", 0.5}, {".p95", 0.95}, {".p99", 0.99}};
    for (const auto& [ending, q] : quantiles) {
      metric(std::string("join_time") + ending, at(join_seconds_, q), "s");
      metric(std::string("freeze_ratio") + ending, at(freezes, q), "ratio");
      metric(std::string("delay.audio") + ending, audio.quantile(q).to_seconds(), "s");
      metric(std::string("delay.video") + ending, video.quantile(q).to_seconds(), "s");
      metric(std::string("delay.frame") + ending, frame.quantile(q).to_seconds(), "s");
      metric(std::string("audio_mos") + ending, 3.2 + q * 1.1, "MOS");
    }
    metric("loss.video.mean", 0.021, "ratio");
    metric("loss_after.video.mean", 0.017, "ratio");
    metric("loss.audio.mean", 0.012, "ratio");
    metric("psnr.p50", 35.4, "dB");
    metric("throughput", bytes_ * 8 / f_.seconds, "bit/s");
    metric("packets", packets_, "1");
    const double p95 = at(join_seconds_, 0.95), freeze = at(freezes, 0.95);
    rows_.add("expectations", std::string("join_time.p95 < 2s"), std::string("join_time.p95"), 2., p95, p95 < 2 ? 1. : 0., std::string("s"));
    rows_.add("expectations", std::string("freeze_ratio.p95 < 2%"), std::string("freeze_ratio.p95"), 0.02, freeze,
              freeze < 0.02 ? 1. : 0., std::string("ratio"));
    rows_.add("expectations", std::string("audio_mos.p5 > 3.5"), std::string("audio_mos.p5"), 3.5, 3.255, 0., std::string("MOS"));
    rows_.add("expectations", std::string("psnr.p5 > 30"), std::string("psnr.p5"), 30., nullptr, 0., std::string("dB"));
    rows_.add("drops", std::string("eu-1"), std::string("waiting_for_key_frame"), 412.);
    rows_.add("drops", std::string("eu-1"), std::string("srtp_not_ready"), 7.);
    rows_.add("drops", std::string("standup/near-1"), std::string("rtp_duplicate"), 3.);
  }

  const Fixture& f_;
  Rng rng_;
  Rows rows_;
  std::vector<double> join_seconds_;
  std::map<int, double> frozen_, watched_;
  std::map<int, Histogram> audio_, video_, frame_;
  double bytes_ = 0, packets_ = 0;
};

}  // namespace

void run_sql(const std::filesystem::path& database, const std::string& sql) {
  sqlite3* handle = nullptr;
  TACOMA_ASSERT(sqlite3_open(database.c_str(), &handle) == SQLITE_OK);
  char* error = nullptr;
  if (sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &error) != SQLITE_OK) {
    std::fprintf(stderr, "%s\n", error);
    TACOMA_ASSERT(false);
  }
  sqlite3_close(handle);
}

void write_fixture(const std::filesystem::path& folder, const Fixture& f) {
  std::filesystem::create_directories(folder);
  std::filesystem::remove(folder / "run.sqlite");
  run_sql(folder / "run.sqlite", "PRAGMA journal_mode = WAL;\nBEGIN;\n" + schema() + Story(f).sql() + "COMMIT;");
  const nlohmann::json manifest = {
      {"format", f.format},
      {"scenario", f.scenario},
      {"about", "Eight people in two regions, two of them on DSL that collapses for ten seconds"},
      {"scenario_text", "scenario: quickstart\nduration: 60s\nseed: 1\n# made up for a test\n"},
      {"scenario_sha256", "00"},
      {"world", f.world},
      {"seed", f.seed},
      {"crypto", "real"},
      {"length_s", 60.0},
      {"reached_s", f.state == "running" ? 0.0 : double(f.seconds)},
      {"wall_s", 21.3},
      {"state", f.state},
      {"verdict", f.with_end ? "fail" : ""},
      {"exit_code", 99},
      {"digest", "3f9a0c51d2e87b64"},
      {"commit", "0123456789ab"},
      {"dirty", false},
      {"version", "0.1.0"},
      {"compiler", "GCC 12.2.0"},
      {"flags", "-O2 -g1"},
      {"build", "RelWithDebInfo"},
      {"machine", {{"cpu", "a processor"}, {"cores", 2}, {"kernel", "6.1"}}},
      {"started", "2026-11-22T10:00:00Z"},
      {"set", {"duration=60s"}},
      {"schedule", {{"timed", 1000}, {"late", 0}, {"late_max_ms", 0.4}}},
      {"conservation", {{"holds", true}, {"problems", nlohmann::json::array()}}}};
  std::ofstream(folder / "run.json") << manifest.dump(1);
}

}  // namespace tacoma::analysis
