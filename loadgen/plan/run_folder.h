// The result of a run on disk (docs/results.md): run.json and run.sqlite. Rows are written as the run goes, so that a killed
// run keeps what it had.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/world.h"
#include "loadgen/plan/metrics.h"
#include "loadgen/plan/plan.h"
#include "loadgen/plan/result_sink.h"

namespace tacoma {

/// What run.json says from the start.
struct RunManifest {
  std::string scenario_text;
  std::string world;
  std::vector<std::string> sets;   // --set, as given
  std::string commit, version, compiler, flags, build;
  bool dirty = false;
  std::string cpu, kernel;
  uint32_t cores = 0;
  std::string started;             // ISO 8601, UTC
};

/// What run.json says in the end.
struct RunEnd {
  bool interrupted = false;        // Ctrl-C: the result is partial
  Duration reached;
  double wall_seconds = 0;
  std::string digest;              // empty where time is real
  uint64_t timed = 0, late = 0;    // the sockets world's own schedule
  Duration late_max;
  bool kept_schedule = true;       // false: no verdict
  bool audited = true;             // false: the bridges are not the run's, nobody can say whether conservation holds
  std::vector<std::string> conservation_problems;
};

enum class Verdict : uint8_t { pass, fail, none, no_verdict };

struct RunSummary {
  Verdict verdict = Verdict::none;
  int exit_code = 0;               // 0, 99, 98 or 1
  std::vector<MetricValue> metrics;
  std::vector<ExpectationResult> expectations;
};

/// Guests that one run records; what later ones send is received but not recorded.
inline constexpr size_t kMaxGuests = 1'000;

/// Thread-safe. Rows go into a transaction that is committed at least once a second of wall time.
class RunFolder : public ResultSink {
 public:
  /// Makes the folder, run.json (state "running") and run.sqlite with the plan's tables. Refuses an existing folder that is
  /// no run folder; replaces one that is.
  static Result<std::unique_ptr<RunFolder>> create(const std::string& path, const Plan& plan, const RunManifest& manifest);
  ~RunFolder() override;

  std::optional<uint32_t> guest(uint32_t conference, std::string_view endpoint_id) override;
  void join_step(uint32_t person, JoinStep step, Instant at) override;
  void received(Instant at, const ReceiveSample& sample) override;
  void sent(Instant at, const SendSample& sample) override;
  void rates(Instant at, const RateSample& sample) override;
  void decoded(Instant at, const DecodedFrame& frame) override;
  void bridge(Instant at, const BridgeSample& sample) override;
  void event(Instant at, std::string_view kind, std::string_view subject, std::string_view text) override;
  void delays(uint32_t person, Media media, bool frames, const Histogram& histogram) override;
  void drops(std::string_view subject, const DropCounts& counts) override;
  void links(Instant at, const std::vector<LinkSample>& samples);
  void flows(Instant at, const std::vector<FlowSample>& samples);

  /// The first thing that went wrong while writing (a full disk), as a sentence; empty while all is well. Rows after it are
  /// not kept, those before it are intact.
  std::string problem() const;
  /// Commits what is open.
  Result<void> commit();
  /// Computes metrics and expectations, writes them and replaces run.json.
  Result<RunSummary> finish(const RunEnd& end);
  /// What came after finish() failed (the report, say), so the process ends with 1: run.json says so too.
  void fail_after_all();
  const std::string& path() const;
  /// For tests of a full disk: SQLite's own limit on the size of the database.
  void limit_pages(uint32_t pages);

 private:
  class Store;
  explicit RunFolder(std::unique_ptr<Store> store);
  std::unique_ptr<Store> store_;
};

}  // namespace tacoma
