#include "loadgen/people/quality.h"

#include <catch2/catch.hpp>

#include "loadgen/people/playout.h"
#include "tests/support/instants.h"

namespace tacoma {
TEST_CASE("The rating without delay and loss is that of G.107 with default values") {
  CHECK(transmission_rating({}) == Approx(93.2));
}

TEST_CASE("Ratings turn into opinion scores as in G.107 Annex B") {
  // Table B.1: R and MOS.
  CHECK(mos_of_rating(90) == Approx(4.34).margin(0.005));
  CHECK(mos_of_rating(80) == Approx(4.03).margin(0.006));
  CHECK(mos_of_rating(70) == Approx(3.60).margin(0.005));
  CHECK(mos_of_rating(60) == Approx(3.10).margin(0.005));
  CHECK(mos_of_rating(50) == Approx(2.58).margin(0.006));
  CHECK(mos_of_rating(93.2) == Approx(4.41).margin(0.005));
  CHECK(mos_of_rating(-5) == 1);
  CHECK(mos_of_rating(120) == 4.5);
}

TEST_CASE("Loss impairs by the effective equipment impairment of G.107") {
  CallConditions g711;  // with packet loss concealment: Ie 0, Bpl 25.1 (G.113 Appendix I)
  g711.loss_robustness = 25.1;
  g711.loss = 0.02;
  CHECK(transmission_rating(g711) == Approx(93.2 - 95 * 2.0 / 27.1));
  g711.burst_ratio = 2;  // bursts are worse
  CHECK(transmission_rating(g711) == Approx(93.2 - 95 * 2.0 / 26.1));
  CallConditions g729;   // Ie 11, Bpl 19
  g729.equipment_impairment = 11;
  g729.loss_robustness = 19;
  CHECK(transmission_rating(g729) == Approx(82.2));
  g729.loss = 0.03;
  CHECK(transmission_rating(g729) == Approx(93.2 - (11 + 84 * 3.0 / 22)));
}

TEST_CASE("Delay impairs from 100 ms on") {
  CallConditions call;
  call.mouth_to_ear = Duration::milliseconds(100);
  CHECK(transmission_rating(call) == Approx(93.2));
  call.mouth_to_ear = Duration::milliseconds(200);  // X = 1: 25 (2^(1/6) - 3 (1 + 3^-6)^(1/6) + 2)
  CHECK(93.2 - transmission_rating(call) == Approx(3.0444).margin(0.001));
  call.mouth_to_ear = Duration::milliseconds(400);
  CHECK(93.2 - transmission_rating(call) == Approx(24.070).margin(0.001));
}

TEST_CASE("A freeze is a gap of three means or of the mean and 150 ms") {
  FreezeDetector detector;
  for (int i = 0; i <= 10; ++i) detector.rendered(at_ms(40 * i));
  SECTION("189 ms at 25 frames a second is none") {
    detector.rendered(at_ms(400 + 189));
    CHECK(detector.take(at_ms(1000)).freezes == 1);  // that from 589 to 1000 ms
    FreezeDetector other;
    for (int i = 0; i <= 10; ++i) other.rendered(at_ms(40 * i));
    other.rendered(at_ms(400 + 189));
    CHECK(other.take(at_ms(600)).freezes == 0);
  }
  SECTION("190 ms is one, as long as the gap") {
    detector.rendered(at_ms(400 + 190));
    const auto interval = detector.take(at_ms(600));
    CHECK(interval.freezes == 1);
    CHECK(interval.frozen == Duration::milliseconds(190));
    CHECK(interval.longest == Duration::milliseconds(190));
  }
  SECTION("a freeze over intervals is counted once, and in each as long as it lasted there") {
    CHECK(detector.take(at_ms(1000)).frozen == Duration::milliseconds(600));
    const auto second = detector.take(at_ms(2000));
    CHECK(second.freezes == 0);
    CHECK(second.frozen == Duration::milliseconds(1000));
    CHECK(second.longest == Duration::milliseconds(1600));
    detector.rendered(at_ms(2250));
    detector.rendered(at_ms(2290));
    const auto third = detector.take(at_ms(2300));
    CHECK(third.freezes == 0);
    CHECK(third.frozen == Duration::milliseconds(250));
    CHECK(third.longest == Duration::milliseconds(1850));
    CHECK(detector.take(at_ms(2310)).longest == Duration::zero());
  }
  SECTION("a gap that becomes a freeze in the next interval is not longer than that interval") {
    CHECK(detector.take(at_ms(500)).frozen == Duration::zero());
    const auto next = detector.take(at_ms(600));
    CHECK(next.freezes == 1);
    CHECK(next.frozen == Duration::milliseconds(100));
  }
}

TEST_CASE("Below seven frames a second three means are the longer bound") {
  FreezeDetector detector;
  for (int i = 0; i <= 10; ++i) detector.rendered(at_ms(200 * i));
  detector.rendered(at_ms(2000 + 599));
  CHECK(detector.take(at_ms(2600)).freezes == 0);
  FreezeDetector other;
  for (int i = 0; i <= 10; ++i) other.rendered(at_ms(200 * i));
  other.rendered(at_ms(2600));
  CHECK(other.take(at_ms(2601)).freezes == 1);
}

TEST_CASE("Before five gaps there is no mean to judge by") {
  FreezeDetector detector;
  for (int i = 0; i < 5; ++i) detector.rendered(at_ms(40 * i));
  detector.rendered(at_ms(5000));
  CHECK(detector.take(at_ms(5001)).freezes == 0);
}

TEST_CASE("The playout wait follows the lateness of nearly all packets") {
  PlayoutDelay playout({Duration::milliseconds(20), Duration::milliseconds(400)});
  CHECK_FALSE(playout.known());
  for (int i = 0; i < 500; ++i) playout.add(at_ms(20 * i), Duration::milliseconds(50));
  CHECK(playout.wait() == Duration::milliseconds(20));  // nothing is late: the least
  CHECK(playout.transit() == Duration::milliseconds(70));
  for (int i = 500; i < 1000; ++i) playout.add(at_ms(20 * i), Duration::milliseconds(50 + (i % 4) * 25));
  CHECK(playout.wait() == Duration::milliseconds(80));  // 75 ms late, in buckets of 10 ms
  for (int i = 1000; i < 1500; ++i) playout.add(at_ms(20 * i), Duration::milliseconds(i % 2 ? 50 : 5000));
  CHECK(playout.wait() == Duration::milliseconds(400));  // bounded
}

TEST_CASE("A longer way is not lateness for long") {
  PlayoutDelay playout({Duration::milliseconds(20), Duration::milliseconds(400)});
  for (int i = 0; i < 500; ++i) playout.add(at_ms(20 * i), Duration::milliseconds(50));
  for (int i = 500; i < 1500; ++i) playout.add(at_ms(20 * i), Duration::milliseconds(150));
  CHECK(playout.transit() == Duration::milliseconds(170));
}

}  // namespace tacoma
