// A bridge and a receiver whose network gets narrow and wide again, in the light world.
#include <algorithm>

#include "tests/world/meeting/meeting.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

/// Five people, each sends one picture stream of 500 kbit/s that does not adapt; the way to the last one is cut to `rate` from 20 s to
/// 50 s.
struct Narrowing : Meeting {
  explicit Narrowing(DataRate rate, Congestion congestion) {
    plan.congestion = congestion;
    for (int64_t i = 0; i < 5; ++i) add_person(100 * i);
    LinkConfig narrow = down(4);
    narrow.rate = rate;
    narrow.queue = Duration::milliseconds(300);
    plan.network.changes.push_back({at_ms(20'000), plan.people[4].host, false, narrow});
    plan.network.changes.push_back({at_ms(50'000), plan.people[4].host, false, down(4)});
  }
  double kbps(uint32_t person, int64_t from_ms, int64_t to_ms) const {
    return results.sum(person, Media::video, at_ms(from_ms), at_ms(to_ms)).bytes * 8.0 / static_cast<double>(to_ms - from_ms);
  }
  /// The worst second's median delay of what the last person hears.
  double audio_delay_ms(int64_t from_ms, int64_t to_ms) const {
    Duration worst;
    for (const auto& [at, row] : results.receive)
      if (row.person == 4 && row.media == Media::audio && at > at_ms(from_ms) && at <= at_ms(to_ms)) worst = std::max(worst, row.delay_p50);
    return worst.to_ms();
  }
  DataRate least_estimate() {
    std::vector<DataRate> all;
    world->inspect(plan.bridges[0].host, [&](Process& process, Instant, Outbox&) { all = static_cast<Bridge&>(process).estimates(); });
    REQUIRE(all.size() == 5);
    return *std::min_element(all.begin(), all.end());
  }
};

}  // namespace

TEST_CASE("A receiver's narrow network is found within seconds, holds no queue, and is left again") {
  const Congestion congestion = GENERATE(Congestion::gcc, Congestion::nada);
  Narrowing meeting(DataRate::kbps(1'300), congestion);
  meeting.begin();
  meeting.run_to(20'000);
  INFO((congestion == Congestion::gcc ? "gcc" : "nada"));
  INFO(meeting.story());
  CHECK(meeting.kbps(4, 10'000, 20'000) > 1'800);
  meeting.run_to(25'000);
  const DataRate narrow = meeting.least_estimate();
  meeting.run_to(50'000);
  const double delay = meeting.audio_delay_ms(26'000, 50'000), video = meeting.kbps(4, 26'000, 50'000);
  const ReceiveSample audio = meeting.results.sum(4, Media::audio, at_ms(26'000), at_ms(50'000));
  meeting.run_to(70'000);
  const double after = meeting.kbps(4, 60'000, 70'000);
  UNSCOPED_INFO("estimate after 5 s " << narrow.bps() / 1000 << " kbps, audio's worst median delay " << delay << " ms, video " << video << " kbps, audio lost "
                             << audio.lost << " of " << audio.expected << ", ten seconds after the end " << after << " kbps");
  CHECK(narrow > DataRate::kbps(300));
  CHECK(narrow < DataRate::kbps(1'500));
  CHECK(delay < 30 + 100);  // 30 ms of it is propagation
  CHECK(video > 400);  // one of the four pictures, all of the time: none of them adapts, and two do not fit beside repeats and probes
  CHECK(audio.lost * 100 <= audio.expected);
  CHECK(after > 1'200);  // three of four at least: the last may still be held back
  // The others have noticed nothing.
  for (uint32_t i = 0; i < 4; ++i) CHECK(meeting.results.sum(i, Media::video, at_ms(5'000)).freezes == 0);
  meeting.finish();
}

TEST_CASE("Without a controller the same network keeps a full queue") {
  Narrowing meeting(DataRate::kbps(1'300), Congestion::none);
  meeting.begin();
  meeting.run_to(50'000);
  CHECK(meeting.audio_delay_ms(26'000, 50'000) > 200);
  CHECK(meeting.bridge().counts.allocations > 0);
}

TEST_CASE("With ECN a narrow network marks what it would have dropped, and whoever did not ask for it sees none of this") {
  for (const bool ecn : {true, false}) {
    Narrowing meeting(DataRate::kbps(1'300), Congestion::gcc);
    meeting.plan.ecn = ecn;
    for (LinkChange& change : meeting.plan.network.changes) {
      change.link.disc = QueueDisc::codel;
      change.link.ecn = true;
    }
    meeting.begin();
    meeting.run_to(50'000);
    const BridgeCounts counts = meeting.bridge().counts;
    UNSCOPED_INFO((ecn ? "with ECN: " : "without: ") << counts.ecn_marked << " marked, " << meeting.world->stats().drops[Drop::queue_full] << " lost in queues, "
                                                     << counts.feedback_lost << " reported lost, video " << meeting.kbps(4, 26'000, 50'000) << " kbps");
    CHECK((counts.ecn_marked > 0) == ecn);
    CHECK(counts.ecn_bleached == 0);
    CHECK(counts.drops[Drop::feedback_unknown_packet] == 0);
    CHECK(counts.feedback_in > 100);
    CHECK(meeting.audio_delay_ms(26'000, 50'000) < 30 + 100);
    CHECK(meeting.kbps(4, 26'000, 50'000) > 400);
    for (uint32_t i = 0; i < 5; ++i) CHECK(meeting.stats(i).drops[Drop::ecn_bleached] == 0);
    meeting.finish();
  }
}

}  // namespace tacoma
