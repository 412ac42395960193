#include <catch2/catch.hpp>

#include "analysis/compare/compare.h"

using namespace tacoma;
using namespace tacoma::analysis;

namespace {

Run run_with(std::vector<Metric> metrics, const std::string& world) {
  Run run;
  run.manifest.scenario = "quickstart";
  run.manifest.world = world;
  run.manifest.state = "complete";
  run.metrics = std::move(metrics);
  return run;
}

}  // namespace

TEST_CASE("differences are B minus A, absolute and relative") {
  const Run a = run_with({{"delay.audio.p50", "s", 0.040},
                          {"loss.video.mean", "ratio", 0.02},
                          {"freeze_ratio.p50", "ratio", 0},
                          {"psnr.p50", "dB", 36}},
                         "sockets");
  const Run b = run_with({{"delay.audio.p50", "s", 0.044},
                          {"loss.video.mean", "ratio", 0.015},
                          {"freeze_ratio.p50", "ratio", 0.01},
                          {"throughput", "bit/s", 5e6}},
                         "ns3");
  const Comparison c = compare_runs(a, b);
  CHECK(c.name_a == "quickstart, sockets");
  CHECK(c.notes.empty());
  REQUIRE(c.metrics.size() == 5);
  const ComparedMetric* delay = find(c, "delay.audio.p50");
  REQUIRE(delay);
  CHECK(*delay->difference == Approx(0.004));
  CHECK(*delay->relative == Approx(0.1));
  CHECK(delay->better == Better::lower);
  CHECK(*find(c, "loss.video.mean")->relative == Approx(-0.25));
  CHECK(*find(c, "freeze_ratio.p50")->difference == Approx(0.01));
  CHECK_FALSE(find(c, "freeze_ratio.p50")->relative);  // nothing is a share of zero
  CHECK_FALSE(find(c, "psnr.p50")->b);
  CHECK_FALSE(find(c, "psnr.p50")->difference);
  CHECK_FALSE(find(c, "throughput")->a);
  CHECK(find(c, "throughput")->better == Better::neither);
  CHECK(find(c, "nonsense") == nullptr);
}

TEST_CASE("figures come by name, from the lucky to the unlucky, groups last") {
  const Comparison c = compare_runs(
      run_with({{"fps.max", "1/s", 1}, {"fps.mean in a/b", "1/s", 1}, {"fps.p5", "1/s", 1}, {"joined", "ratio", 1}},
               "x"),
      run_with({{"fps.p95", "1/s", 1}, {"delay.audio.p50", "s", 1}}, "y"));
  std::vector<std::string> names;
  for (const ComparedMetric& m : c.metrics) names.push_back(m.name);
  CHECK(names == std::vector<std::string>{"delay.audio.p50", "fps.p5", "fps.p95", "fps.max", "joined", "fps.mean in a/b"});
}

TEST_CASE("what makes two runs hard to compare is noted") {
  Run a = run_with({}, "ns3"), b = run_with({}, "ns3");
  b.manifest.scenario_text = "other";
  b.manifest.seed = 7;
  b.manifest.state = "interrupted";
  b.manifest.length = Duration::seconds(20);
  b.manifest.sets = {"duration=20s"};
  CHECK(compare_runs(a, b).notes.size() == 5);
  b.manifest.verdict = "no-verdict";
  b.manifest.exit_code = 1;  // interrupted: its figures are as good as far as they go
  CHECK(compare_runs(a, b).notes.size() == 5);
  b.manifest.exit_code = 98;
  CHECK_THAT(compare_runs(a, b).notes.back(), Catch::Contains("second run could not keep its own schedule"));
  b.manifest.scenario = "bad-wifi";
  CHECK_THAT(compare_runs(a, b).notes.at(0), Catch::Contains("quickstart and bad-wifi"));
}

TEST_CASE("values read as people write them") {
  CHECK(readable(1.2345, "s") == "1.23 s");
  CHECK(readable(0.02345, "s") == "23.4 ms");
  CHECK(readable(0.00012, "s") == "120 us");
  CHECK(readable(0, "s") == "0.00 ms");
  CHECK(readable(0.0234, "ratio") == "2.34 %");
  CHECK(readable(1.0, "ratio") == "100 %");
  CHECK(readable(1'200'000, "bit/s") == "1.20 Mbit/s");
  CHECK(readable(64'000, "bit/s") == "64.0 kbit/s");
  CHECK(readable(4.213, "MOS") == "4.21");
  CHECK(readable(36.25, "dB") == "36.2 dB");
  CHECK(readable(24.9, "1/s") == "24.9 /s");
  CHECK(readable(301282, "1") == "301282");
  CHECK(readable_difference(-0.012, "s") == "-12.0 ms");
  CHECK(readable_difference(0.015, "ratio") == "+1.50 points");
  CHECK(better_of("joined") == Better::higher);
  CHECK(better_of("join_dtls.p50") == Better::lower);
  CHECK(better_of("longest_freeze.max in standup/far") == Better::lower);
  CHECK(better_of("packets") == Better::neither);
}

TEST_CASE("the table for a terminal lines up and can be short") {
  const Run a = run_with({{"join_time.p95", "s", 1.5}, {"join_dtls.p50", "s", 0.1}}, "sockets");
  const Comparison c = compare_runs(a, run_with({{"join_time.p95", "s", 1.8}}, "ns3"));
  const std::string shorter = comparison_table(c, false), whole = comparison_table(c, true);
  CHECK_THAT(shorter, Catch::Contains("join_time.p95") && Catch::Contains("+300 ms") && Catch::Contains("+20.0 %") &&
                          !Catch::Contains("join_dtls"));
  CHECK_THAT(whole, Catch::Contains("join_dtls.p50"));
  size_t width = 0;
  for (size_t at = 0; at < whole.size();) {
    const size_t end = whole.find('\n', at);
    if (width == 0) width = end - at;
    CHECK(end - at == width);
    at = end + 1;
  }
}
