// A result folder (docs/results.md), read whole: what the report and the comparison are made from.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"

namespace tacoma::analysis {

/// The newest folder format that is understood.
constexpr int kFolderFormat = 1;
/// Time is cut into at most this many bins; longer runs get wider ones.
constexpr uint32_t kMaxBins = 600;

struct Manifest {
  std::string scenario, about, scenario_text, world, state, verdict;
  std::string deployment;         // the URL of the room, where the servers are not the run's; else empty
  int exit_code = 0;              // of `tacoma run`; 0 while it runs
  uint64_t seed = 0;
  Duration length, reached;
  std::vector<std::string> sets;  // --set, as given
  std::string json;               // the whole of run.json
};

struct Host {
  std::string name, kind, region, access;
  std::optional<int64_t> up_bps, down_bps;  // none: no limit
  Duration delay;
};

constexpr const char* kJoinSteps[] = {"started", "conference_request", "muc",         "jingle",
                                      "ice",     "dtls",               "first_audio", "first_video"};
constexpr size_t kJoinStepCount = 8;

struct Person {
  std::string name, group, conference;
  uint32_t host = 0;
  std::string region, access;
  bool sends_audio = false, sends_video = false, decodes = false;
  Duration joins;
  std::optional<Duration> leaves;
  std::array<std::optional<Duration>, kJoinStepCount> steps;
  /// When it first received anything of somebody else.
  std::optional<Duration> first_media() const;
};

struct RegionDelay { std::string a, b; Duration one_way; };
struct Bridge { std::string name, region; uint32_t host = 0; };
struct Event { Duration at; std::string kind, subject, text; bool planned = false; };
struct Metric { std::string name, unit; double value = 0; };
struct Expected { std::string text, metric, unit; double bound = 0; std::optional<double> value; bool holds = false; };
struct Drops { std::string subject, reason; uint64_t count = 0; };
struct Psnr { Duration at; uint32_t person = 0, sender = 0; double db = 0; };
struct BridgeSample {
  Duration at;
  uint32_t bridge = 0;
  uint64_t endpoints = 0;
  // Sums since the start of the bridge:
  uint64_t packets_in = 0, bytes_in = 0, packets_out = 0, bytes_out = 0, retransmitted = 0;
};

/// One direction of one access link in one bin.
struct LinkBin {
  bool known = false;           // whether there is a rate, limited or not
  std::optional<int64_t> rate;  // the capacity while the bin lasts, the lowest of it; none: no limit
  uint64_t packets = 0, bytes = 0, queue_drops = 0, loss_drops = 0, marked = 0;  // marked: of `packets`
  Duration queue_max;
};

/// A link that several share, bin by bin. Those that are always without a limit are left out, and all beyond kMaxSites.
struct SiteLinks {
  std::string name;
  std::vector<LinkBin> up, down;
};
constexpr uint32_t kMaxSites = 24;

/// What the queue of one direction of a host's or site's link did in the whole run, where it marked or dropped anything.
struct QueueTotals {
  std::string name;
  bool is_up = false;
  uint64_t packets = 0, queue_drops = 0, marked = 0;  // marked: of `packets`, with CE, where others would have been dropped
};
constexpr uint32_t kMaxQueues = 24;

/// What one person received and sent in one bin, all sources together.
struct PersonBin {
  uint64_t bytes = 0, sent_bytes = 0;
  uint32_t audio_expected = 0, audio_lost = 0, audio_repaired = 0;
  uint32_t video_expected = 0, video_lost = 0, video_repaired = 0;
  uint32_t frames = 0;    // rendered
  uint32_t watched = 0;   // video samples that had something to show: each one interval long
  Duration frozen;
  double mos_sum = 0;
  uint32_t mos_count = 0;
  LinkBin up, down;

  double loss() const;        // both media, before repair, 0..1
  double loss_after() const;  // after repair
};

/// What one person was shown of one other's video, bin by bin.
struct LayerBin {
  int32_t height = -1;      // lines; -1: nothing was measured
  int32_t wanted = -1;      // lines asked for; -1 any, 0 none
  bool forwarded = true;    // the bridge sends it
};
struct LayerRow {
  uint32_t person = 0, sender = 0;
  std::string media;        // "video", "screen"
  std::vector<LayerBin> bins;
};
/// What decided about a person's layers, bin by bin.
struct RateBin {
  std::optional<int64_t> estimate, target;  // bit/s
  int32_t sent_height = -1, max_height = -1, last_n = -1;
  uint32_t forwarded = 0;
};
/// Rows beyond this many are not read: those with the most changes are.
constexpr uint32_t kMaxLayerRows = 40;

/// Times of packets or frames between low and high.
struct Bucket { Duration low, high; uint64_t count = 0; };
enum class DelayKind : uint8_t { audio_packets, video_packets, frames };
constexpr size_t kDelayKinds = 3;
using Delays = std::array<std::vector<Bucket>, kDelayKinds>;  // ascending by low

struct Run {
  std::string folder;
  Manifest manifest;
  std::vector<std::string> notes;  // sentences on what is missing or partial, for the reader of the report

  std::vector<Host> hosts;
  std::vector<std::string> regions;
  std::vector<RegionDelay> region_delays;
  std::vector<Bridge> bridges;
  std::vector<Person> people;
  std::vector<Event> events;
  std::vector<Metric> metrics;
  std::vector<Expected> expectations;
  std::vector<Drops> drops;
  std::vector<Psnr> psnr;
  std::vector<BridgeSample> bridge_samples;

  Duration sample_every = Duration::seconds(1);
  Duration bin = Duration::seconds(1);            // a whole multiple of sample_every
  uint32_t bins = 0;
  std::vector<SiteLinks> sites;
  std::vector<QueueTotals> queues;                // those with the most marks, then drops, first
  uint32_t queues_left_out = 0;
  std::vector<std::vector<PersonBin>> by_person;  // [person][bin]; bin k covers k * bin to (k + 1) * bin
  std::map<std::string, Delays> delays_by_group;
  std::vector<LayerRow> layers;                      // by person, then sender
  std::map<uint32_t, std::vector<RateBin>> rates;    // of the people in `layers`

  const Metric* metric(const std::string& name) const;
};

/// Reads a folder. What an interrupted run did not get to write is missing and noted; the error is a sentence on why
/// there is no run to show: no folder, no manifest, a damaged database, a newer format.
Result<Run> load_run(const std::string& folder);

}  // namespace tacoma::analysis
