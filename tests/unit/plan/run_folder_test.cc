#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "loadgen/plan/draw_plan.h"
#include "loadgen/plan/run_folder.h"
#include "loadgen/plan/sha256.h"
#include "loadgen/plan/sqlite.h"
#include "loadgen/plan/text_values.h"
#include "tests/support/files.h"

using namespace tacoma;
namespace fs = std::filesystem;

namespace {

using test::TempFolder;

const char* kText = R"(
scenario: folder
duration: 10s
conferences:
  - name: a
    people: [ { name: near, count: 2 }, { name: far, sends: audio } ]
events: [ { at: 5s, access: a/far, set: { down: 1Mbps }, for: 2s } ]
expect: [ join_time.max < 2s, loss.audio.max in a/near < 5%, "psnr.mean > 30dB" ]
)";

Plan plan_of(const char* text = kText) { return draw_plan(*read_scenario(text, "test.yaml")); }

RunManifest manifest() {
  RunManifest m;
  m.scenario_text = kText;
  m.world = "light";
  m.commit = "0123abc";
  m.sets = {"duration=10s"};
  return m;
}

std::unique_ptr<RunFolder> open(const std::string& path, const Plan& plan) {
  auto folder = RunFolder::create(path, plan, manifest());
  if (!folder) FAIL(folder.error());
  return *std::move(folder);
}

std::string query(const std::string& folder, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2((folder + "/run.sqlite").c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  std::string out;
  {
    Statement s(db, sql);
    REQUIRE(s.ok());
    while (s.step()) out += (out.empty() ? "" : ",") + s.text(0);
  }
  sqlite3_close(db);
  return out;
}

nlohmann::json json_of(const std::string& folder) {
  std::ifstream in(folder + "/run.json");
  return nlohmann::json::parse(in);
}

ReceiveSample sample(uint32_t person, uint32_t from, Media media) {
  ReceiveSample s;
  s.person = person;
  s.from = from;
  s.media = media;
  s.packets = 50;
  s.bytes = 5000;
  s.expected = 52;
  s.lost = 2;
  s.repaired = 1;
  s.jitter = Duration::milliseconds(3);
  if (media == Media::audio) s.mos = 4.2;
  else s.frames_rendered = 25;
  return s;
}

/// Ten seconds of a run in which all goes well, but for the decoders, which there are none of.
void record(RunFolder& folder) {
  for (uint32_t person = 0; person < 3; ++person) {
    int64_t ms = 1000;
    for (const JoinStep step : {JoinStep::started, JoinStep::conference_request, JoinStep::muc, JoinStep::jingle, JoinStep::ice,
        JoinStep::dtls,
                                JoinStep::first_audio, JoinStep::first_video})
      folder.join_step(person, step, Instant::at(Duration::milliseconds(ms += 100 * (person + 1))));
    Histogram histogram;
    histogram.add(Duration::milliseconds(40), 90);
    histogram.add(Duration::milliseconds(80), 10);
    folder.delays(person, Media::audio, false, histogram);
  }
  for (int second = 1; second <= 10; ++second) {
    const Instant at = Instant::at(Duration::seconds(second));
    for (uint32_t person = 0; person < 3; ++person)
      for (uint32_t from = 0; from < 3; ++from) {
        if (from == person) continue;
        folder.received(at, sample(person, from, Media::audio));
        if (from < 2) {
          ReceiveSample video = sample(person, from, Media::video);
          if (person == 2 && second == 5) { video.freezes = 1; video.frozen = Duration::milliseconds(500); }
          folder.received(at, video);
        }
      }
  }
}

double metric(const RunSummary& summary, const std::string& name) {
  for (const MetricValue& m : summary.metrics)
    if (m.name == name) return m.value;
  FAIL("no metric " + name);
  return 0;
}

}  // namespace

TEST_CASE("a run folder holds the plan, the rows, the figures and the verdict") {
  TempFolder temp;
  const std::string path = temp.path + "/deep/run";
  const Plan plan = plan_of();
  RunSummary summary;
  {
    auto folder = open(path, plan);
    CHECK(json_of(path)["state"] == "running");
    record(*folder);
    folder->event(Instant::at(Duration::seconds(3)), "join failed", "a/far", "ICE failed");
    DropCounts drops;
    drops.count(Drop::link_loss, 7);
    folder->drops("links", drops);
    folder->links(Instant::at(Duration::seconds(1)),
        {{HostId(3), true, DataRate::infinite(), 9, 2, 3, 4, Duration::milliseconds(5), 6}});
    RunEnd end;
    end.reached = Duration::seconds(10);
    end.digest = "abc";
    const auto finished = folder->finish(end);
    REQUIRE(finished);
    summary = *finished;
  }
  const auto json = json_of(path);
  CHECK(json["state"] == "complete");
  CHECK(json["verdict"] == "fail");
  CHECK(json["exit_code"] == 99);
  CHECK(json["digest"] == "abc");
  CHECK(json["scenario_sha256"] == sha256_hex(kText));
  CHECK(json["conservation"]["holds"] == true);
  CHECK(json["set"][0] == "duration=10s");
  CHECK(query(path, "SELECT name FROM people ORDER BY id") == "a/near-1,a/near-2,a/far");
  CHECK(query(path, "SELECT kind FROM hosts ORDER BY id") == "router,focus,bridge,person,person,person");
  CHECK(query(path, "SELECT text FROM events WHERE planned = 1 ORDER BY at, rowid") == "2 join,joins,down 1Mbps for 2s,as before");
  CHECK(query(path, "SELECT text FROM events WHERE planned = 0") == "ICE failed");
  CHECK(query(path, "SELECT count FROM drops WHERE reason = 'link_loss'") == "7");
  CHECK(query(path, "SELECT COUNT(*) FROM links WHERE rate IS NULL AND direction = 'up'") == "1");
  CHECK(query(path, "SELECT packets || ' ' || queue_drops || ' ' || loss_drops || ' ' || queue_max || ' ' || marked FROM links") == "9 3 4 5000000 6");
  CHECK(query(path, "SELECT holds FROM expectations ORDER BY rowid") == "0,1,0");
  CHECK(query(path, "SELECT COUNT(*) FROM expectations WHERE value IS NULL AND unit = 'dB'") == "1");  // nobody decoded
  CHECK(query(path, "SELECT COUNT(*) FROM metrics WHERE name LIKE '% in a/near'") != "0");

  CHECK(summary.exit_code == 99);
  CHECK(metric(summary, "joined") == Approx(1));
  CHECK(metric(summary, "join_time.p50") == Approx(1.6));  // eight steps of 200 ms
  CHECK(metric(summary, "join_time.max") == Approx(2.4));
  CHECK(metric(summary, "join_ice.min") == Approx(0.1));
  CHECK(metric(summary, "delay.audio.p50") == Approx(0.040).epsilon(0.04));
  CHECK(metric(summary, "delay.audio.p95") == Approx(0.080).epsilon(0.04));
  CHECK(metric(summary, "delay.audio.mean") == Approx(0.044).epsilon(0.04));
  CHECK(metric(summary, "loss.audio.mean") == Approx(2.0 / 52));
  CHECK(metric(summary, "loss_after.audio.mean") == Approx(1.0 / 52));
  CHECK(metric(summary, "jitter.video.p50") == Approx(0.003));
  CHECK(metric(summary, "audio_mos.p5") == Approx(4.2));
  CHECK(metric(summary, "freeze_ratio.max") == Approx(0.05));  // each of its two sources froze for 0.5 s of 10
  CHECK(metric(summary, "fps.p50") == Approx(25));
  CHECK(metric(summary, "throughput") == Approx(100 * 5000 * 8 / 10.0));  // 60 rows of audio, 40 of video
  CHECK(metric(summary, "packets") == Approx(5000));
  CHECK(metric(summary, "receive_rate.max in a/near") == Approx(30 * 5000 * 8 / 9.0));
}

TEST_CASE("who waits alone is not charged for it") {
  TempFolder temp;
  const Plan plan = plan_of("scenario: s\nduration: 10s\nconferences: [ { people: [ { name: p, count: 2, joins: { each: 5s } } ] } ]\n");
  auto folder = open(temp.path + "/run", plan);
  const auto at = [](double s) { return Instant::at(Duration::from_seconds(s)); };
  folder->join_step(0, JoinStep::started, at(1));
  folder->join_step(0, JoinStep::conference_request, at(1.1));
  folder->join_step(0, JoinStep::muc, at(1.2));
  folder->join_step(0, JoinStep::jingle, at(6.3));
  folder->join_step(0, JoinStep::first_audio, at(6.5));
  folder->join_step(0, JoinStep::first_video, at(6.7));
  RunEnd end;
  end.reached = Duration::seconds(10);
  const RunSummary summary = *folder->finish(end);
  CHECK(metric(summary, "join_time.max") == Approx(0.7));
  CHECK(metric(summary, "join_jingle.max") == Approx(0.3));
  CHECK(metric(summary, "joined") == Approx(0.5));
}

TEST_CASE("the verdict weighs schedule, interruption and conservation") {
  const auto finish = [](RunEnd end) {
    TempFolder temp;
    const Plan plan = plan_of("scenario: s\nduration: 10s\nconferences: [ { people: [ { count: 2 } ] } ]\n");
    auto folder = open(temp.path + "/run", plan);
    end.reached = Duration::seconds(10);
    const RunSummary summary = *folder->finish(end);
    return std::pair(json_of(temp.path + "/run")["verdict"].get<std::string>(), summary.exit_code);
  };
  RunEnd good, late, interrupted, leaking;
  late.kept_schedule = false;
  interrupted.interrupted = true;
  leaking.conservation_problems = {"eu-1: 100 packets in, 99 accounted for"};
  CHECK(finish(good) == std::pair<std::string, int>("none", 0));
  CHECK(finish(late) == std::pair<std::string, int>("no-verdict", 98));
  CHECK(finish(interrupted) == std::pair<std::string, int>("no-verdict", 1));
  CHECK(finish(leaking) == std::pair<std::string, int>("no-verdict", 1));
}

TEST_CASE("a killed run keeps what it had") {
  TempFolder temp;
  const std::string path = temp.path + "/run";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const Plan plan = plan_of();
    auto folder = RunFolder::create(path, plan, manifest());
    record(**folder);
    ::usleep(1'500'000);  // nobody commits but the folder itself
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(query(path, "SELECT COUNT(*) FROM received") == "100");
  CHECK(json_of(path)["state"] == "running");
}

TEST_CASE("a full disk is said clearly and leaves what was recorded intact") {
  TempFolder temp;
  const std::string path = temp.path + "/run";
  const Plan plan = plan_of();
  auto folder = open(path, plan);
  record(*folder);
  REQUIRE(folder->commit());
  folder->limit_pages(60);
  for (int i = 0; i < 200 && folder->commit(); ++i) record(*folder);
  const std::string sentence = path + "/run.sqlite: the disk is full; what was recorded before is intact";
  CHECK(folder->problem() == sentence);
  const std::string rows = query(path, "SELECT COUNT(*) FROM received");
  CHECK(std::stoul(rows) > 1000);
  record(*folder);  // goes nowhere, harms nothing
  CHECK(query(path, "SELECT COUNT(*) FROM received") == rows);
  CHECK(query(path, "PRAGMA integrity_check") == "ok");
  RunEnd end;
  end.reached = Duration::seconds(10);
  const auto finished = folder->finish(end);
  REQUIRE_FALSE(finished);
  CHECK(finished.error() == sentence);
  CHECK(json_of(path)["state"] == "interrupted");
  CHECK(json_of(path)["exit_code"] == 1);
}

TEST_CASE("an existing run folder is replaced, another folder is refused") {
  TempFolder temp;
  const Plan plan = plan_of();
  const auto refusal = [&](const std::string& path) {
    const auto result = RunFolder::create(path, plan, manifest());
    return result ? std::string("made") : result.error();
  };
  const std::string run = temp.path + "/run";
  { auto folder = open(run, plan); record(*folder); }
  std::ofstream(run + "/notes.txt") << "mine";
  { auto folder = open(run, plan); }
  CHECK(query(run, "SELECT COUNT(*) FROM received") == "0");
  CHECK(fs::exists(run + "/notes.txt"));

  const std::string other = temp.path + "/other";
  fs::create_directory(other);
  CHECK(refusal(other) == "made");  // empty: fine
  fs::remove_all(other);
  fs::create_directory(other);
  std::ofstream(other + "/thesis.tex") << "years of work";
  CHECK(refusal(other) == other + " exists and is no run folder (there is no run.json in it); choose another --out");
  CHECK(fs::exists(other + "/thesis.tex"));
  CHECK(refusal(other + "/thesis.tex") == other + "/thesis.tex exists and is no folder; choose another --out");
  CHECK(refusal("/dev/null/run") == "/dev/null/run: cannot be made: Not a directory");
  CHECK(refusal("/proc/run") == "/proc/run: cannot be made: No such file or directory");
}

TEST_CASE("several threads may record at once") {
  TempFolder temp;
  const std::string path = temp.path + "/run";
  const Plan plan = plan_of();
  auto folder = open(path, plan);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { for (int k = 0; k < 20; ++k) record(*folder); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(folder->commit());
  CHECK(query(path, "SELECT COUNT(*) FROM received") == "8000");
}

TEST_CASE("SHA-256 of FIPS 180-4's examples") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("figures of layers: lines, what was asked for, rates, and how soon video is back after a drop") {
  TempFolder temp;
  const Plan plan = plan_of();
  auto folder = open(temp.path + "/run", plan);
  const HostId host = plan.people[2].host;  // a/far
  for (int second = 1; second <= 60; ++second) {
    const Instant at = Instant::at(Duration::seconds(second));
    // From 20 s to 30 s the link is narrow; the rate is back at 34 s.
    const bool narrow = second > 20 && second <= 30;
    ReceiveSample video = sample(2, 0, Media::video);
    video.bytes = second <= 20 || second > 34 ? 100'000 : 20'000;
    video.height = second <= 20 || second > 34 ? 720 : 180;
    video.wanted_height = 720;
    video.switches = second == 21 || second == 35 ? 1 : 0;
    video.quality = video.height == 720 ? 4.5 : 3;
    folder->received(at, video);
    ReceiveSample held = sample(2, 1, Media::video);
    held.height = 360;
    held.forwarded = second % 2 == 0;
    held.wanted_height = second <= 40 ? 360 : 0;  // then nobody asks
    folder->received(at, held);
    RateSample rates;
    rates.person = 2;
    rates.target = DataRate::kbps(500);
    if (second > 10) rates.estimate = DataRate::mbps(2);
    folder->rates(at, rates);
    folder->links(at, {{host, false, narrow ? DataRate::mbps(1) : DataRate::mbps(10), 1, 2, 0, 0, Duration::zero()}});
  }
  RunEnd end;
  end.reached = Duration::seconds(60);
  const auto summary = folder->finish(end);
  REQUIRE(summary);
  CHECK(metric(*summary, "estimate.mean") == 2e6);
  CHECK(metric(*summary, "target.mean") == 5e5);
  CHECK(metric(*summary, "forwarded.mean") == Approx(80. / 100));           // 60 of 60, and 20 of 40
  CHECK(metric(*summary, "layer_switches.mean") == Approx(2 * 60. / 59));
  CHECK(metric(*summary, "lines.mean") == Approx((46 * 720 + 14 * 180 + 20 * 360) / 80.));
  CHECK(metric(*summary, "as_asked.mean") == Approx((46 + 20) / 80.));
  CHECK(metric(*summary, "video_quality.mean") == Approx((46 * 4.5 + 14 * 3) / 60.));
  CHECK(metric(*summary, "link_recovery.max") == Approx(4.5).margin(0.6));
}

TEST_CASE("recoveries of a link and of a fair share are two figures, and both can be expected of one run") {
  TempFolder temp;
  const Plan plan = plan_of(R"(
scenario: both
duration: 60s
conferences:
  - { name: a, fair: { 0s: 800kbps, 20s: 160kbps, 30s: 800kbps }, people: [ { name: near, count: 2 }, { name: far, sends: audio } ] }
expect: [ recovery.max < 6s, link_recovery.max < 4s, recovery.max in a/far < 6s, link_recovery.max in a/far > 4s ]
)");
  auto folder = open(temp.path + "/run", plan);
  for (int second = 1; second <= 60; ++second) {
    const Instant at = Instant::at(Duration::seconds(second));
    ReceiveSample video = sample(2, 0, Media::video);
    video.bytes = second <= 20 || second > 34 ? 100'000 : 20'000;
    folder->received(at, video);
    folder->links(at, {{plan.people[2].host, false, second > 20 && second <= 30 ? DataRate::mbps(1) : DataRate::mbps(10), 1, 2, 0, 0, Duration::zero()}});
  }
  RunEnd end;
  end.reached = Duration::seconds(60);
  const auto summary = folder->finish(end);
  REQUIRE(summary);
  CHECK(metric(*summary, "link_recovery.max") == Approx(4.5).margin(0.6));
  CHECK(metric(*summary, "recovery.max") == Approx(7));  // 3 of the last 5 s, from 34 s on
  CHECK(query(temp.path + "/run", "SELECT holds FROM expectations ORDER BY rowid") == "0,0,0,1");
}

TEST_CASE("frames that nobody could open are counted where somebody encrypts, be it a guest") {
  const auto undecryptable = [](bool encrypts, uint32_t frames) -> std::optional<double> {
    TempFolder temp;
    Plan plan = plan_of();
    if (encrypts) plan.people[0].key = 0;
    auto folder = open(temp.path + "/run", plan);
    DropCounts drops;
    if (frames > 0) drops.count(Drop::frame_undecryptable, frames);
    drops.count(Drop::rtp_duplicate, 3);
    folder->drops(plan.people[1].name, drops);
    folder->drops("eu-1", drops);
    const auto summary = folder->finish(RunEnd());
    REQUIRE(summary);
    for (const MetricValue& m : summary->metrics)
      if (m.name == "undecryptable") return m.value;
    return std::nullopt;
  };
  CHECK(undecryptable(true, 7) == 7);
  CHECK(undecryptable(true, 0) == 0);
  CHECK(undecryptable(false, 7) == 7);  // of a guest's: no person of the plan encrypts
  CHECK(undecryptable(false, 0) == std::nullopt);
}
