#include <catch2/catch.hpp>

#include "loadgen/app/compare_bounds.h"

using namespace tacoma;

namespace {

analysis::Comparison comparison() {
  analysis::Run a, b;
  a.metrics = {{"throughput", "bit/s", 1e6}, {"delay.audio.p50", "s", 0.040}, {"loss.video.mean", "ratio", 0.010},
      {"loss.audio.mean", "ratio", 0}, {"fps.mean", "1/s", 25}};
  b.metrics = {{"throughput", "bit/s", 1.04e6}, {"delay.audio.p50", "s", 0.050}, {"loss.video.mean", "ratio", 0.019},
      {"loss.audio.mean", "ratio", 0}};
  return analysis::compare_runs(a, b);
}

std::string outcome(const char* text) {
  const auto bounds = parse_bounds(text);
  REQUIRE(bounds);
  std::string out;
  for (const BoundResult& r : check_bounds(*bounds, comparison())) out += (r.holds ? "+" : "-") + r.bound.metric + " ";
  return out;
}

std::string error(const char* text) {
  const auto bounds = parse_bounds(text);
  return bounds ? "accepted" : bounds.error();
}

}  // namespace

TEST_CASE("bounds hold or fail in either direction, in relation or by difference") {
  CHECK(outcome("throughput=5%,delay.audio.p50=8ms,loss.video.mean=1pt") == "+throughput -delay.audio.p50 +loss.video.mean ");
  CHECK(outcome("throughput=3%,delay.audio.p50=12ms,loss.video.mean=0.5pt") == "-throughput +delay.audio.p50 -loss.video.mean ");
  CHECK(outcome("throughput=50kbps,throughput=30kbps") == "+throughput -throughput ");
  CHECK(outcome("loss.audio.mean=0%,loss.audio.mean=0pt") == "+loss.audio.mean +loss.audio.mean ");
}

TEST_CASE("what one run did not measure does not hold") {
  CHECK(outcome("fps.mean=99%") == "-fps.mean ");
  CHECK(outcome("psnr.mean=1dB") == "-psnr.mean ");
}

TEST_CASE("wrong bounds are told") {
  CHECK(error("") == "'' is not a bound (write 'throughput=5%')");
  CHECK(error("throughput") == "'throughput' is not a bound (write 'throughput=5%')");
  CHECK(error("trougput=5%") == "unknown metric 'trougput' (did you mean 'throughput'?)");
  CHECK(error("delay.audio.p50=8") == "delay.audio.p50: '8' has no unit (write '8ms', '8s', '8min')");
  CHECK(error("loss.video.mean=1") == "loss.video.mean: '1': a ratio differs by points (write '1pt') or in relation (write '5%')");
  CHECK(error("audio_mos.mean=-1") == "audio_mos.mean: '-1' is negative");
}
