#include "loadgen/app/run.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include <sys/utsname.h>

#include "analysis/report/report.h"
#include "loadgen/app/build_info.h"
#include "loadgen/app/cast.h"
#include "loadgen/app/progress.h"
#include "loadgen/app/taps.h"
#include "loadgen/media/file_clip_store.h"
#include "loadgen/plan/draw_plan.h"
#include "loadgen/plan/run_folder.h"
#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

/// The share of timed sends that may be late by over 5 ms before a run in real time has no verdict.
constexpr double kMostLate = 0.001;
/// Between two looks at Ctrl-C and the disk.
constexpr Duration kLongestStep = Duration::milliseconds(500);

volatile std::sig_atomic_t interrupted = 0;

/// While it exists, the first Ctrl-C (or SIGTERM) asks for a clean end; the second one kills as ever.
class InterruptScope {
 public:
  InterruptScope() {
    interrupted = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
  }
  ~InterruptScope() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  struct sigaction old_int_ = {}, old_term_ = {};
};

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  return "unknown";
}

/// Results travel: passwords of rooms and of encryption stay out of them.
std::string without_passwords(const Scenario& scenario, std::string text) {
  std::set<std::string, std::greater<>> passwords;  // one that another begins with comes after it
  if (scenario.deployment) passwords.insert(scenario.deployment->password);
  for (const ConferenceSpec& conference : scenario.conferences) {
    passwords.insert(conference.password);
    for (const GroupSpec& group : conference.people) passwords.insert(group.password.value_or(""));
  }
  passwords.erase("");
  for (const std::string& password : passwords)
    for (size_t at = 0; (at = text.find(password, at)) != std::string::npos; at += 1) text.replace(at, password.size(), "*");
  return text;
}

RunManifest make_manifest(const RunRequest& request, const WorldFactory& world) {
  const BuildInfo& build = build_info();
  RunManifest m;
  m.scenario_text = without_passwords(request.scenario, request.scenario.text);
  m.world = world.name;
  for (const std::string& set : request.sets) m.sets.push_back(without_passwords(request.scenario, set));
  m.commit = build.commit;
  m.dirty = build.dirty;
  m.version = build.version;
  m.compiler = build.compiler;
  m.flags = build.flags;
  m.build = build.build;
  m.cpu = cpu_name();
  m.cores = std::max(1u, std::thread::hardware_concurrency());
  utsname system = {};
  if (::uname(&system) == 0) m.kernel = std::string(system.sysname) + " " + system.release;
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  m.started = text;
  return m;
}

std::string cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && cache[0] == '/') return std::string(cache) + "/tacoma";
  const char* home = std::getenv("HOME");
  return home && home[0] == '/' ? std::string(home) + "/.cache/tacoma" : "";
}

/// One run, from the folder to the summary.
class Run {
 public:
  Run(const RunRequest& request, const WorldFactory& factory)
      : request_(request), factory_(factory), plan_(draw_plan(request.scenario)), progress_(request.quiet),
        path_(request.out.empty() ? "out/" + plan_.scenario + "/" + factory.name : request.out) {}

  int go() {
    const InterruptScope scope;
    for (Result<void> (Run::*step)() : {&Run::open_folder, &Run::prepare_clips, &Run::open_taps, &Run::raise_world, &Run::play,
        &Run::end, &Run::report}) {
      const Result<void> done = (this->*step)();
      if (done) continue;
      progress_.note("tacoma: " + done.error());
      if (folder_) folder_->fail_after_all();
      return 1;
    }
    return summary_.exit_code;
  }

 private:
  Result<void> open_folder() {
    Result<std::unique_ptr<RunFolder>> folder = RunFolder::create(path_, plan_, make_manifest(request_, factory_));
    if (!folder) return fail(folder.error());
    folder_ = *std::move(folder);
    results_ = std::make_unique<TallySink>(*folder_, plan_.people.size());
    return {};
  }

  Result<void> prepare_clips() {
    const std::string cache = cache_folder();
    FileClipStore store(cache);
    ClipLibraryOptions options;
    if (!cache.empty()) options.store = &store;
    options.progress = [this](const ClipProgress& p) {
      if (p.from_cache) return;
      if (p.done < 1) progress_.fleeting("encoding " + p.what + ": " + std::to_string(static_cast<int>(p.done * 100)) + " %");
      else progress_.passing("encoded " + p.what);
    };
    options.note = [this](const std::string& note) { progress_.note(note); };
    ClipLibrary library(std::move(options));
    Result<Clips> clips = load_clips(plan_, library, [] { return interrupted != 0; });
    if (!clips) return fail(clips.error());
    clips_ = *std::move(clips);
    return {};
  }

  Result<void> open_taps() {
    if (factory_.is_virtual) taps_.add(&digest_);
    if (!request_.pcap) return {};
    Result<std::unique_ptr<PcapTap>> pcap = PcapTap::create(path_ + "/run.pcap");
    if (!pcap) return fail(pcap.error());
    pcap_ = *std::move(pcap);
    taps_.add(pcap_.get());
    return {};
  }

  Result<void> raise_world() {
    if (interrupted) return {};  // while clips were made: there are not all, and the end tells
    WorldOptions options;
    options.realtime = request_.realtime;
    if (!taps_.empty()) options.tap = &taps_;
    Result<std::unique_ptr<World>> world = factory_.make(plan_, options);
    if (!world) return fail(world.error());
    world_ = *std::move(world);
    cast_ = std::make_unique<Cast>(plan_, clips_, *world_, *results_);
    return {};
  }

  Result<void> play() {
    if (!world_) return {};
    const auto wall_start = std::chrono::steady_clock::now();
    const Instant end = Instant::at(plan_.length);
    Instant next_sample = Instant::at(std::min(plan_.sample_every, plan_.length));
    size_t next_change = 0;
    Instant now;
    while (now < end && !interrupted) {
      Instant until = std::min({now + kLongestStep, next_sample, end});
      if (next_change < plan_.process_changes.size()) until = std::min(until, std::max(now, plan_.process_changes[next_change].at));
      world_->run_until(until);
      now = until;
      while (next_change < plan_.process_changes.size() &&
          plan_.process_changes[next_change].at <= now) cast_->apply(plan_.process_changes[next_change++]);
      if (now == next_sample) {
        sample(now);
        next_sample = std::min(next_sample + plan_.sample_every, end);
      }
      end_.reached = now.since_start();
      end_.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_start).count();
      progress_.show({end_.reached, plan_.length, end_.wall_seconds, results_->joined(),
          static_cast<uint32_t>(plan_.people.size()), results_->packets()});
      if (!folder_->problem().empty()) break;  // said by the end, which keeps what can be kept
    }
    return {};
  }

  void sample(Instant now) {
    links_.clear();
    world_->sample_links(links_);
    folder_->links(now, links_);
    if (!plan_.network.flows.empty()) folder_->flows(now, cast_->sample_flows());
    cast_->sample(now);
  }

  Result<void> end() {
    progress_.clear();
    end_.interrupted = interrupted && end_.reached < plan_.length;
    const WorldStats stats = world_ ? world_->stats() : WorldStats();  // before the end's own work can make anything late
    if (world_) {
      cast_->finish();
      world_.reset();
      end_.conservation_problems = cast_->conservation_problems();
    }
    end_.audited = !plan_.deployment;
    end_.timed = stats.timed;
    end_.late = stats.late;
    end_.late_max = stats.late_max;
    end_.kept_schedule = factory_.is_virtual || static_cast<double>(stats.late) <= kMostLate * static_cast<double>(stats.timed);
    if (factory_.is_virtual) end_.digest = digest_.result();
    const Result<void> captured = pcap_ ? pcap_->close() : Result<void>();
    Result<RunSummary> summary = folder_->finish(end_);
    if (!summary) return fail(summary.error());
    summary_ = *std::move(summary);
    print_summary();
    return captured;
  }

  Result<void> report() {
    if (!request_.report) return {};
    Result<analysis::Run> run = analysis::load_run(path_);
    if (!run) return fail(run.error());
    std::vector<analysis::Run> runs;
    runs.push_back(*std::move(run));
    const std::string page = path_ + "/report.html";
    if (const Result<void> written = analysis::write_report(runs, page); !written) return written;
    std::printf("  report in %s\n", page.c_str());
    return {};
  }

  // --- Summary ---

  std::string figure(const char* name) const {
    for (const MetricValue& m : summary_.metrics)
      if (m.name == name) return format_value(m.value, m.unit);
    return "-";
  }

  void print_summary() const {
    constexpr const char* kVerdicts[] = {"PASS", "FAIL", "no expectations", "NO VERDICT"};
    std::printf("%s in the %s world: %s (%s of %s in %.1f s)\n", plan_.scenario.c_str(), factory_.name.c_str(),
        kVerdicts[static_cast<size_t>(summary_.verdict)],
                to_text(end_.reached).c_str(), to_text(plan_.length).c_str(), end_.wall_seconds);
    if (plan_.deployment)
      std::printf("  at %s: its bridges are not the run's, so there are no figures of them and no audit\n", plan_.deployment->url.c_str());
    if (end_.interrupted)
      std::printf("  interrupted after %s: the result is partial, so there is no verdict\n", to_text(end_.reached).c_str());
    if (!end_.kept_schedule)
      std::printf("  this machine did not keep the schedule: %s of %s timed sends were over 5 ms late (worst %.1f ms), so there is no verdict\n",
                  with_commas(end_.late).c_str(), with_commas(end_.timed).c_str(), end_.late_max.to_ms());
    for (const std::string& problem : end_.conservation_problems) std::printf("  conservation does not hold: %s\n",
        problem.c_str());
    for (const ExpectationResult& result : summary_.expectations) {
      const MetricKind* kind = find_metric(result.expectation.metric);
      std::printf("  %s  %-44s %s\n", result.holds ? "holds" : "FAILS", result.expectation.text.c_str(),
                  result.value && kind ? format_value(*result.value, kind->unit).c_str() : "not measured");
    }
    std::printf("  joined %s (p95 %s) | delay p50 audio %s, video %s | loss video %s, after repair %s\n",
        figure("joined").c_str(), figure("join_time.p95").c_str(),
                figure("delay.audio.p50").c_str(), figure("delay.video.p50").c_str(), figure("loss.video.mean").c_str(),
                    figure("loss_after.video.mean").c_str());
    std::printf("  throughput %s | fps %s | frozen %s | audio MOS %s | PSNR %s\n", figure("throughput").c_str(),
        figure("fps.mean").c_str(),
                figure("freeze_ratio.mean").c_str(), figure("audio_mos.mean").c_str(), figure("psnr.mean").c_str());
    if (!end_.digest.empty()) std::printf("  digest %s\n", end_.digest.c_str());
    std::printf("  result in %s\n", path_.c_str());
  }

  const RunRequest& request_;
  const WorldFactory& factory_;
  const Plan plan_;
  ProgressLine progress_;
  const std::string path_;
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<TallySink> results_;
  Clips clips_;
  DigestTap digest_;
  std::unique_ptr<PcapTap> pcap_;
  Taps taps_;
  std::unique_ptr<Cast> cast_;    // its processes must outlive the world
  std::unique_ptr<World> world_;
  std::vector<LinkSample> links_;
  RunEnd end_;
  RunSummary summary_;
};

}  // namespace

int run(const RunRequest& request, const WorldFactory& world) { return Run(request, world).go(); }

}  // namespace tacoma
