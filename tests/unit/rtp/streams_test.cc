// The small state machines that stand on the codec.
#include <catch2/catch.hpp>

#include <set>
#include <vector>

#include "core/base/rng.h"
#include "core/rtp/nack.h"
#include "core/rtp/packet_cache.h"
#include "core/rtp/reception.h"
#include "core/rtp/sequence.h"
#include "core/rtp/twcc_recorder.h"
#include "tests/support/instants.h"

using namespace tacoma;

TEST_CASE("sequence numbers and timestamps unwrap both ways") {
  SequenceUnwrapper s;
  CHECK(s.unwrap(65534) == 65534);
  CHECK(s.unwrap(1) == 65537);
  CHECK(s.unwrap(65535) == 65535);  // late, before the wrap
  CHECK(s.newest() == 65537);
  CHECK(s.peek(2) == 65538);
  CHECK(s.newest() == 65537);
  TimestampUnwrapper t;
  CHECK(t.unwrap(5) == 5);
  CHECK(t.unwrap(0xfffffff0) == -16);
  CHECK(is_newer<uint16_t>(3, 65530));
  CHECK_FALSE(is_newer<uint16_t>(65530, 3));
  CHECK_FALSE(is_newer<uint16_t>(3, 3));
}

TEST_CASE("the window tells fresh from duplicate from too old, as a set would") {
  Rng rng(8);
  SequenceWindow window;
  std::set<int64_t> seen;
  int64_t newest = 0;
  for (int i = 0; i < 20000; ++i) {
    int64_t s = newest + static_cast<int64_t>(rng.below(40)) - 20;
    if (rng.chance(0.01)) s = newest + rng.below(2000);
    if (rng.chance(0.01)) s = newest - rng.below(2000);
    if (i == 0) s = 0;
    const auto expected = i > 0 && newest - s >= SequenceWindow::kSize ? SequenceWindow::Seen::too_old
                          : seen.count(s) ? SequenceWindow::Seen::duplicate : SequenceWindow::Seen::fresh;
    REQUIRE(window.has(s) == (expected == SequenceWindow::Seen::duplicate));
    REQUIRE(window.mark(s) == expected);
    REQUIRE(window.has(s) == (expected != SequenceWindow::Seen::too_old));
    if (expected != SequenceWindow::Seen::too_old) { seen.insert(s); newest = std::max(newest, s); }
  }
}

TEST_CASE("reception counts loss by sequence numbers and reports fractions of the interval") {
  Reception r(90000);
  CHECK(r.expected() == 0);
  for (int i = 0; i < 100; ++i)
    if (i % 4 != 3) r.on_packet(static_cast<uint16_t>(65500 + i), static_cast<uint32_t>(i * 900), at_ms(10 * i));
  CHECK(r.expected() == 99);  // the last one is missing and not yet known to be
  CHECK(r.received() == 75);
  CHECK(r.lost() == 24);
  CHECK(r.jitter() == Duration::zero());  // evenly spaced
  ReportBlock b = r.report(Ssrc(1), at_ms(1000));
  CHECK(b.fraction_lost == 24 * 256 / 99);
  CHECK(b.lost == 24);
  CHECK(b.highest_sequence == 65598);
  CHECK(b.last_sr == 0);
  r.on_packet(static_cast<uint16_t>(65500 + 100), 90000, at_ms(1000));
  r.on_sender_report(to_ntp(at_ms(1000)), at_ms(1040));
  b = r.report(Ssrc(1), at_ms(1540));
  CHECK(b.fraction_lost == 128);  // one of two
  CHECK(b.last_sr == compact_ntp(to_ntp(at_ms(1000))));
  CHECK(b.delay_since_last_sr == 32768);
}

TEST_CASE("jitter follows A.8") {
  Reception r(8000);
  // Transit alternates by 10 ms = 80 units: J moves by (80 - J) / 16 each packet and approaches 80.
  double j = 0;
  for (int i = 0; i < 200; ++i) {
    r.on_packet(static_cast<uint16_t>(i), static_cast<uint32_t>(i * 160), at_ms(20 * i + (i % 2) * 10));
    if (i > 0) j += (80 - j) / 16;
  }
  CHECK(std::abs(r.jitter().to_ms() - j / 8) < 0.3);
}

TEST_CASE("a gap is asked for after the reordering tolerance, again after a round trip, and given up") {
  NackTracker tracker;
  std::vector<uint16_t> ask;
  tracker.on_packet(65534, at_ms(0));
  CHECK(tracker.on_packet(2, at_ms(1)) == NackTracker::Seen::newest);  // 65535, 0, 1 are missing
  CHECK(tracker.missing() == 3);
  tracker.due(at_ms(1), Duration::zero(), ask);
  // 65535 is three behind: loss. 0 and 1 may be reordered.
  CHECK(ask == std::vector<uint16_t>{65535});
  ask.clear();
  CHECK(tracker.deadline() == at_ms(11));
  CHECK(tracker.on_packet(0, at_ms(5)) == NackTracker::Seen::filled);
  CHECK(tracker.on_packet(0, at_ms(6)) == NackTracker::Seen::not_missing);
  tracker.due(at_ms(11), Duration::milliseconds(80), ask);
  CHECK(ask == std::vector<uint16_t>{1});
  ask.clear();
  CHECK(tracker.deadline() == at_ms(21));  // 65535 was asked for before the round trip was known
  uint32_t given_up = 0;
  std::vector<int64_t> when;
  while (!tracker.deadline().is_never()) {
    const Instant now = tracker.deadline();
    ask.clear();
    given_up += tracker.due(now, Duration::milliseconds(80), ask);
    CHECK((tracker.deadline() > now));
    for (uint16_t s : ask) if (s == 1) when.push_back(now.since_start().ms());
  }
  CHECK(when == std::vector<int64_t>{111, 211, 311, 411, 511, 611, 711, 811, 911});
  CHECK(given_up == 2);
  CHECK(tracker.given_up() == 2);
  CHECK(tracker.filled() == 1);
}

TEST_CASE("what is missing before a key frame is neither asked for nor given up") {
  NackTracker tracker;
  std::vector<uint16_t> ask;
  tracker.on_packet(65534, at_ms(0));
  tracker.on_packet(2, at_ms(1));  // 65535, 0, 1 are missing
  tracker.on_packet(4, at_ms(2));  // and 3
  tracker.forget_before(2);
  CHECK(tracker.missing() == 1);
  CHECK(tracker.due(at_ms(20), Duration::zero(), ask) == 0);
  CHECK(ask == std::vector<uint16_t>{3});
  CHECK(tracker.given_up() == 0);
  CHECK(tracker.on_packet(0, at_ms(21)) == NackTracker::Seen::not_missing);
  tracker.forget_before(4);
  CHECK(tracker.deadline().is_never());
}

TEST_CASE("the missing list is bounded; its oldest are given up") {
  NackLimits limits;
  NackTracker tracker(limits);
  std::vector<uint16_t> ask;
  tracker.on_packet(0, at_ms(0));
  tracker.on_packet(1001, at_ms(1));
  CHECK(tracker.missing() == limits.missing);
  CHECK(tracker.due(at_ms(1), Duration::zero(), ask) == 1000 - limits.missing);
  REQUIRE_FALSE(ask.empty());
  CHECK(ask.front() == 1001 - limits.missing);
  tracker.on_packet(1003, at_ms(2));
  CHECK(tracker.missing() == limits.missing);
  CHECK(tracker.due(at_ms(2), Duration::zero(), ask) == 1);
}

TEST_CASE("recorded arrivals come out as feedback, each once") {
  Rng rng(21);
  TwccRecorder recorder;
  std::vector<uint8_t> buffer(1200);
  std::vector<std::pair<int64_t, Instant>> got;  // of received ones
  std::vector<TransportStatus> statuses;
  std::set<int64_t> sent;
  SequenceUnwrapper unwrap;
  Instant now;
  uint8_t count = 0;
  int64_t next = 65500;
  for (int i = 0; i < 5000; ++i) {
    now = now + Duration::microseconds(250 * static_cast<int64_t>(rng.below(40)));
    if (rng.chance(0.002)) now = now + Duration::seconds(12);  // longer than a delta can say
    if (!rng.chance(0.1)) { recorder.on_packet(static_cast<uint16_t>(next), now); sent.insert(next); }
    ++next;
    if (recorder.deadline() > now) continue;
    for (;;) {
      RtcpWriter w(buffer);
      if (!recorder.build(Ssrc(1), Ssrc(2), w)) break;
      RtcpReader reader(w.result());
      RtcpPacket packet;
      REQUIRE(reader.next(packet));
      const auto feedback = parse_transport_feedback(packet, statuses);
      REQUIRE(feedback);
      CHECK(feedback->feedback_count == count++);
      for (const TransportStatus& s : statuses) {
        const int64_t extended = unwrap.unwrap(s.sequence);
        if (s.received) got.push_back({extended, Instant::at(s.arrival)});
        if (s.received) CHECK(sent.count(extended) == 1);
      }
    }
    recorder.reported(now);
    CHECK((recorder.deadline().is_never()));
  }
  REQUIRE(got.size() > 4000);
  for (size_t i = 1; i < got.size(); ++i) REQUIRE(got[i].first > got[i - 1].first);
  CHECK(sent.size() - got.size() < 100);  // only those since the last report
}

TEST_CASE("arrivals waiting for a report are bounded") {
  TwccRecorder recorder;
  for (uint32_t i = 0; i < 3000; ++i) recorder.on_packet(static_cast<uint16_t>(i), at_ms(1));
  CHECK(recorder.deadline() == at_ms(1));
  CHECK(recorder.overflowed() == 3000 - TwccRecorder::kLimit);
  recorder.on_packet(30000, at_ms(2));  // a jump: everything before is out of reach
  CHECK(recorder.overflowed() == 3000);
}

TEST_CASE("the cache finds what is young enough and forgets the rest") {
  PacketPool pool;
  {
    PacketCache cache(16, Duration::milliseconds(100));
    CHECK(cache.find(1) == nullptr);
    for (uint16_t i = 0; i < 40; ++i) {
      PacketRef p = pool.make(10);
      p.mutable_bytes()[0] = static_cast<uint8_t>(i);
      if (i != 35) cache.store(static_cast<uint16_t>(65530 + i), p, at_ms(i));
    }
    CHECK(cache.size() == 16);
    REQUIRE(cache.find(static_cast<uint16_t>(65530 + 39)));
    CHECK(cache.find(static_cast<uint16_t>(65530 + 39))->packet.bytes()[0] == 39);
    CHECK(cache.find(static_cast<uint16_t>(65530 + 35)) == nullptr);
    CHECK(cache.find(static_cast<uint16_t>(65530 + 23)));
    CHECK(cache.find(static_cast<uint16_t>(65530 + 22)) == nullptr);
    // A late one goes to its place and pushes the oldest out.
    cache.store(static_cast<uint16_t>(65530 + 35), pool.make(10), at_ms(40));
    CHECK(cache.find(static_cast<uint16_t>(65530 + 35)));
    CHECK(cache.find(static_cast<uint16_t>(65530 + 36))->packet.bytes()[0] == 36);
    CHECK(cache.find(static_cast<uint16_t>(65530 + 23)) == nullptr);
    CHECK(cache.size() == 16);
    CHECK(pool.in_use() == 16);
    cache.store(static_cast<uint16_t>(65530 + 40), pool.make(10), at_ms(150));
    CHECK(cache.find(static_cast<uint16_t>(65530 + 39)) == nullptr);
    CHECK(cache.size() == 1);
    cache.clear();
    CHECK(pool.in_use() == 0);
  }
  CHECK(pool.in_use() == 0);
}

TEST_CASE("the cache keeps the newest few, however old they are") {
  PacketPool pool;
  PacketCache cache(16, Duration::milliseconds(100), 3);
  for (uint16_t i = 0; i < 5; ++i) cache.store(i, pool.make(10), at_ms(1'000 * i));
  CHECK(cache.size() == 4);  // what came last is one more
  CHECK(cache.find(0) == nullptr);
  CHECK(cache.find(1));
  cache.store(5, pool.make(10), at_ms(4'001));
  CHECK(cache.find(1) == nullptr);
  CHECK(cache.find(2));
  cache.clear();
  CHECK(pool.in_use() == 0);
}
