// CoDel by the arithmetic of RFC 8289, alone and at the head of a link's queue.
#include "core/base/codel.h"

#include <catch2/catch.hpp>
#include <vector>

#include "core/base/link_model.h"
#include "tests/support/instants.h"

using namespace tacoma;

namespace {

constexpr Duration kWait = Duration::milliseconds(20);

// When, of the milliseconds from `from` on, something is taken while packets wait for 20 ms.
std::vector<int64_t> taken(Codel& codel, int64_t from, int64_t to) {
  std::vector<int64_t> at;
  for (int64_t ms = from; ms < to; ++ms)
    if (codel.takes(at_ms(ms), kWait, Codel::kTarget)) at.push_back(ms);
  return at;
}

}  // namespace

TEST_CASE("CoDel waits for an interval, then takes one after intervals over square roots") {
  Codel codel;
  // 100 ms after the wait began, 100 ms later, and then 100 ms over the roots of 2, 3, 4 and 5.
  CHECK(taken(codel, 0, 450) == std::vector<int64_t>{100, 200, 271, 329, 379, 424});
}

TEST_CASE("a wait below the target ends it, and a new one soon after goes on at the pace of before") {
  Codel codel;
  CHECK(taken(codel, 0, 450).size() == 6);
  CHECK_FALSE(codel.takes(at_ms(450), Duration::milliseconds(4), Codel::kTarget));
  // Five had followed the first: it goes on with the fifth's pace.
  CHECK(taken(codel, 451, 700) == std::vector<int64_t>{551, 596, 637, 675});
  CHECK_FALSE(codel.takes(at_ms(700), Duration::milliseconds(4), Codel::kTarget));
  // Much later it begins anew.
  CHECK(taken(codel, 5000, 5250) == std::vector<int64_t>{5100, 5200});
}

TEST_CASE("a wait that is never long for a whole interval costs nothing") {
  Codel codel;
  for (int64_t ms = 0; ms < 5000; ++ms) CHECK_FALSE(codel.takes(at_ms(ms), ms % 90 == 0 ? Duration::milliseconds(4) : kWait, Codel::kTarget));
}

TEST_CASE("the target is no shorter than a packet takes") {
  CHECK(Codel::target_at(DataRate::mbps(10)) == Duration::milliseconds(5));
  CHECK(Codel::target_at(DataRate::mbps(1)) == Duration::milliseconds(12));
  CHECK(Codel::target_at(DataRate::infinite()) == Duration::milliseconds(5));
  CHECK(Codel::target_at(DataRate::zero()) == Duration::milliseconds(5));
}

TEST_CASE("a link with CoDel marks who can ECN, drops the others, and its drops never use the wire") {
  for (const bool ecn : {true, false}) {
    LinkConfig config;
    config.rate = DataRate::mbps(1);
    config.disc = QueueDisc::codel;
    config.ecn = ecn;
    LinkModel link(config, Rng(1)), first(config, Rng(1));  // `first` is offered the same, before any other queue has marked it
    int marked = 0, by_queue = 0, lost = 0, lost_others = 0;
    Rng rng(7);
    Instant last;
    for (int i = 0; i < 2000; ++i) {  // 5 % more than it carries
      const Ecn sent = static_cast<Ecn>(rng.below(4));
      const LinkVerdict v = link.offer(at_ms(i * 19 / 2), 1250, sent);
      by_queue += first.offer(at_ms(i * 19 / 2), 1250, sent == Ecn::ce ? Ecn::ect0 : sent).ecn == Ecn::ce;
      if (!v.delivered) {
        ++(sent == Ecn::not_ect ? lost_others : lost);
        continue;
      }
      REQUIRE(v.arrival >= last + Duration::milliseconds(10));
      last = v.arrival;
      REQUIRE((v.ecn == sent || (ecn && sent != Ecn::not_ect && v.ecn == Ecn::ce)));
      marked += v.ecn != sent;
    }
    CHECK((marked > 20) == ecn);
    CHECK((by_queue > marked) == ecn);
    CHECK((lost > 0) == !ecn);
    CHECK(lost_others > 20);
    const LinkModel::Counts counts = link.take_counts(at_ms(60'000));
    CHECK(counts.queue_drops == static_cast<uint64_t>(lost + lost_others));
    CHECK(counts.marked == static_cast<uint64_t>(by_queue));  // what came with CE was kept for it as well
    CHECK(counts.packets == static_cast<uint64_t>(2000 - lost - lost_others));
    CHECK(counts.bytes == counts.packets * 1250);
    if (!ecn) CHECK(counts.queue_max < Duration::milliseconds(200));
  }
}
