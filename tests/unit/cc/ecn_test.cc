// ECN at a sending end: reports by stream and number, paths that bleach, and what controllers make of marks.
#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "core/base/link_model.h"
#include "core/cc/ecn_path.h"
#include "core/cc/send_side.h"
#include "core/rtp/ccfb_recorder.h"

using namespace tacoma;

namespace {

Instant at_ms(int64_t ms) { return Instant::at(Duration::milliseconds(ms)); }
const RateLimits kLimits{DataRate::kbps(300), DataRate::kbps(30), DataRate::mbps(20)};

CcfbStatus arrived(Ssrc ssrc, uint16_t sequence, Ecn ecn) { return {ssrc, sequence, true, ecn, Duration::milliseconds(10)}; }

// A sender that fills its target, over a link with CoDel or without, and a receiver that reports by RFC 8888.
class Leg {
 public:
  Leg(Congestion congestion, const LinkConfig& link) : side(congestion, kLimits), link_(link, Rng(3)) {
    side.use_ecn();
    side.set_wanted(DataRate::mbps(3));
  }
  void run_until(Instant end) {
    std::vector<CcfbStatus> statuses;
    for (; now_ < end; now_ = now_ + Duration::milliseconds(1)) {
      while (!flying_.empty() && flying_.front().first <= now_) {
        const auto& [sequence, ecn] = flying_.front().second;
        recorder_.on_packet(Ssrc(7), sequence, flying_.front().first, bleaches ? Ecn::not_ect : ecn);
        flying_.pop_front();
      }
      if (recorder_.deadline() <= now_) {
        uint8_t buffer[1200];
        RtcpWriter w{MutableBytes(buffer)};
        RtcpPacket packet;
        while (recorder_.build(now_, Ssrc(1), w)) {}
        recorder_.reported(now_);
        for (RtcpReader reader(w.result()); reader.next(packet);) {
          const auto report = parse_ccfb(packet, statuses);
          REQUIRE(report);
          CHECK(side.on_feedback(now_, *report, statuses, scratch_) == 0);
          for (const PacketResult& p : scratch_) marks += p.received && p.ecn == Ecn::ce;
        }
      }
      if (side.deadline() <= now_) side.on_deadline(now_);
      if (side.probe_due(now_) > DataSize::zero()) send(1000);
      budget_ += static_cast<double>(std::min(side.target(), DataRate::mbps(3)).bps()) / 8000;
      for (; budget_ >= 1000; budget_ -= 1000) send(1000);
      if (now_ > at_ms(5'000)) worst_wait = std::max(worst_wait, link_.take_counts(now_).queue_max);
      else link_.take_counts(now_);
    }
  }
  SendSide side;
  bool bleaches = false;
  uint64_t marks = 0, sent = 0, lost = 0;
  Duration worst_wait;

 private:
  void send(int64_t bytes) {
    const Ecn ecn = side.codepoint();
    side.name_packet(now_, Ssrc(7), next_);
    side.on_sent(now_, DataSize::bytes(bytes));
    ++sent;
    const LinkVerdict verdict = link_.offer(now_, bytes + 28, ecn);
    if (verdict.delivered) flying_.push_back({verdict.arrival, {next_, verdict.ecn}});
    else ++lost;
    ++next_;
  }
  LinkModel link_;
  CcfbRecorder recorder_;
  Instant now_ = at_ms(1);
  double budget_ = 0;
  uint16_t next_ = 65'000;
  std::deque<std::pair<Instant, std::pair<uint16_t, Ecn>>> flying_;
  std::vector<PacketResult> scratch_;
};

LinkConfig narrow(QueueDisc disc) {
  LinkConfig link;
  link.rate = DataRate::mbps(1);
  link.delay = Duration::milliseconds(20);
  link.disc = disc;
  link.ecn = disc != QueueDisc::drop_tail;
  return link;
}

}  // namespace

TEST_CASE("reports by stream and number are read in transport-wide numbers, with times on one clock") {
  EcnPath path;
  for (uint16_t i = 0; i < 300; ++i) {
    path.on_sent(at_ms(i), Ssrc(7), static_cast<uint16_t>(65'400 + i), static_cast<uint16_t>(2 * i), 2 * i);
    path.on_sent(at_ms(i), Ssrc(9), i, static_cast<uint16_t>(2 * i + 1), 2 * i);
  }
  std::vector<CcfbStatus> statuses{arrived(Ssrc(7), 65'400, Ecn::ect0), arrived(Ssrc(9), 299, Ecn::ce), arrived(Ssrc(7), 163, Ecn::ect0),
                                   {Ssrc(9), 4, false, Ecn::not_ect, Duration::zero()}, arrived(Ssrc(8), 1, Ecn::ect0), arrived(Ssrc(9), 300, Ecn::ect0)};
  CHECK(path.read({Ssrc(1), 0xffff0000}, statuses) == 2);
  REQUIRE(path.joined().size() == 4);
  CHECK(path.joined()[0].sequence == 0);
  CHECK(path.joined()[1].sequence == 599);
  CHECK(path.joined()[1].ecn == Ecn::ce);
  CHECK(path.joined()[2].sequence == 2 * 299);
  CHECK_FALSE(path.joined()[3].received);
  const Duration before = path.joined()[0].arrival;
  CHECK(path.read({Ssrc(1), 0x00010000}, Span<const CcfbStatus>(statuses.data(), 1)) == 0);  // two seconds later, over the wrap
  CHECK(path.joined()[0].arrival - before == Duration::seconds(2));
  // Times that jump for ever stay times.
  for (uint32_t i = 0; i < 100'000; ++i) {
    path.read({Ssrc(1), i * 0x7fffffff}, Span<const CcfbStatus>(statuses.data(), 1));
    REQUIRE(path.joined()[0].arrival >= Duration::seconds(-1));
    REQUIRE(path.joined()[0].arrival < Duration::seconds(2'000'000'000));
  }
}

TEST_CASE("streams and packets of a sender that are remembered for reports are bounded") {
  EcnPath path;
  for (uint32_t s = 0; s < EcnPath::kMostStreams + 5; ++s) path.on_sent(at_ms(1), Ssrc(s + 1), 1, static_cast<uint16_t>(s), 100);
  std::vector<CcfbStatus> statuses;
  for (uint32_t s = 0; s < EcnPath::kMostStreams + 5; ++s) statuses.push_back(arrived(Ssrc(s + 1), 1, Ecn::ect0));
  CHECK(path.read({}, statuses) == 5);
  for (uint16_t i = 0; i < 10'000; ++i) path.on_sent(at_ms(2), Ssrc(1), i, i, 60'000);
  statuses.clear();
  for (uint16_t i = 0; i < 10'000; ++i) statuses.push_back(arrived(Ssrc(1), i, Ecn::ect0));
  CHECK(path.read({}, statuses) == 10'000 - EcnPath::kLargestRing);
}

TEST_CASE("a path that takes the codepoint away is given up for ECN, once") {
  EcnPath path;
  CHECK(path.codepoint() == Ecn::ect0);
  for (uint16_t i = 0; i < 100; ++i) path.on_sent(at_ms(i), Ssrc(7), i, i, i);
  std::vector<CcfbStatus> few, all;
  for (uint16_t i = 0; i < 100; ++i) {
    const CcfbStatus bare = arrived(Ssrc(7), i, Ecn::not_ect);
    if (i % EcnPath::kBleached == 0) few.push_back(arrived(Ssrc(7), i, Ecn::ce));
    else few.push_back(bare);
    all.push_back(bare);
  }
  path.read({}, few);  // never ten in a row
  CHECK(path.codepoint() == Ecn::ect0);
  CHECK_FALSE(path.take_failure());
  path.read({}, all);
  CHECK(path.codepoint() == Ecn::not_ect);
  CHECK(path.take_failure());
  CHECK_FALSE(path.take_failure());
}

TEST_CASE("a path over which nothing is known to have arrived is given up for ECN") {
  for (const bool heard : {false, true}) {
    EcnPath path;
    path.on_sent(at_ms(0), Ssrc(7), 1, 1, 1);
    const CcfbStatus one = arrived(Ssrc(7), 1, Ecn::ect0);
    if (heard) path.read({}, Span<const CcfbStatus>(&one, 1));
    path.on_sent(at_ms(2'900), Ssrc(7), 2, 2, 2);
    CHECK(path.codepoint() == Ecn::ect0);
    path.on_sent(at_ms(3'100), Ssrc(7), 3, 3, 3);
    CHECK((path.codepoint() == Ecn::ect0) == heard);
  }
}

TEST_CASE("who has no controller sends without ECN") {
  SendSide side(Congestion::none, kLimits);
  side.use_ecn();
  CHECK_FALSE(side.uses_ecn());
  CHECK(side.codepoint() == Ecn::not_ect);
  std::vector<PacketResult> scratch;
  const CcfbStatus one = arrived(Ssrc(7), 1, Ecn::ect0);
  CHECK(side.on_feedback(at_ms(1), CcfbReport{}, Span<const CcfbStatus>(&one, 1), scratch) == 1);
}

TEST_CASE("controllers heed marks: where a queue marks they use the link, lose nothing, and wait is short") {
  const Congestion congestion = GENERATE(Congestion::gcc, Congestion::nada);
  Leg leg(congestion, narrow(QueueDisc::codel));
  leg.run_until(at_ms(30'000));
  INFO(to_string(congestion) << " target " << leg.side.target().bps() << ", " << leg.marks << " of " << leg.sent << " marked, longest wait " << leg.worst_wait.to_ms() << " ms");
  CHECK(leg.side.codepoint() == Ecn::ect0);
  CHECK(leg.marks > 0);
  CHECK(leg.lost == 0);
  CHECK(leg.side.target() > DataRate::kbps(600));
  CHECK(leg.side.target() < DataRate::kbps(1'200));
}

TEST_CASE("a mark cuts the rate where there is nothing else to cut it") {
  for (const Congestion congestion : {Congestion::gcc, Congestion::nada}) {
    DataRate target[2];
    for (const bool marked : {false, true}) {
      SendSide side(congestion, kLimits);
      side.use_ecn();
      side.set_wanted(DataRate::mbps(3));
      std::vector<PacketResult> scratch;
      for (uint16_t i = 0; i < 300; ++i) {  // a second and a half of an empty path, and in the last report a mark
        const Instant now = at_ms(5 * i);
        side.name_packet(now, Ssrc(7), i);
        side.on_sent(now, DataSize::bytes(1000));
        if (i % 20 != 19) continue;
        std::vector<CcfbStatus> statuses;
        for (uint16_t k = 0; k < 20; ++k)
          statuses.push_back({Ssrc(7), static_cast<uint16_t>(i - 19 + k), true, marked && i == 299 && k == 10 ? Ecn::ce : Ecn::ect0, Duration::milliseconds(5 * (19 - k))});
        side.on_feedback(now + Duration::milliseconds(20), CcfbReport{Ssrc(1), compact_ntp(to_ntp(now + Duration::milliseconds(10)))}, statuses, scratch);
      }
      target[marked] = side.target();
    }
    INFO(to_string(congestion) << ": " << target[0].bps() << ", with a mark " << target[1].bps());
    CHECK(target[1] < target[0]);
  }
}

TEST_CASE("over a path that bleaches a sender goes on without ECN, by its delay") {
  Leg leg(Congestion::gcc, narrow(QueueDisc::drop_tail));
  leg.bleaches = true;
  leg.run_until(at_ms(10'000));
  CHECK(leg.side.codepoint() == Ecn::not_ect);
  CHECK(leg.side.take_ecn_failure());
  CHECK(leg.side.target() > DataRate::kbps(600));
  CHECK(leg.side.target() < DataRate::kbps(1'200));
}
