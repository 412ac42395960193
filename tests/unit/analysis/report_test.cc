#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "analysis/report/layers.h"
#include "analysis/report/quality.h"
#include "analysis/report/report.h"
#include "tests/unit/analysis/fixture.h"

using namespace tacoma;
using namespace tacoma::analysis;

namespace {

Run made(const Fixture& fixture) {
  Folder folder;
  write_fixture(folder.path, fixture);
  auto run = load_run(folder.path);
  if (!run) FAIL(run.error());
  return *std::move(run);
}

/// The data that the page carries, cut out of it as a browser would.
nlohmann::json data_of(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const size_t from = page.find(open);
  REQUIRE(from != std::string::npos);
  const size_t start = from + open.size(), end = page.find("</script", start);
  REQUIRE(end != std::string::npos);
  const auto json = nlohmann::json::parse(page.substr(start, end - start), nullptr, false);
  REQUIRE(json.is_object());
  return json;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

PersonBin judged_bin(double frozen_s, uint32_t lost, double mos) {
  PersonBin b;
  b.watched = 1;
  b.frozen = Duration::from_seconds(frozen_s);
  b.video_expected = b.audio_expected = 1000;
  b.video_lost = b.audio_lost = lost;
  b.mos_sum = mos;
  b.mos_count = 1;
  return b;
}

}  // namespace

TEST_CASE("the page has every section, in order, and needs nothing from outside") {
  const std::string page = report_page({made(Fixture())});
  size_t before = 0;
  for (const char* id : {"verdict", "figures", "comparison", "topology", "joins", "quality", "delay", "rates", "sites", "marks", "bridge",
                         "pictures", "drops", "manifest"}) {
    const size_t at = page.find("<section id=\"" + std::string(id) + "\"");
    CAPTURE(id);
    REQUIRE(at != std::string::npos);
    CHECK(at > before);
    before = at;
  }
  CHECK(page.find("default-src 'none'") != std::string::npos);
  CHECK(count_of(page, "<script src") == 0);
  CHECK(count_of(page, "<link rel=\"stylesheet") == 0);
  CHECK(page.find("{{") > page.find("Licensed to the Apache Software Foundation"));  // every place of ours is filled in
  CHECK(page.find("echarts") != std::string::npos);
}

TEST_CASE("the page has what shared links carried, in kbit/s and ms") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  run_sql(folder / "run.sqlite",
          "INSERT INTO hosts VALUES(11, 'home', 'site', 'eu', '', 1000000, 2000000, 5000000);"
          "INSERT INTO links VALUES(1000000000, 11, 'down', 2000000, 90, 125000, 3, 1, 40000000, 6);");
  const auto run = load_run(folder.path);
  REQUIRE(run);
  const auto data = data_of(report_page({*run}));
  const auto& down = data.at("runs").at(0).at("sites").at(0).at("down");
  CHECK(data.at("runs").at(0).at("sites").at(0).at("name") == "home");
  CHECK(down.at("carried")[0] == 1000);
  CHECK(down.at("capacity")[0] == 2000);
  CHECK(down.at("queue")[0] == 40);
  CHECK(down.at("dropped")[0] == 4);
  CHECK(down.at("marked")[0] == 6);
  CHECK(down.at("carried")[1] == 0);
}

TEST_CASE("marks are on the page where a queue marked, and nowhere else") {
  Folder folder;
  write_fixture(folder.path, Fixture());
  run_sql(folder / "run.sqlite",
          "INSERT INTO hosts VALUES(11, 'home', 'site', 'eu', '', 1000000, 2000000, 5000000);"
          "INSERT INTO links VALUES(1000000000, 11, 'down', 2000000, 90, 125000, 3, 1, 40000000, 0);");
  const auto page_of = [&] {
    const auto run = load_run(folder.path);
    REQUIRE(run);
    return data_of(report_page({*run})).at("runs").at(0);
  };
  const auto without = page_of();
  for (const auto& queue : without.at("queues").at("links")) CHECK(queue.at("marked") == 0);
  CHECK_FALSE(without.at("sites").at(0).at("down").contains("marked"));
  for (const auto& row : without.at("rows")) CHECK_FALSE(row.at("curves").contains("marked"));

  run_sql(folder / "run.sqlite",
          "UPDATE links SET marked = 5, packets = 95 WHERE direction = 'up' AND at = 30000000000 AND host = (SELECT host FROM people WHERE id = 6);"
          "UPDATE links SET marked = 9 WHERE host = 11;");
  const auto with = page_of();
  REQUIRE(with.at("queues").at("links").size() == without.at("queues").at("links").size() + 1);
  CHECK(with.at("queues").at("left_out") == 0);
  const auto& most = with.at("queues").at("links").at(0);
  CHECK(most.at("name") == "home");
  CHECK(most.at("way") == "down");
  CHECK(most.at("packets") == 90);
  CHECK(most.at("marked") == 9);
  CHECK(most.at("dropped") == 3);
  CHECK(most.at("share_text") == "10.0 %");
  CHECK(with.at("queues").at("links").at(1).at("way") == "up");
  CHECK_FALSE(with.at("sites").at(0).at("up").contains("marked"));
  size_t curves = 0;
  for (const auto& row : with.at("rows")) {
    if (!row.at("curves").contains("marked")) continue;
    ++curves;
    CHECK(row.at("curves").at("marked")[29] > 0);
    CHECK(row.at("curves").at("marked")[30] == 0);
  }
  CHECK(curves == 3);  // the person, its group, everybody
}

TEST_CASE("the data of the page are the run's") {
  const Run run = made(Fixture());
  const auto data = data_of(report_page({run}));
  const auto& r = data.at("runs").at(0);
  CHECK(r.at("manifest").at("digest") == "3f9a0c51d2e87b64");
  CHECK(r.at("expectations").size() == 4);
  CHECK(r.at("expectations")[0].at("value_text") == "1.73 s");
  CHECK(r.at("expectations")[3].at("value_text") == "not measured");
  CHECK(r.at("joins").at("got_media") == 8);
  CHECK(r.at("joins").at("people").size() == 8);
  CHECK(r.at("topology").at("regions").size() == 2);
  CHECK(r.at("topology").at("regions")[0].at("bridges")[0].at("name") == "eu-1");
  CHECK(r.at("topology").at("regions")[1].at("groups")[0].at("count") == 2);
  CHECK(r.at("topology").at("delays").size() == 1);
  CHECK(r.at("rows").size() == 1 + 2 + 8);  // everybody, groups, people
  CHECK(r.at("delays").size() == 1 + 2);
  CHECK(r.at("events").at("list").size() == 2);
  CHECK(r.at("drops")[0].at("count") == 412);
  CHECK(r.at("drops")[0].at("text") == "receiver has not had a key frame of the source yet");
  CHECK(r.at("bridges")[0].at("in")[5] == 816);  // 102 packets a second from each of eight
  CHECK(r.at("pictures").size() == 2);
  CHECK_FALSE(data.contains("comparison"));
  const auto& points = r.at("delays")[0].at("kinds").at("audio").at("points");
  CHECK(points.back()[1] == 1);
  for (size_t i = 1; i < points.size(); ++i) CHECK((points[i][0] >= points[i - 1][0] && points[i][1] >= points[i - 1][1]));
  const auto far = std::find_if(r.at("rows").begin(), r.at("rows").end(),
                                [](const auto& row) { return row.at("name") == "standup/far"; });
  REQUIRE(far != r.at("rows").end());
  CHECK(far->at("video").get<std::string>().substr(30, 10) == "bbbbbbbbbb");
  CHECK(far->at("video").get<std::string>().substr(45, 10) == "gggggggggg");
  CHECK(far->at("curves").at("down")[33] == 400.0);
}

TEST_CASE("names cannot break out of the page") {
  Fixture f;
  f.far_name = "</script><script>alert(1)</script><!-- {{data}} & \"quotes\" \xff";
  f.scenario = "<b>bold</b> & </title>";
  const Run run = made(f);
  const std::string page = report_page({run}), plain = report_page({made(Fixture())});
  CHECK(count_of(page, "</script") == count_of(plain, "</script"));
  CHECK(count_of(page, "<script>") == count_of(plain, "<script>"));
  CHECK(page.find("<b>bold") == std::string::npos);
  CHECK(page.find("<title>&lt;b&gt;bold&lt;/b&gt; &amp; &lt;/title&gt;, ns3 – Tacoma</title>") != std::string::npos);
  const auto data = data_of(page);
  CHECK(data.at("runs")[0].at("manifest").at("scenario") == f.scenario);
  const std::string name = data.at("runs")[0].at("events").at("list")[0].at("subject");
  CHECK_THAT(name, Catch::StartsWith("</script><script>alert(1)</script><!-- {{data}} & \"quotes\" "));
}

TEST_CASE("two runs come with their differences") {
  Fixture other;
  other.world = "sockets";
  other.extra_delay_ms = 10;
  const Run a = made(Fixture()), b = made(other);
  const auto data = data_of(report_page({a, b}));
  REQUIRE(data.at("runs").size() == 2);
  const auto& rows = data.at("comparison").at("rows");
  CHECK(rows.size() == a.metrics.size());
  const auto delay =
      std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.at("name") == "delay.audio.p50"; });
  REQUIRE(delay != rows.end());
  const double expected = b.metric("delay.audio.p50")->value - a.metric("delay.audio.p50")->value;
  CHECK(delay->at("difference").get<double>() == Approx(expected));
  CHECK(delay->at("difference").get<double>() > 0.008);
  CHECK(delay->at("better") == "lower");
}

TEST_CASE("a killed run makes a page that says what is missing") {
  Fixture f;
  f.state = "running";
  f.with_end = false;
  f.seconds = 15;
  const auto data = data_of(report_page({made(f)}));
  const auto& r = data.at("runs")[0];
  CHECK_THAT(r.at("notes")[0].get<std::string>(), Catch::Contains("has not ended"));
  CHECK(r.at("delays").empty());
  CHECK(r.at("metrics").empty());
  CHECK(r.at("bins") == 15);
}

TEST_CASE("a run without a single row still makes a page") {
  Run run;
  run.manifest.json = "{}";
  CHECK(data_of(report_page({run})).at("runs")[0].at("rows").empty());
}

TEST_CASE("a large run is cut to its worst, and the page says so") {
  Fixture f;
  f.rooms = 60;
  f.people_per_room = 4;
  f.seconds = 12;
  const Run run = made(f);
  REQUIRE(run.people.size() == 240);
  const ReportLimits limits;
  const std::string page = report_page({run});
  const auto data = data_of(page);
  const auto& r = data.at("runs")[0];
  size_t people = 0, groups = 0;
  for (const auto& row : r.at("rows")) {
    people += row.at("kind") == "person";
    groups += row.at("kind") == "group";
  }
  CHECK(people == limits.people);
  CHECK(groups == limits.groups);
  CHECK(r.at("joins").at("people").size() == limits.joins);
  CHECK(r.at("joins").at("total") == 240);
  CHECK(r.at("delays").size() <= 1 + limits.groups);
  CHECK_THAT(r.at("notes").dump(), Catch::Contains("Of 240 people, the 40 who had it worst") &&
                                       Catch::Contains("Of 120 groups, the 24 worst"));
  CHECK(r.at("topology").at("regions")[0].at("groups").size() ==
        1);  // by access profile: more groups than a region can show
  CHECK(page.size() < 2'500'000);
}

TEST_CASE("quality has the bounds that the page states") {
  const Duration second = Duration::seconds(1);
  CHECK(video_quality(judged_bin(0, 0, 4.4), second) == kGood);
  CHECK(video_quality(judged_bin(0.03, 0, 4.4), second) == kFair);
  CHECK(video_quality(judged_bin(0, 60, 4.4), second) == kPoor);
  CHECK(video_quality(judged_bin(0.5, 0, 4.4), second) == kBad);
  CHECK(video_quality(PersonBin(), second) == kIdle);
  CHECK(audio_quality(judged_bin(1, 0, 4.4)) == kGood);
  CHECK(audio_quality(judged_bin(0, 0, 3.8)) == kFair);
  CHECK(audio_quality(judged_bin(0, 0, 3.2)) == kPoor);
  CHECK(audio_quality(judged_bin(0, 0, 2.0)) == kBad);
  CHECK(audio_quality(judged_bin(0, 20, 4.4)) == kFair);
  CHECK(audio_quality(PersonBin()) == kIdle);
  CHECK(three_in_four("gggb") == kGood);
  CHECK(three_in_four("ggbb") == kBad);
  CHECK(three_in_four("gf") == kFair);
  CHECK(three_in_four("..--") == kIdle);
  CHECK(three_in_four("....") == kAbsent);
  CHECK(badness({"gggg", "gggg"}) == 0);
  CHECK(badness({"gbgb", "gggg"}) == Approx(0.5));
  CHECK(badness({"....", "...."}) == 0);
}

TEST_CASE("quality follows a person into and out of the room") {
  Run run = made(Fixture());
  run.people[7].leaves = Duration::seconds(50);
  const QualityLine line = quality_of(run, 7);
  CHECK(line.video.substr(0, 5) == ".....");    // joins at 5.4 s
  CHECK(line.video[5] == kJoining);
  CHECK(line.video.substr(50) == "..........");
  run.people[7].steps = {};
  for (PersonBin& b : run.by_person[7]) b = PersonBin();
  CHECK(quality_of(run, 7).audio.substr(6, 44) == std::string(44, kJoining));  // it never gets anything
}

TEST_CASE("a report is written whole or not at all") {
  Folder folder;
  const Run run = made(Fixture());
  const std::string path = (folder / "report.html").string();
  REQUIRE(write_report({run}, path));
  std::ifstream in(path, std::ios::binary);
  const std::string written((std::istreambuf_iterator<char>(in)), {});
  CHECK(written == report_page({run}));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  const auto refused = write_report({run}, (folder / "missing" / "report.html").string());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error(), Catch::Contains("cannot be written: No such file"));
}

TEST_CASE("the page says of each stretch what was shown and why") {
  const nlohmann::json rows = layers_json(made(Fixture()));
  REQUIRE_FALSE(rows.empty());
  std::string reasons;
  for (const auto& row : rows) {
    uint32_t last = 0;
    for (const auto& piece : row["pieces"]) {
      CHECK(piece[0].get<uint32_t>() >= last);
      last = piece[1].get<uint32_t>();
      reasons += piece[2].get<std::string>() + " " + piece[4].get<std::string>() + "\n";
    }
  }
  CHECK_THAT(reasons, Catch::Contains("a 360 lines were asked for"));
  CHECK_THAT(reasons, Catch::Contains("l 360 lines were asked for; the bridge's estimate for the viewer is 400"));
  CHECK_THAT(reasons, Catch::Contains("h 360 lines were asked for, held back: the bridge's estimate"));
  CHECK_THAT(reasons, Catch::Contains("n not asked for"));
}
