#include "analysis/read/run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <tuple>

#include "analysis/read/database.h"

namespace tacoma::analysis {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Duration ns(int64_t n) { return Duration::nanoseconds(n); }

template <typename T>
T value_of(const Json& object, const char* key, T otherwise) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    return otherwise;
  }
}

Result<Manifest> read_manifest(const fs::path& folder) {
  const std::string name = folder.string();
  if (!fs::exists(folder)) return fail(name + " does not exist.");
  if (!fs::is_directory(folder)) return fail(name + " is a file; the result of a run is a folder.");
  std::ifstream in(folder / "run.json", std::ios::binary);
  if (!in) return fail(name + " holds no run.json, so it is not the result of a run.");
  std::ostringstream text;
  text << in.rdbuf();
  const Json json = Json::parse(text.str(), nullptr, false);
  if (!json.is_object()) return fail(name + "/run.json is damaged: it is not a JSON object.");
  const int format = value_of(json, "format", 0);
  if (format > kFolderFormat) {
    return fail(name + " was written by a newer Tacoma (format " + std::to_string(format) + "; this one reads up to " +
                std::to_string(kFolderFormat) + ").");
  }
  if (format < 1) return fail(name + "/run.json is damaged: it has no format number.");
  Manifest m;
  m.scenario = value_of<std::string>(json, "scenario", "");
  m.about = value_of<std::string>(json, "about", "");
  m.scenario_text = value_of<std::string>(json, "scenario_text", "");
  m.world = value_of<std::string>(json, "world", "");
  m.state = value_of<std::string>(json, "state", "running");
  m.verdict = value_of<std::string>(json, "verdict", "");
  m.exit_code = value_of(json, "exit_code", 0);
  m.deployment = value_of<std::string>(json, "deployment", "");
  m.seed = value_of<uint64_t>(json, "seed", 0);
  m.length = Duration::from_seconds(value_of(json, "length_s", 0.0));
  m.reached = Duration::from_seconds(value_of(json, "reached_s", 0.0));
  m.sets = value_of<std::vector<std::string>>(json, "set", {});
  m.json = text.str();
  return m;
}

/// Fills a Run from its database. A table that cannot be read leaves a note, not an error: a killed run may lack it.
class Loader {
 public:
  Loader(const Database& database, Run& run) : database_(database), run_(run) {}
  void load() {
    load_plan();
    load_events();
    choose_bins();
    load_received();
    load_sent();
    load_links();
    load_layers();
    load_end();
  }

 private:
  void each(const char* what, const std::string& sql, const std::function<void(const Row&)>& visit) {
    if (const auto done = database_.each(sql, visit); !done) {
      run_.notes.push_back(std::string("The ") + what + " could not be read: " + done.error() + ".");
    }
  }
  /// The column, or what stands for it in a run of before it was there.
  std::string column(const std::string& table, const std::string& name, const std::string& otherwise) {
    bool is_there = false;
    each("columns", "SELECT 1 FROM pragma_table_info('" + table + "') WHERE name = '" + name + "'", [&](const Row&) { is_there = true; });
    return is_there ? name : otherwise;
  }
  template <typename T>
  static T& slot(std::vector<T>& all, int64_t id) {
    if (static_cast<size_t>(id) >= all.size()) all.resize(static_cast<size_t>(id) + 1);
    return all[static_cast<size_t>(id)];
  }
  static bool sane(int64_t id) { return id >= 0 && id < 10'000'000; }

  void load_plan() {
    each("regions", "SELECT name FROM regions ORDER BY rowid", [&](const Row& r) { run_.regions.push_back(r.text(0)); });
    each("region delays", "SELECT a, b, one_way FROM region_delays ORDER BY rowid",
         [&](const Row& r) { run_.region_delays.push_back({r.text(0), r.text(1), ns(r.integer(2))}); });
    each("hosts", "SELECT id, name, kind, region, access, up_bps, down_bps, delay FROM hosts ORDER BY id",
         [&](const Row& r) {
           if (sane(r.integer(0)))
             slot(run_.hosts, r.integer(0)) = {r.text(1),  r.text(2),  r.text(3),       r.text(4),
                                               r.maybe(5), r.maybe(6), ns(r.integer(7))};
         });
    each("bridges", "SELECT id, name, region, host FROM bridges ORDER BY id", [&](const Row& r) {
      if (sane(r.integer(0)))
        slot(run_.bridges, r.integer(0)) = {r.text(1), r.text(2), static_cast<uint32_t>(r.integer(3))};
    });
    each("people",
         "SELECT p.id, p.name, p.grp, c.name, p.host, p.region, p.access, p.sends_audio, p.sends_video, p.decodes, "
         "p.joins, p.leaves "
         "FROM people p LEFT JOIN conferences c ON c.id = p.conference ORDER BY p.id",
         [&](const Row& r) {
           if (!sane(r.integer(0))) return;
           Person& p = slot(run_.people, r.integer(0));
           p.name = r.text(1);
           p.group = r.text(2);
           p.conference = r.text(3);
           p.host = static_cast<uint32_t>(r.integer(4));
           p.region = r.text(5);
           p.access = r.text(6);
           p.sends_audio = r.integer(7) != 0;
           p.sends_video = r.integer(8) != 0;
           p.decodes = r.integer(9) != 0;
           p.joins = ns(r.integer(10));
           if (!r.null(11)) p.leaves = ns(r.integer(11));
         });
    each("join steps", "SELECT person, step, at FROM join_steps", [&](const Row& r) {
      if (!knows(r.integer(0))) return;
      const std::string step = r.text(1);
      for (size_t i = 0; i < kJoinStepCount; ++i) {
        auto& place = run_.people[static_cast<size_t>(r.integer(0))].steps[i];
        if (step == kJoinSteps[i] && !place)
          place = ns(r.integer(2));  // the first time counts, should it have to join again
      }
    });
  }

  void load_events() {
    each("events", "SELECT at, kind, subject, text, planned FROM events ORDER BY at, rowid", [&](const Row& r) {
      run_.events.push_back({ns(r.integer(0)), r.text(1), r.text(2), r.text(3), r.integer(4) != 0});
    });
  }

  /// The interval between samples is what lies between two of the same stream; bins are whole intervals.
  void choose_bins() {
    std::set<int64_t> times;
    each("samples", "SELECT r.at FROM received r, (SELECT person, sender, media FROM received LIMIT 1) f "
         "WHERE r.person = f.person AND r.sender = f.sender AND r.media = f.media LIMIT 50",
         [&](const Row& r) { times.insert(r.integer(0)); });
    std::vector<int64_t> gaps;
    for (auto at = times.begin(); at != times.end() && std::next(at) != times.end(); ++at)
      gaps.push_back(*std::next(at) - *at);
    if (!gaps.empty()) {
      // Real time jitters, so the middle one counts; whole tenths of a second are what scenarios choose.
      std::nth_element(gaps.begin(), gaps.begin() + static_cast<int64_t>(gaps.size() / 2), gaps.end());
      constexpr int64_t kTenth = 100'000'000;
      run_.sample_every = ns(std::max<int64_t>(kTenth, (gaps[gaps.size() / 2] + kTenth / 2) / kTenth * kTenth));
    }
    Duration end = run_.manifest.reached;
    each("samples", "SELECT max(at) FROM received", [&](const Row& r) { end = std::max(end, ns(r.integer(0))); });
    each("samples", "SELECT max(at) FROM links", [&](const Row& r) { end = std::max(end, ns(r.integer(0))); });
    if (run_.manifest.reached == Duration::zero()) run_.manifest.reached = end;
    const int64_t samples = (end.ns() + run_.sample_every.ns() - 1) / run_.sample_every.ns();
    run_.bin = run_.sample_every * std::max<int64_t>(1, (samples + kMaxBins - 1) / kMaxBins);
    // The tenth of a second that a world in real time takes to stop makes no bin of its own.
    run_.bins = end > Duration::zero()
                    ? static_cast<uint32_t>(std::max<int64_t>(1, (end.ns() + run_.bin.ns() / 2) / run_.bin.ns()))
                    : 0;
    run_.by_person.assign(run_.people.size(), std::vector<PersonBin>(run_.bins));
  }

  bool knows(int64_t person) const { return person >= 0 && person < static_cast<int64_t>(run_.people.size()); }
  // The middle of the interval that a sample ends decides, so that jitter at a bin's edge does not.
  size_t bin_at(int64_t at) const {
    return static_cast<size_t>(std::clamp<int64_t>((at - run_.sample_every.ns() / 2) / run_.bin.ns(), 0, run_.bins - 1));
  }
  PersonBin* bin_of(int64_t person, int64_t at) {
    if (!knows(person) || run_.bins == 0) return nullptr;
    return &run_.by_person[static_cast<size_t>(person)][bin_at(at)];
  }

  void load_received() {
    each("received samples",
         "SELECT at, person, media, bytes, expected, lost, repaired, frames_rendered, frozen, mos FROM received",
         [&](const Row& r) {
           PersonBin* b = bin_of(r.integer(1), r.integer(0));
           if (!b) return;
           const auto expected = static_cast<uint32_t>(r.integer(4)), lost = static_cast<uint32_t>(r.integer(5));
           const auto repaired = static_cast<uint32_t>(r.integer(6)), frames = static_cast<uint32_t>(r.integer(7));
           b->bytes += static_cast<uint64_t>(r.integer(3));
           if (r.text(2) == "audio") {
             b->audio_expected += expected;
             b->audio_lost += lost;
             b->audio_repaired += repaired;
             if (r.real(9) > 0) {
               b->mos_sum += r.real(9);
               ++b->mos_count;
             }
             return;
           }
           b->video_expected += expected;
           b->video_lost += lost;
           b->video_repaired += repaired;
           b->frames += frames;
           b->frozen += ns(r.integer(8));
           if (expected > 0 || frames > 0 || r.integer(8) > 0) ++b->watched;
         });
  }

  void load_sent() {
    each("sent samples", "SELECT at, person, bytes FROM sent", [&](const Row& r) {
      if (PersonBin* b = bin_of(r.integer(1), r.integer(0))) b->sent_bytes += static_cast<uint64_t>(r.integer(2));
    });
  }

  void load_links() {
    const std::string marked = column("links", "marked", "0");
    load_sites(marked);
    load_queues(marked);
    std::vector<int64_t> person_of(run_.hosts.size(), -1);
    for (size_t i = 0; i < run_.people.size(); ++i) {
      if (run_.people[i].host < person_of.size()) person_of[run_.people[i].host] = static_cast<int64_t>(i);
    }
    each("link samples", "SELECT at, host, direction, rate, packets, queue_drops, loss_drops, queue_max, " + marked + " FROM links",
         [&](const Row& r) {
           const int64_t host = r.integer(1);
           if (host < 0 || host >= static_cast<int64_t>(person_of.size())) return;
           PersonBin* b = bin_of(person_of[static_cast<size_t>(host)], r.integer(0));
           if (!b) return;
           const bool is_up = r.text(2) == "up";
           LinkBin& link = is_up ? b->up : b->down;
           // A sample's counts are of the interval before it, its rate is that of its moment: it holds for the interval
           // after.
           const int64_t after = r.integer(0) + run_.sample_every.ns();
           if (after - run_.sample_every.ns() / 2 < run_.bin.ns() * run_.bins) {
             PersonBin* next = bin_of(person_of[static_cast<size_t>(host)], after);
             set_rate(is_up ? next->up : next->down, r.maybe(3));
           }
           link.packets += static_cast<uint64_t>(r.integer(4));
           link.queue_drops += static_cast<uint64_t>(r.integer(5));
           link.loss_drops += static_cast<uint64_t>(r.integer(6));
           link.queue_max = std::max(link.queue_max, ns(r.integer(7)));
           link.marked += static_cast<uint64_t>(r.integer(8));
         });
    for (size_t i = 0; i < run_.people.size(); ++i) {
      const Host host = run_.people[i].host < run_.hosts.size() ? run_.hosts[run_.people[i].host] : Host();
      LinkBin up, down;  // until the first sample a link is as the plan has it
      set_rate(up, host.up_bps);
      set_rate(down, host.down_bps);
      for (PersonBin& b : run_.by_person[i]) {
        carry_rate(up, b.up);
        carry_rate(down, b.down);
      }
    }
  }
  void load_sites(const std::string& marked) {
    constexpr size_t kNone = SIZE_MAX;
    std::vector<size_t> site_of(run_.hosts.size(), kNone);
    for (size_t i = 0; i < run_.hosts.size(); ++i) {
      const Host& host = run_.hosts[i];
      if (host.kind != "site" || (!host.up_bps && !host.down_bps) || run_.sites.size() == kMaxSites) continue;
      site_of[i] = run_.sites.size();
      run_.sites.push_back({host.name, std::vector<LinkBin>(run_.bins), std::vector<LinkBin>(run_.bins)});
      set_rate(run_.sites.back().up[0], host.up_bps);
      set_rate(run_.sites.back().down[0], host.down_bps);
    }
    if (run_.sites.empty() || run_.bins == 0) return;
    each("link samples", "SELECT at, host, direction, rate, packets, bytes, queue_drops, loss_drops, queue_max, " + marked + " FROM links ORDER BY at", [&](const Row& r) {
      const int64_t host = r.integer(1);
      if (host < 0 || host >= static_cast<int64_t>(site_of.size()) || site_of[static_cast<size_t>(host)] == kNone) return;
      SiteLinks& site = run_.sites[site_of[static_cast<size_t>(host)]];
      std::vector<LinkBin>& bins = r.text(2) == "up" ? site.up : site.down;
      LinkBin& link = bins[bin_at(r.integer(0))];
      link.packets += static_cast<uint64_t>(r.integer(4));
      link.bytes += static_cast<uint64_t>(r.integer(5));
      link.queue_drops += static_cast<uint64_t>(r.integer(6));
      link.loss_drops += static_cast<uint64_t>(r.integer(7));
      link.queue_max = std::max(link.queue_max, ns(r.integer(8)));
      link.marked += static_cast<uint64_t>(r.integer(9));
      // The rate is that of the moment: it holds for the interval after.
      const int64_t after = r.integer(0) + run_.sample_every.ns();
      if (after - run_.sample_every.ns() / 2 < run_.bin.ns() * run_.bins) set_rate(bins[bin_at(after)], r.maybe(3));
    });
    for (SiteLinks& site : run_.sites)
      for (std::vector<LinkBin>* bins : {&site.up, &site.down}) {
        LinkBin before;
        for (LinkBin& bin : *bins) carry_rate(before, bin);
      }
  }
  void load_queues(const std::string& marked) {
    each("queues", "SELECT host, direction, SUM(packets), SUM(queue_drops), SUM(" + marked + ") AS n FROM links GROUP BY host, direction HAVING n + SUM(queue_drops) > 0 "
         "ORDER BY n DESC, SUM(queue_drops) DESC, host, direction", [&](const Row& r) {
      if (r.integer(0) < 0 || r.integer(0) >= static_cast<int64_t>(run_.hosts.size())) return;
      auto sum = [&](int column) { return static_cast<uint64_t>(r.integer(column)); };
      if (run_.queues.size() == kMaxQueues) ++run_.queues_left_out;
      else run_.queues.push_back({run_.hosts[sum(0)].name, r.text(1) == "up", sum(2), sum(3), sum(4)});
    });
  }
  static void set_rate(LinkBin& link, const std::optional<int64_t>& rate) {
    if (!link.known || !link.rate) link.rate = rate;
    else if (rate) link.rate = std::min(*link.rate, *rate);
    link.known = true;
  }
  static void carry_rate(LinkBin& before, LinkBin& now) {
    if (!now.known) set_rate(now, before.rate);
    before = now;
  }

  // Runs of before this was measured have no such columns: then there is nothing to show, and nothing to complain about.
  void load_layers() {
    bool has_layers = false;
    each("tables", "SELECT 1 FROM sqlite_master WHERE name = 'rates'", [&](const Row&) { has_layers = true; });
    if (!has_layers || run_.bins == 0) return;
    each("layers", "SELECT person, sender, media FROM received WHERE media <> 'audio' GROUP BY person, sender, media HAVING MAX(height) > 0 "
         "ORDER BY SUM(switches) + SUM(NOT forwarded) DESC, person, sender, media LIMIT " + std::to_string(kMaxLayerRows),
         [&](const Row& r) {
           if (!knows(r.integer(0)) || !knows(r.integer(1))) return;
           run_.layers.push_back({static_cast<uint32_t>(r.integer(0)), static_cast<uint32_t>(r.integer(1)), r.text(2), std::vector<LayerBin>(run_.bins)});
         });
    std::stable_sort(run_.layers.begin(), run_.layers.end(), [](const LayerRow& a, const LayerRow& b) {
      return std::tie(a.person, a.sender, a.media) < std::tie(b.person, b.sender, b.media);
    });
    for (LayerRow& row : run_.layers) {
      each("layers", "SELECT at, height, wanted_height, forwarded FROM received WHERE person = " + std::to_string(row.person) + " AND sender = " +
           std::to_string(row.sender) + " AND media = '" + row.media + "' ORDER BY at",
           [&](const Row& r) {
             row.bins[bin_at(r.integer(0))] = {static_cast<int32_t>(r.integer(1)), static_cast<int32_t>(r.integer(2)), r.integer(3) != 0};
           });
      for (uint32_t person : {row.person, row.sender}) run_.rates.try_emplace(person, run_.bins);
    }
    for (auto& [person, bins] : run_.rates)
      each("rates", "SELECT at, estimate, target, sent_height, max_height, last_n, forwarded FROM rates WHERE person = " + std::to_string(person),
           [&, &of = bins](const Row& r) {
             of[bin_at(r.integer(0))] = {r.maybe(1), r.maybe(2), static_cast<int32_t>(r.integer(3)), static_cast<int32_t>(r.integer(4)),
                                         static_cast<int32_t>(r.integer(5)), static_cast<uint32_t>(r.integer(6))};
           });
  }

  void load_end() {
    each("metrics", "SELECT name, value, unit FROM metrics ORDER BY rowid", [&](const Row& r) {
      run_.metrics.push_back({r.text(0), r.text(2), r.real(1)});
    });
    const std::string unit = column("expectations", "unit", "(SELECT m.unit FROM metrics m WHERE m.name = metric)");
    each("expectations", "SELECT text, metric, bound, value, holds, " + unit + " FROM expectations ORDER BY rowid",
         [&](const Row& r) {
           run_.expectations.push_back({r.text(0), r.text(1), r.text(5), r.real(2),
                                        r.null(3) ? std::nullopt : std::optional(r.real(3)), r.integer(4) != 0});
         });
    each("drops",
         "SELECT subject, reason, sum(count) FROM drops GROUP BY subject, reason ORDER BY sum(count) DESC, subject, "
         "reason",
         [&](const Row& r) { run_.drops.push_back({r.text(0), r.text(1), static_cast<uint64_t>(r.integer(2))}); });
    each("decoded pictures", "SELECT at, person, sender, psnr_db FROM decoded ORDER BY person, sender, at",
         [&](const Row& r) {
           if (knows(r.integer(1)) && knows(r.integer(2)))
             run_.psnr.push_back({ns(r.integer(0)), static_cast<uint32_t>(r.integer(1)),
                                  static_cast<uint32_t>(r.integer(2)), r.real(3)});
         });
    each("bridge samples",
         "SELECT at, bridge, endpoints, packets_in, bytes_in, packets_out, bytes_out, retransmitted FROM "
         "bridge_samples ORDER BY bridge, at",
         [&](const Row& r) {
           auto count = [&](int column) { return static_cast<uint64_t>(r.integer(column)); };
           run_.bridge_samples.push_back({ns(r.integer(0)), static_cast<uint32_t>(r.integer(1)), count(2), count(3),
                                          count(4), count(5), count(6), count(7)});
         });
    load_delays();
  }

  void load_delays() {
    std::map<std::string, std::array<std::map<int64_t, Bucket>, kDelayKinds>> merged;
    each("delays", "SELECT person, media, unit, low, high, count FROM delays", [&](const Row& r) {
      if (!knows(r.integer(0))) return;
      const DelayKind kind = r.text(2) == "frame"   ? DelayKind::frames
                             : r.text(1) == "audio" ? DelayKind::audio_packets
                                                    : DelayKind::video_packets;
      Bucket& b = merged[run_.people[static_cast<size_t>(r.integer(0))].group][static_cast<size_t>(kind)][r.integer(3)];
      b.low = ns(r.integer(3));
      b.high = ns(r.integer(4));
      b.count += static_cast<uint64_t>(r.integer(5));
    });
    for (auto& [group, kinds] : merged) {
      for (size_t k = 0; k < kDelayKinds; ++k) {
        for (const auto& [low, bucket] : kinds[k]) run_.delays_by_group[group][k].push_back(bucket);
      }
    }
  }

  const Database& database_;
  Run& run_;
};

void note_what_is_partial(Run& run) {
  const Manifest& m = run.manifest;
  std::ostringstream reached;
  reached.precision(4);
  reached << m.reached.to_seconds() << " of " << m.length.to_seconds() << " s";
  if (m.state == "interrupted")
    run.notes.push_back("This run was interrupted after " + reached.str() +
                        ": what it had recorded until then is shown.");
  if (m.state == "running") {
    run.notes.push_back("This run has not ended, or was killed: what it had recorded until " + reached.str() +
                        " is shown.");
  }
  if (!run.manifest.deployment.empty())
    run.notes.push_back("The people met at " + run.manifest.deployment + ", whose servers are no part of the run: there are no figures of its bridges, their laws "
                        "were not audited, and nothing is known of its network but what people saw. Delays of guests (browsers in the room) are unknown.");
  if (run.people.empty()) run.notes.push_back("No people were recorded.");
  else if (run.delays_by_group.empty())
    run.notes.push_back("No delays were recorded: they are written at the end of a run.");
}

}  // namespace

std::optional<Duration> Person::first_media() const {
  const auto &audio = steps[6], &video = steps[7];
  if (audio && video) return std::min(*audio, *video);
  return audio ? audio : video;
}

double PersonBin::loss() const {
  const double expected = double(audio_expected) + video_expected;
  return expected > 0 ? std::min(1.0, (double(audio_lost) + video_lost) / expected) : 0;
}

double PersonBin::loss_after() const {
  const double expected = double(audio_expected) + video_expected;
  const double lost = double(audio_lost) + video_lost, repaired = double(audio_repaired) + video_repaired;
  return expected > 0 ? std::clamp((lost - repaired) / expected, 0.0, 1.0) : 0;
}

const Metric* Run::metric(const std::string& name) const {
  for (const Metric& m : metrics) {
    if (m.name == name) return &m;
  }
  return nullptr;
}

Result<Run> load_run(const std::string& folder) {
  auto manifest = read_manifest(folder);
  if (!manifest) return fail(manifest.error());
  const fs::path file = fs::path(folder) / "run.sqlite";
  if (!fs::exists(file)) return fail(folder + " holds no run.sqlite: its measurements are missing.");
  const auto database = Database::open(file.string());
  if (!database) return fail(file.string() + " cannot be read: " + database.error() + ".");
  Run run;
  run.folder = folder;
  run.manifest = *std::move(manifest);
  Loader(*database, run).load();
  note_what_is_partial(run);
  return run;
}

}  // namespace tacoma::analysis
