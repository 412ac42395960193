#include "loadgen/plan/run_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "loadgen/plan/sha256.h"
#include "loadgen/plan/sqlite.h"
#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kSchema = R"(
CREATE TABLE hosts(id INTEGER PRIMARY KEY, name TEXT, kind TEXT, region TEXT, access TEXT, up_bps INTEGER, down_bps INTEGER, delay INTEGER);
CREATE TABLE regions(name TEXT PRIMARY KEY);
CREATE TABLE region_delays(a TEXT, b TEXT, one_way INTEGER);
CREATE TABLE bridges(id INTEGER PRIMARY KEY, name TEXT, region TEXT, host INTEGER);
CREATE TABLE conferences(id INTEGER PRIMARY KEY, name TEXT, room TEXT);
CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, grp TEXT, conference INTEGER, host INTEGER, region TEXT, access TEXT,
  endpoint TEXT, sends_audio INTEGER, sends_video INTEGER, joins INTEGER, leaves INTEGER, decodes INTEGER, encrypted INTEGER);
CREATE TABLE guests(id INTEGER PRIMARY KEY, conference INTEGER, endpoint TEXT);
CREATE TABLE talks(person INTEGER, start INTEGER, stop INTEGER);
CREATE TABLE join_steps(person INTEGER, step TEXT, at INTEGER);
CREATE TABLE received(at INTEGER, person INTEGER, sender INTEGER, media TEXT, packets INTEGER, bytes INTEGER, expected INTEGER,
  lost INTEGER, repaired INTEGER, jitter INTEGER, delay_p50 INTEGER, delay_max INTEGER, frames_complete INTEGER,
  frames_rendered INTEGER, frame_delay_p50 INTEGER, frame_delay_max INTEGER, freezes INTEGER, frozen INTEGER, mos REAL,
  height INTEGER, switches INTEGER, late_frames INTEGER, forwarded INTEGER, wanted_height INTEGER, quality REAL,
  by_red INTEGER, by_fec REAL, longest_freeze INTEGER);
CREATE TABLE sent(at INTEGER, person INTEGER, media TEXT, packets INTEGER, bytes INTEGER, retransmitted INTEGER,
  key_frames INTEGER, frames INTEGER);
CREATE TABLE rates(at INTEGER, person INTEGER, target INTEGER, remb INTEGER, estimate INTEGER, max_height INTEGER, sent_height INTEGER,
  sources INTEGER, wanted INTEGER, forwarded INTEGER, last_n INTEGER);
CREATE TABLE decoded(at INTEGER, person INTEGER, sender INTEGER, frame INTEGER, psnr_db REAL);
CREATE TABLE bridge_samples(at INTEGER, bridge INTEGER, endpoints INTEGER, packets_in INTEGER, bytes_in INTEGER, packets_out INTEGER,
  bytes_out INTEGER, retransmitted INTEGER, nacks_in INTEGER, nacks_out INTEGER, plis_in INTEGER, plis_out INTEGER);
CREATE TABLE links(at INTEGER, host INTEGER, direction TEXT, rate INTEGER, packets INTEGER, bytes INTEGER, queue_drops INTEGER,
  loss_drops INTEGER, queue_max INTEGER, marked INTEGER);
CREATE TABLE fair(conference INTEGER, at INTEGER, rate INTEGER);
CREATE TABLE flows(id INTEGER PRIMARY KEY, name TEXT, grp TEXT, kind TEXT, source INTEGER, target INTEGER, start INTEGER, stop INTEGER);
CREATE TABLE flow_samples(at INTEGER, flow INTEGER, bytes INTEGER, packets INTEGER, retransmitted INTEGER);
CREATE TABLE delays(person INTEGER, media TEXT, unit TEXT, low INTEGER, high INTEGER, count INTEGER);
CREATE TABLE drops(subject TEXT, reason TEXT, count INTEGER);
CREATE TABLE events(at INTEGER, kind TEXT, subject TEXT, text TEXT, planned INTEGER);
CREATE TABLE metrics(name TEXT PRIMARY KEY, value REAL, unit TEXT);
CREATE TABLE expectations(text TEXT, metric TEXT, bound REAL, value REAL, holds INTEGER, unit TEXT);
)";

enum Row { kJoinStep, kReceived, kSent, kRates, kDecoded, kBridge, kEvent, kDelay, kDrop, kLink, kFlow, kGuest, kRows };
constexpr const char* kInserts[kRows] = {
    "INSERT INTO join_steps VALUES(?,?,?)",
    "INSERT INTO received VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO sent VALUES(?,?,?,?,?,?,?,?)",
    "INSERT INTO rates VALUES(?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO decoded VALUES(?,?,?,?,?)",
    "INSERT INTO bridge_samples VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO events VALUES(?,?,?,?,0)",
    "INSERT INTO delays VALUES(?,?,?,?,?,?)",
    "INSERT INTO drops VALUES(?,?,?)",
    "INSERT INTO links VALUES(?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO flow_samples VALUES(?,?,?,?,?)",
    "INSERT INTO guests VALUES(?,?,?)",
};

/// What an earlier run leaves behind, and no other file.
constexpr const char* kOwnFiles[] = {"run.json", "run.json.new", "run.sqlite", "run.sqlite-wal", "run.sqlite-shm", "run.pcap",
    "report.html"};

std::optional<int64_t> limit(DataRate rate) { return rate.is_infinite() ? std::nullopt : std::optional<int64_t>(rate.bps()); }

/// Writes a whole file beside its place, syncs it and moves it there: a reader sees the old or the new one. What lies beside the
/// place already (the reserve) is overwritten, not made anew, so that its blocks serve when the disk is full.
Result<void> replace_file(const std::string& path, const std::string& text) {
  const std::string beside = path + ".new";
  std::FILE* file = std::fopen(beside.c_str(), "r+b");
  if (!file) file = std::fopen(beside.c_str(), "wb");
  if (!file) return fail(path + ": cannot be written: " + std::strerror(errno));
  bool ok = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0 &&
            ::ftruncate(::fileno(file), static_cast<off_t>(text.size())) == 0 && ::fsync(::fileno(file)) == 0;
  int error = errno;
  if (std::fclose(file) != 0 && ok) { ok = false; error = errno; }
  if (ok && std::rename(beside.c_str(), path.c_str()) != 0) { ok = false; error = errno; }
  if (ok) return {};
  std::remove(beside.c_str());
  return fail(path + ": cannot be written: " + std::strerror(error));
}

/// Makes the folder ready: new, empty, or an earlier run's with that run removed.
Result<void> prepare_folder(const std::string& path) {
  std::error_code code;
  if (fs::exists(path, code)) {
    if (!fs::is_directory(path, code)) return fail(path + " exists and is no folder; choose another --out");
    if (!fs::is_empty(path, code) && !fs::exists(path + "/run.json", code))
      return fail(path + " exists and is no run folder (there is no run.json in it); choose another --out");
    for (const char* name : kOwnFiles) {
      fs::remove(path + "/" + name, code);
      if (code) return fail(path + "/" + name + ": cannot be replaced: " + code.message());
    }
    return {};
  }
  fs::create_directories(path, code);
  if (code) return fail(path + ": cannot be made: " + code.message());
  return {};
}

}  // namespace

class RunFolder::Store {
 public:
  Store(std::string path, const Plan& plan, const RunManifest& manifest) : path_(std::move(path)),
      expectations_(plan.expectations), first_guest_(static_cast<uint32_t>(plan.people.size())) {
    json_ = {{"format", 1},
             {"scenario", plan.scenario},
             {"about", plan.about},
             {"scenario_text", manifest.scenario_text},
             {"scenario_sha256", sha256_hex(manifest.scenario_text)},
             {"world", manifest.world},
             {"deployment", plan.deployment ? Json(plan.deployment->url) : Json(nullptr)},
             {"seed", plan.seed},
             {"crypto", plan.crypto == Crypto::real ? "real" : "null"},
             {"length_s", plan.length.to_seconds()},
             {"sample_every_s", plan.sample_every.to_seconds()},
             {"reached_s", 0.0},
             {"wall_s", 0.0},
             {"state", "running"},
             {"verdict", nullptr},
             {"exit_code", nullptr},
             {"digest", ""},
             {"commit", manifest.commit},
             {"dirty", manifest.dirty},
             {"version", manifest.version},
             {"compiler", manifest.compiler},
             {"flags", manifest.flags},
             {"build", manifest.build},
             {"machine", {{"cpu", manifest.cpu}, {"cores", manifest.cores}, {"kernel", manifest.kernel}}},
             {"started", manifest.started},
             {"set", manifest.sets},
             {"schedule", {{"timed", 0}, {"late", 0}, {"late_max_ms", 0.0}}},
             {"conservation", {{"holds", nullptr}, {"problems", Json::array()}}}};
  }
  ~Store() {
    {
      const std::lock_guard<std::mutex> hold(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (committer_.joinable()) committer_.join();
    commit_now();
    for (auto& statement : inserts_) statement.reset();
    sqlite3_close(db_);
    if (db_ && !finished_) {  // the run ended before it began, or by an error
      json_["state"] = "interrupted";
      json_["exit_code"] = 1;
      const Result<void> written = write_json();
      static_cast<void>(written);  // nobody is left to be told
    }
  }

  Result<void> open(const Plan& plan) {
    if (Result<void> ready = prepare_folder(path_); !ready) return ready;
    if (Result<void> written = write_json(); !written) return written;
    if (Result<void> reserved = reserve_json(); !reserved) return reserved;
    const std::string file = path_ + "/run.sqlite";
    if (sqlite3_open_v2(file.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK)
      return fail(file + ": cannot be made: " + sqlite3_errmsg(db_));
    // A killed process loses nothing that was committed; a power cut may lose the last commits, never the order.
    if (!execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; BEGIN;") || !execute(kSchema)) return failure();
    write_plan(plan);
    if (problem_.empty() && !execute("COMMIT")) note_failure();
    if (!problem_.empty()) return fail(problem_);
    for (int i = 0; i < kRows; ++i) {
      inserts_[static_cast<size_t>(i)] = std::make_unique<Statement>(db_, kInserts[i]);
      if (!inserts_[static_cast<size_t>(i)]->ok()) return failure();
    }
    committer_ = std::thread([this] { commit_every_second(); });
    return {};
  }

  template <typename... Values>
  void insert(Row row, const Values&... values) {
    const std::lock_guard<std::mutex> hold(mutex_);
    insert_held(row, values...);
  }
  template <typename Fill>
  void insert_many(Fill fill) {
    const std::lock_guard<std::mutex> hold(mutex_);
    fill([this](Row row, const auto&... values) { this->insert_held(row, values...); });
  }

  std::optional<uint32_t> guest(uint32_t conference, std::string_view endpoint) {
    const std::lock_guard<std::mutex> hold(mutex_);
    const std::pair<uint32_t, std::string> who{conference, endpoint};
    if (const auto known = guests_.find(who); known != guests_.end()) return known->second;
    if (guests_.size() >= kMaxGuests) return std::nullopt;
    const uint32_t id = first_guest_ + static_cast<uint32_t>(guests_.size());
    guests_[who] = id;
    insert_held(kGuest, id, conference, endpoint);
    return id;
  }

  std::string problem() const {
    const std::lock_guard<std::mutex> hold(mutex_);
    return problem_;
  }
  Result<void> commit() {
    const std::lock_guard<std::mutex> hold(mutex_);
    commit_now();
    if (!problem_.empty()) return fail(problem_);
    return {};
  }
  void limit_pages(uint32_t pages) {
    const std::lock_guard<std::mutex> hold(mutex_);
    commit_now();
    execute(("PRAGMA max_page_count=" + std::to_string(pages)).c_str());
  }
  const std::string& path() const { return path_; }

  Result<RunSummary> finish(const RunEnd& end) {
    const Result<void> committed = commit();
    RunSummary summary;
    std::vector<std::string> groups;
    for (const Expectation& e : expectations_)
      if (!e.group.empty() && std::find(groups.begin(), groups.end(), e.group) == groups.end()) groups.push_back(e.group);
    Result<std::vector<MetricValue>> metrics = compute_metrics(path_ + "/run.sqlite", end.reached, groups);
    if (!metrics) return fail(metrics.error());
    summary.metrics = *std::move(metrics);
    summary.expectations = evaluate(expectations_, summary.metrics);
    const std::lock_guard<std::mutex> hold(mutex_);
    finished_ = true;
    judge(end, summary);
    if (problem_.empty()) write_results(summary);
    else summary.exit_code = 1;
    fill_json(end, summary);
    const Result<void> written = write_json();
    if (!problem_.empty()) return fail(problem_);
    if (!written) return fail(written.error());
    return summary;
  }

  void fail_after_all() {
    const std::lock_guard<std::mutex> hold(mutex_);
    if (!finished_) return;  // the destructor tells
    json_["exit_code"] = 1;
    const Result<void> written = write_json();
    static_cast<void>(written);  // the caller is telling a failure already
  }

 private:
  bool execute(const char* sql) { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }
  void note_failure() {
    if (!problem_.empty()) return;
    const int code = sqlite3_errcode(db_);
    problem_ = path_ + "/run.sqlite: " + (code == SQLITE_FULL ? "the disk is full" : std::string("cannot be written: ") +
        sqlite3_errmsg(db_)) +
               "; what was recorded before is intact";
  }
  Result<void> failure() {
    note_failure();
    return fail(problem_);
  }

  template <typename... Values>
  void insert_held(Row row, const Values&... values) {
    if (!problem_.empty()) return;
    if (sqlite3_get_autocommit(db_) != 0 && !execute("BEGIN")) return note_failure();
    if (inserts_[row]->bind(values...).run() == SQLITE_OK) return;
    note_failure();
    commit_open();  // the rows before this one; nothing follows
  }
  /// Ends the open transaction, if there is one: by commit if that works, else undone (SQLite does so itself on a full disk).
  void commit_open() {
    if (sqlite3_get_autocommit(db_) != 0 || execute("COMMIT")) return;
    note_failure();
    if (sqlite3_get_autocommit(db_) == 0) execute("ROLLBACK");
  }
  void commit_now() {
    if (db_) commit_open();
  }
  void commit_every_second() {
    std::unique_lock<std::mutex> hold(mutex_);
    while (!stopping_) {
      wake_.wait_for(hold, std::chrono::seconds(1));
      commit_now();
    }
  }

  template <typename... Values>
  void write_row(Statement& statement, const Values&... values) {
    if (problem_.empty() && statement.bind(values...).run() != SQLITE_OK) note_failure();
  }

  void write_plan(const Plan& plan) {
    const NetworkPlan& network = plan.network;
    std::vector<std::pair<const char*, std::string>> kinds(network.hosts.size(), {"", ""});
    if (!plan.deployment) {
      kinds[plan.router_host.value()].first = "router";
      kinds[plan.focus_host.value()].first = "focus";
    }
    for (const BridgePlan& bridge : plan.bridges) kinds[bridge.host.value()].first = "bridge";
    for (const PersonPlan& person : plan.people) kinds[person.host.value()] = {"person", person.access};
    for (const FlowPlan& flow : network.flows) kinds[flow.from.value()].first = kinds[flow.to.value()].first = "traffic";
    Statement hosts(db_, "INSERT INTO hosts VALUES(?,?,?,?,?,?,?,?)");
    for (size_t i = 0; i < network.hosts.size(); ++i) {
      const HostPlan& host = network.hosts[i];
      write_row(hosts, uint64_t{i}, host.name, kinds[i].first, network.regions[host.region],
                kinds[i].second.empty() ? std::nullopt : std::optional<std::string>(kinds[i].second), limit(host.up.rate),
                    limit(host.down.rate), host.up.delay);
    }
    for (size_t i = 0; i < network.sites.size(); ++i) {
      const SitePlan& site = network.sites[i];
      write_row(hosts, uint64_t{network.site_id(i).value()}, site.name, "site", network.regions[site.region], std::optional<std::string>(), limit(site.up.rate),
                limit(site.down.rate), site.up.delay);
    }
    Statement regions(db_, "INSERT INTO regions VALUES(?)"), region_delays(db_, "INSERT INTO region_delays VALUES(?,?,?)");
    for (size_t i = 0; i < network.regions.size(); ++i) {
      write_row(regions, network.regions[i]);
      for (size_t j = 0; j < network.regions.size(); ++j)
        if (i != j) write_row(region_delays, network.regions[i], network.regions[j], network.one_way[i][j]);
    }
    Statement bridges(db_, "INSERT INTO bridges VALUES(?,?,?,?)"), conferences(db_, "INSERT INTO conferences VALUES(?,?,?)");
    for (size_t i = 0; i < plan.bridges.size(); ++i) write_row(bridges, uint64_t{i}, plan.bridges[i].name,
        plan.bridges[i].region, plan.bridges[i].host.value());
    for (size_t i = 0; i < plan.conferences.size(); ++i) write_row(conferences, uint64_t{i}, plan.conferences[i].name,
        plan.conferences[i].room);
    Statement people(db_, "INSERT INTO people VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"), talks(db_, "INSERT INTO talks VALUES(?,?,?)");
    for (size_t i = 0; i < plan.people.size(); ++i) {
      const PersonPlan& p = plan.people[i];
      write_row(people, uint64_t{i}, p.name, p.group, p.conference, p.host.value(), p.region, p.access, p.endpoint_id,
          p.sends_audio, p.sends_video, p.joins,
                p.leaves, p.decodes, p.key != PersonPlan::kNoKey);
      for (const Utterance& talk : p.talks) write_row(talks, uint64_t{i}, talk.from, talk.to);
    }
    Statement fair(db_, "INSERT INTO fair VALUES(?,?,?)"), flows(db_, "INSERT INTO flows VALUES(?,?,?,?,?,?,?,?)");
    for (size_t i = 0; i < plan.conferences.size(); ++i)
      for (const FairShare& share : plan.conferences[i].fair) write_row(fair, uint64_t{i}, share.at, share.rate.bps());
    for (size_t i = 0; i < network.flows.size(); ++i) {
      const FlowPlan& flow = network.flows[i];
      write_row(flows, uint64_t{i}, flow.name, flow.group, flow.kind == FlowPlan::Kind::udp ? "udp" : "tcp", flow.from.value(), flow.to.value(),
          flow.start, flow.stop);
    }
    Statement events(db_, "INSERT INTO events VALUES(?,?,?,?,1)");
    for (const PlannedEvent& event : plan.events) write_row(events, event.at, event.kind, event.subject, event.text);
  }

  void write_results(const RunSummary& summary) {
    if (!execute("BEGIN")) return note_failure();
    Statement metrics(db_, "INSERT INTO metrics VALUES(?,?,?)"), expectations(db_, "INSERT INTO expectations VALUES(?,?,?,?,?,?)");
    for (const MetricValue& metric : summary.metrics) write_row(metrics, metric.name, metric.value, metric.unit);
    for (const ExpectationResult& result : summary.expectations) {
      const MetricKind* kind = find_metric(result.expectation.metric);
      write_row(expectations, result.expectation.text, metric_name(result.expectation), result.expectation.bound, result.value,
          result.holds, kind ? std::string_view(kind->unit) : std::string_view("1"));
    }
    commit_open();
  }

  void judge(const RunEnd& end, RunSummary& summary) const {
    bool all_hold = true;
    for (const ExpectationResult& result : summary.expectations) all_hold = all_hold && result.holds;
    summary.verdict = summary.expectations.empty() ? Verdict::none : all_hold ? Verdict::pass : Verdict::fail;
    summary.exit_code = all_hold ? 0 : 99;
    if (!end.kept_schedule) {
      summary.verdict = Verdict::no_verdict;
      summary.exit_code = 98;
    }
    // A bridge that loses count of packets has measured nothing that could be judged.
    if (end.interrupted || !end.conservation_problems.empty()) {
      summary.verdict = Verdict::no_verdict;
      summary.exit_code = 1;
    }
  }

  void fill_json(const RunEnd& end, const RunSummary& summary) {
    constexpr const char* kVerdicts[] = {"pass", "fail", "none", "no-verdict"};
    json_["reached_s"] = end.reached.to_seconds();
    json_["wall_s"] = end.wall_seconds;
    json_["state"] = end.interrupted || !problem_.empty() ? "interrupted" : "complete";
    json_["verdict"] = kVerdicts[static_cast<size_t>(problem_.empty() ? summary.verdict : Verdict::no_verdict)];
    json_["exit_code"] = summary.exit_code;
    json_["digest"] = end.digest;
    json_["schedule"] = {{"timed", end.timed}, {"late", end.late}, {"late_max_ms", end.late_max.to_ms()}};
    json_["conservation"] = {{"holds", end.audited ? Json(end.conservation_problems.empty()) : Json(nullptr)}, {"problems", end.conservation_problems}};
  }

  /// The end of a run must be told even when the disk is full by then: room for it is taken at the start.
  Result<void> reserve_json() {
    constexpr size_t kMargin = 16 * 1024;
    const std::string room(json_text().size() + kMargin, ' ');
    std::FILE* file = std::fopen((path_ + "/run.json.new").c_str(), "wb");
    const bool ok = file && std::fwrite(room.data(), 1, room.size(), file) == room.size() && std::fflush(file) == 0;
    const int error = errno;
    if (file) std::fclose(file);
    if (ok) return {};
    return fail(path_ + "/run.json: cannot be written: " + std::strerror(error));
  }
  std::string json_text() const {
    // A scenario may hold bytes that are not UTF-8: they become replacement characters, not an exception.
    return json_.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  Result<void> write_json() {
    return replace_file(path_ + "/run.json", json_text());
  }

  const std::string path_;
  const std::vector<Expectation> expectations_;
  Json json_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, finished_ = false;
  std::string problem_;
  const uint32_t first_guest_;
  std::map<std::pair<uint32_t, std::string>, uint32_t> guests_;  // by conference and endpoint
  sqlite3* db_ = nullptr;
  std::array<std::unique_ptr<Statement>, kRows> inserts_;
  std::thread committer_;
};

RunFolder::RunFolder(std::unique_ptr<Store> store) : store_(std::move(store)) {}
RunFolder::~RunFolder() = default;

Result<std::unique_ptr<RunFolder>> RunFolder::create(const std::string& path, const Plan& plan, const RunManifest& manifest) {
  auto store = std::make_unique<Store>(path, plan, manifest);
  if (Result<void> opened = store->open(plan); !opened) return fail(opened.error());
  return std::unique_ptr<RunFolder>(new RunFolder(std::move(store)));
}

std::optional<uint32_t> RunFolder::guest(uint32_t conference, std::string_view endpoint_id) { return store_->guest(conference, endpoint_id); }

void RunFolder::join_step(uint32_t person, JoinStep step, Instant at) { store_->insert(kJoinStep, person, name_of(step), at); }

void RunFolder::received(Instant at, const ReceiveSample& s) {
  store_->insert(kReceived, at, s.person, s.from, name_of(s.media), s.packets, s.bytes, s.expected, s.lost, s.repaired, s.jitter,
      s.delay_p50, s.delay_max,
                 s.frames_complete, s.frames_rendered, s.frame_delay_p50, s.frame_delay_max, s.freezes, s.frozen, s.mos,
                 s.height, s.switches, s.late_frames, s.forwarded ? 1 : 0, s.wanted_height, s.quality, s.by_red, s.by_fec, s.longest_freeze);
}

void RunFolder::sent(Instant at, const SendSample& s) {
  store_->insert(kSent, at, s.person, name_of(s.media), s.packets, s.bytes, s.retransmitted, s.key_frames, s.frames);
}

void RunFolder::rates(Instant at, const RateSample& s) {
  store_->insert(kRates, at, s.person, limit(s.target), limit(s.remb), limit(s.estimate.value_or(DataRate::infinite())), s.max_height,
                 s.sent_height, s.sources, s.wanted, s.forwarded, s.last_n);
}

void RunFolder::decoded(Instant at, const DecodedFrame& f) { store_->insert(kDecoded, at, f.person, f.from, f.frame, f.psnr_db); }

void RunFolder::bridge(Instant at, const BridgeSample& s) {
  store_->insert(kBridge, at, s.bridge, s.endpoints, s.packets_in, s.bytes_in, s.packets_out, s.bytes_out, s.retransmitted,
      s.nacks_in, s.nacks_out,
                 s.plis_in, s.plis_out);
}

void RunFolder::event(Instant at, std::string_view kind, std::string_view subject, std::string_view text) {
  store_->insert(kEvent, at, kind, subject, text);
}

void RunFolder::delays(uint32_t person, Media media, bool frames, const Histogram& histogram) {
  store_->insert_many([&](auto insert) {
    histogram.each([&](Duration low, Duration high, uint64_t count) { insert(kDelay, person, name_of(media), frames ? "frame" :
        "packet", low, high, count); });
  });
}

void RunFolder::drops(std::string_view subject, const DropCounts& counts) {
  store_->insert_many([&](auto insert) { counts.each([&](Drop drop,
      uint64_t count) { insert(kDrop, subject, name_of(drop), count); }); });
}

void RunFolder::links(Instant at, const std::vector<LinkSample>& samples) {
  store_->insert_many([&](auto insert) {
    for (const LinkSample& s : samples)
      insert(kLink, at, s.host.value(), s.is_up ? "up" : "down", limit(s.rate), s.packets, s.bytes, s.queue_drops, s.loss_drops,
          s.queue_max, s.marked);
  });
}

void RunFolder::flows(Instant at, const std::vector<FlowSample>& samples) {
  store_->insert_many([&](auto insert) {
    for (const FlowSample& s : samples) insert(kFlow, at, s.flow, s.bytes, s.packets, s.retransmitted);
  });
}

std::string RunFolder::problem() const { return store_->problem(); }
Result<void> RunFolder::commit() { return store_->commit(); }
Result<RunSummary> RunFolder::finish(const RunEnd& end) { return store_->finish(end); }
const std::string& RunFolder::path() const { return store_->path(); }
void RunFolder::fail_after_all() { store_->fail_after_all(); }
void RunFolder::limit_pages(uint32_t pages) { store_->limit_pages(pages); }

}  // namespace tacoma
