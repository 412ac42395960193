#include <catch2/catch.hpp>

#include <fstream>
#include <numeric>

#include "analysis/read/run.h"
#include "tests/unit/analysis/fixture.h"

using namespace tacoma;
using namespace tacoma::analysis;

namespace {

void write_text(const std::filesystem::path& file, const std::string& text) { std::ofstream(file) << text; }

Run loaded(const std::filesystem::path& folder) {
  auto run = load_run(folder.string());
  if (!run) FAIL(run.error());
  return *std::move(run);
}

}  // namespace

TEST_CASE("what people were shown is read by viewer and sender, with what decided about it") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  const Run run = loaded(folder.path);
  REQUIRE_FALSE(run.layers.empty());
  CHECK(run.layers.size() <= kMaxLayerRows);
  for (const LayerRow& row : run.layers) {
    CHECK(row.media == "video");
    REQUIRE(run.rates.count(row.person) == 1);
    REQUIRE(run.rates.count(row.sender) == 1);
    if (row.person != 6 || row.sender != 0) continue;
    CHECK(row.bins[20].height == 360);
    CHECK(row.bins[33].height == 180);
    CHECK(row.bins[0].height == -1);  // not there yet
    CHECK(run.rates.at(6)[33].estimate == 400'000);
    CHECK(run.rates.at(6)[20].estimate == 3'000'000);
  }
}

TEST_CASE("a run is read as it was written") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  const Run run = loaded(folder.path);
  CHECK(run.notes.empty());
  CHECK(run.manifest.scenario == "quickstart");
  CHECK(run.manifest.world == "ns3");
  CHECK(run.manifest.length == Duration::seconds(60));
  CHECK(run.manifest.sets == std::vector<std::string>{"duration=60s"});
  CHECK(run.regions == std::vector<std::string>{"eu", "us"});
  REQUIRE(run.people.size() == 8);
  CHECK(run.people[6].group == "standup/far");
  CHECK(run.people[6].access == "dsl");
  CHECK(run.people[6].conference == "room-0");
  CHECK(run.hosts[run.people[6].host].down_bps == 8'000'000);
  CHECK_FALSE(run.hosts[1].up_bps);  // the focus has no limit
  CHECK(run.people[0].steps[0] == run.people[0].joins + Duration::milliseconds(2));
  CHECK(*run.people[0].first_media() == *run.people[0].steps[6]);
  CHECK(run.events.size() == 2);
  CHECK(run.expectations.size() == 4);
  CHECK_FALSE(run.expectations[3].value);
  CHECK(run.metric("joined")->value == 1);
  CHECK(run.metric("nonsense") == nullptr);
  CHECK(run.delays_by_group.size() == 2);
  CHECK(run.drops.front().count == 412);
}

TEST_CASE("samples are summed into bins: the bytes of the database are the bytes of the run") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  const Run run = loaded(folder.path);
  CHECK(run.sample_every == Duration::seconds(1));
  CHECK(run.bin == Duration::seconds(1));
  CHECK(run.bins == 60);
  double bytes = 0;
  for (const auto& bins : run.by_person) {
    for (const PersonBin& b : bins) bytes += static_cast<double>(b.bytes);
  }
  CHECK(bytes * 8 / 60 == Approx(run.metric("throughput")->value).epsilon(0.001));
  const PersonBin &calm = run.by_person[6][20], &hit = run.by_person[6][33];
  CHECK(calm.loss() < 0.02);
  CHECK(hit.loss() > 0.5);
  CHECK(hit.loss_after() < hit.loss());
  CHECK(hit.down.rate == 400'000);
  CHECK(calm.down.rate == 8'000'000);
  CHECK(run.by_person[6][29].down.rate == 8'000'000);  // the capacity changes with the event, at 30 s
  CHECK(run.by_person[6][30].down.rate == 400'000);
  CHECK(run.by_person[6][39].down.rate == 400'000);
  CHECK(run.by_person[6][40].down.rate == 8'000'000);
  CHECK(run.by_person[6][0].down.rate == 8'000'000);   // as planned, before the first sample
  CHECK(hit.down.queue_max == Duration::milliseconds(290));
  CHECK(hit.frozen > calm.frozen);
  CHECK(hit.watched == 7);
}

TEST_CASE("links that several share are read by themselves, unless they have no limit") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  run_sql(folder / "run.sqlite",
          "INSERT INTO hosts VALUES(11, 'home', 'site', 'eu', '', 1000000, 2000000, 5000000), (12, 'open', 'site', 'eu', '', NULL, NULL, 0);"
          "INSERT INTO links VALUES(1000000000, 11, 'down', 2000000, 90, 125000, 3, 0, 40000000, 6), (2000000000, 11, 'down', 500000, 100, 250000, 0, 1, 7000000, 0),"
          "(3000000000, 11, 'down', 500000, 20, 62500, 0, 0, 0, 0), (1000000000, 11, 'up', 1000000, 10, 1000, 0, 0, 0, 0), (1000000000, 12, 'up', NULL, 10, 1000, 0, 0, 0, 0);");
  const Run run = loaded(folder.path);
  REQUIRE(run.sites.size() == 1);
  const SiteLinks& site = run.sites[0];
  CHECK(site.name == "home");
  REQUIRE(site.down.size() == run.bins);
  CHECK(site.down[0].bytes == 125'000);
  CHECK(site.down[0].queue_drops == 3);
  CHECK(site.down[0].marked == 6);
  CHECK(site.down[0].queue_max == Duration::milliseconds(40));
  CHECK(site.down[1].loss_drops == 1);
  CHECK(site.down[0].rate == 2'000'000);  // a sample's rate holds for the interval after it
  CHECK(site.down[1].rate == 2'000'000);
  CHECK(site.down[2].rate == 500'000);
  CHECK(site.down[50].rate == 500'000);
  CHECK(site.up[50].rate == 1'000'000);
  CHECK(site.up[0].bytes == 1'000);
}

TEST_CASE("marks and drops are summed by link and direction, the most marks first, with a limit that is told") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  const Run without = loaded(folder.path);
  REQUIRE(without.queues.size() == 2);  // of those whose link collapses
  for (const QueueTotals& q : without.queues) {
    CHECK(q.queue_drops > 0);
    CHECK(q.marked == 0);
  }
  CHECK(without.queues_left_out == 0);
  run_sql(folder / "run.sqlite",
          "UPDATE links SET marked = 2 WHERE direction = 'up' AND at > 20000000000 AND at <= 30000000000 AND host = (SELECT host FROM people WHERE id = 6);"
          "INSERT INTO hosts VALUES(11, 'home', 'site', 'eu', '', NULL, NULL, 0);"
          "INSERT INTO links VALUES(1000000000, 11, 'down', 2000000, 90, 125000, 3, 0, 0, 6), (2000000000, 11, 'down', 500000, 110, 250000, 1, 1, 0, 16),"
          "(1000000000, 99, 'up', 1, 1, 1, 0, 0, 0, 50), (1000000000, -1, 'up', 1, 1, 1, 0, 0, 0, 50);");
  const Run run = loaded(folder.path);
  REQUIRE(run.queues.size() == 4);
  CHECK(run.queues[0].name == "home");
  CHECK_FALSE(run.queues[0].is_up);
  CHECK(run.queues[0].packets == 200);
  CHECK(run.queues[0].queue_drops == 4);
  CHECK(run.queues[0].marked == 22);
  CHECK(run.queues[1].name == run.hosts[run.people[6].host].name);
  CHECK(run.queues[1].is_up);
  CHECK(run.queues[1].marked == 20);
  CHECK(run.by_person[6][29].up.marked == 2);
  CHECK(run.by_person[6][30].up.marked == 0);
  for (uint32_t i = 0; i < kMaxQueues; ++i) {
    const std::string id = std::to_string(20 + i);
    run_sql(folder / "run.sqlite", "INSERT INTO hosts VALUES(" + id + ", 'h" + id + "', 'bridge', 'eu', '', NULL, NULL, 0);"
            "INSERT INTO links VALUES(1000000000, " + id + ", 'up', NULL, 1, 1, 0, 0, 0, 1);");
  }
  const Run many = loaded(folder.path);
  CHECK(many.queues.size() == kMaxQueues);
  CHECK(many.queues[0].name == "home");
  CHECK(many.queues_left_out == 4);
}

TEST_CASE("a run of before marks and units of bounds were written is read without a complaint") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  const Run now = loaded(folder.path);
  run_sql(folder / "run.sqlite", "ALTER TABLE links DROP COLUMN marked; ALTER TABLE expectations DROP COLUMN unit;");
  const Run old = loaded(folder.path);
  CHECK(old.notes == now.notes);
  REQUIRE(old.queues.size() == now.queues.size());
  for (size_t i = 0; i < now.queues.size(); ++i) CHECK(old.queues[i].queue_drops == now.queues[i].queue_drops);
  REQUIRE(old.bins == now.bins);
  for (uint32_t k = 0; k < now.bins; ++k) {
    CHECK(old.by_person[6][k].down.packets == now.by_person[6][k].down.packets);
    CHECK(old.by_person[6][k].down.queue_drops == now.by_person[6][k].down.queue_drops);
    CHECK(old.by_person[6][k].down.rate == now.by_person[6][k].down.rate);
  }
  REQUIRE(old.expectations.size() == now.expectations.size());
  size_t measured = 0;
  for (size_t i = 0; i < now.expectations.size(); ++i) {
    CHECK(old.expectations[i].text == now.expectations[i].text);
    CHECK(old.expectations[i].value == now.expectations[i].value);
    if (!now.metric(now.expectations[i].metric)) continue;
    CHECK(old.expectations[i].unit == now.expectations[i].unit);
    ++measured;
  }
  CHECK(measured > 0);
}

TEST_CASE("samples that jitter, as real time makes them, stay one a bin") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  const Run exact = loaded(folder.path);
  run_sql(folder / "run.sqlite",
          "UPDATE received SET at = at + (person * 7919 + at / 1000000000 * 104729) % 300000000 - 150000000;"
          "UPDATE links SET at = at + (host * 7919 + at / 1000000000 * 104729) % 300000000 - 150000000;");
  const Run jittery = loaded(folder.path);
  CHECK(jittery.sample_every == Duration::seconds(1));
  REQUIRE(jittery.bins == exact.bins);
  for (uint32_t k = 0; k < exact.bins; ++k) {
    CHECK(jittery.by_person[6][k].bytes == exact.by_person[6][k].bytes);
    CHECK(jittery.by_person[6][k].down.rate == exact.by_person[6][k].down.rate);
    CHECK(jittery.by_person[6][k].down.queue_max == exact.by_person[6][k].down.queue_max);
  }
}

TEST_CASE("a long run gets wider bins, not more of them") {
  Folder folder;
  Fixture f;
  f.people_per_room = 2;
  f.seconds = 1500;
  write_fixture(folder.path, f);
  const Run run = loaded(folder.path);
  CHECK(run.bins <= kMaxBins);
  CHECK(run.bin == Duration::seconds(3));
}

TEST_CASE("a killed run shows what it had, and says so") {
  Folder folder;
  Fixture f;
  f.state = "running";
  f.with_end = false;
  f.seconds = 20;
  write_fixture(folder.path, f);
  const Run run = loaded(folder.path);
  CHECK(run.bins == 20);
  CHECK(run.manifest.reached == Duration::seconds(20));
  REQUIRE(run.notes.size() == 2);
  CHECK_THAT(run.notes[0], Catch::Contains("has not ended") && Catch::Contains("20 of 60 s"));
  CHECK_THAT(run.notes[1], Catch::Contains("No delays"));
  CHECK(run.metrics.empty());
}

TEST_CASE("a run that was interrupted says when") {
  Folder folder;
  Fixture f;
  f.state = "interrupted";
  f.seconds = 30;
  write_fixture(folder.path, f);
  CHECK_THAT(loaded(folder.path).notes.at(0), Catch::Contains("interrupted after 30 of 60 s"));
}

TEST_CASE("a run that was killed before its first row is a run without people") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  std::filesystem::remove(folder / "run.sqlite");
  run_sql(folder / "run.sqlite", "CREATE TABLE hosts(id INTEGER PRIMARY KEY, name TEXT)");
  const Run run = loaded(folder.path);
  CHECK(run.people.empty());
  CHECK(std::any_of(run.notes.begin(), run.notes.end(),
                    [](const std::string& n) { return n.find("people could not be read") != n.npos; }));
  CHECK(run.notes.back() == "No people were recorded.");
}

TEST_CASE("rows that name nobody are passed over") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  run_sql(folder / "run.sqlite",
          "INSERT INTO received VALUES(1000000000, 99, 0, 'video', 1, 1000, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 360, 0, 0, 1, -1, 0, 0, 0, 0);"
          "INSERT INTO received VALUES(1000000000, -1, 0, 'video', 1, 1000, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 360, 0, 0, 1, -1, 0, 0, 0, 0);"
          "INSERT INTO join_steps VALUES(99, 'ice', 5); INSERT INTO links VALUES(5, 4000000000, 'up', 1, 1, 1, 0, 0, 0, 0);"
          "INSERT INTO delays VALUES(-7, 'audio', 'packet', 0, 1, 1);");
  CHECK(loaded(folder.path).people.size() == 8);
}

TEST_CASE("what is missing or strange is said in a sentence") {
  Folder folder;
  const std::filesystem::path good = folder / "good";
  write_fixture(good, Fixture());
  auto sentence = [](const std::filesystem::path& path) {
    const auto run = load_run(path.string());
    return run ? std::string("no error") : run.error();
  };
  CHECK_THAT(sentence(folder / "nowhere"), Catch::EndsWith("nowhere does not exist."));
  CHECK_THAT(sentence(good / "run.json"), Catch::Contains("is a file; the result of a run is a folder"));
  CHECK_THAT(sentence(folder.path), Catch::Contains("holds no run.json"));
  std::filesystem::copy_file(good / "run.json", folder / "run.json");
  CHECK_THAT(sentence(folder.path), Catch::Contains("holds no run.sqlite"));
  write_text(folder / "run.sqlite", "this is no database at all, though long enough to be looked at as one, perhaps");
  CHECK_THAT(sentence(folder.path), Catch::Contains("run.sqlite cannot be read"));
  write_text(folder / "run.json", "{\"format\": ");
  CHECK_THAT(sentence(folder.path), Catch::Contains("run.json is damaged"));
  write_text(folder / "run.json", "{\"scenario\": 7}");
  CHECK_THAT(sentence(folder.path), Catch::Contains("no format number"));
  Fixture newer;
  newer.format = 2;
  write_fixture(good, newer);
  CHECK_THAT(sentence(good), Catch::Contains("newer Tacoma (format 2; this one reads up to 1)"));
}

TEST_CASE("a folder with any name can be read") {
  Folder folder;
  const std::filesystem::path odd = folder / "a run? 100% #1 & ü";
  write_fixture(odd, Fixture());
  CHECK(loaded(odd).people.size() == 8);
}
