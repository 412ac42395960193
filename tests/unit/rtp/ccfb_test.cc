// RFC 8888: the message by hand, its limits, and what a recorder reports of what came.
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "core/base/rng.h"
#include "core/rtp/ccfb_recorder.h"
#include "tests/support/instants.h"

using namespace tacoma;

namespace {

using Bytes = std::vector<uint8_t>;


RtcpPacket only(BytesView bytes) {
  RtcpReader reader(bytes);
  RtcpPacket packet;
  REQUIRE(reader.next(packet));
  return packet;
}

// Section 3.1: two streams, of three packets and of two.
const Bytes kByHand = {0x8b, 205, 0, 9,  0, 0, 0, 1,
                       0, 0, 0, 7,  0xff, 0xff, 0, 3,  0x80, 0x00, 0x00, 0x00, 0xe4, 0x00, 0, 0,
                       0, 0, 0, 9,  0, 5, 0, 2,        0xbf, 0xfe, 0xdf, 0xff,
                       0x12, 0x34, 0x56, 0x78};

// What a recorder has to say now, by stream and number; the last word counts.
std::map<std::pair<uint32_t, uint16_t>, CcfbStatus> reports_of(CcfbRecorder& recorder, Instant now, size_t room = 1200) {
  std::map<std::pair<uint32_t, uint16_t>, CcfbStatus> all;
  std::vector<CcfbStatus> statuses;
  for (int messages = 0; messages < 1000; ++messages) {
    Bytes buffer(room);
    RtcpWriter w(buffer);
    if (!recorder.build(now, Ssrc(1), w)) break;
    const auto report = parse_ccfb(only(w.result()), statuses);
    REQUIRE(report);
    CHECK(report->sender == Ssrc(1));
    CHECK(report->time == compact_ntp(to_ntp(now)));
    for (const CcfbStatus& s : statuses) all[{s.ssrc.value(), s.sequence}] = s;
  }
  recorder.reported(now);
  return all;
}

}  // namespace

TEST_CASE("congestion control feedback by hand") {
  std::vector<CcfbStatus> statuses;
  const auto report = parse_ccfb(only(kByHand), statuses);
  REQUIRE(report);
  CHECK(report->sender == Ssrc(1));
  CHECK(report->time == 0x12345678);
  REQUIRE(statuses.size() == 5);
  CHECK(statuses[0].ssrc == Ssrc(7));
  CHECK(statuses[0].sequence == 65535);
  CHECK(statuses[0].received);
  CHECK(statuses[0].ecn == Ecn::not_ect);
  CHECK(statuses[0].age == Duration::zero());
  CHECK(statuses[1].sequence == 0);
  CHECK_FALSE(statuses[1].received);
  CHECK(statuses[2].ecn == Ecn::ce);
  CHECK(statuses[2].age == Duration::seconds(1));  // 0x0400 of 1/1024 s
  CHECK(statuses[3].ssrc == Ssrc(9));
  CHECK(statuses[3].sequence == 5);
  CHECK(statuses[3].ecn == Ecn::ect1);
  CHECK(statuses[3].age == CcfbStatus::kLongest);
  CHECK(statuses[4].ecn == Ecn::ect0);
  CHECK(statuses[4].age == Duration::zero());       // the receiver cannot tell

  Bytes buffer(kByHand.size());
  RtcpWriter w(buffer);
  const CcfbBlock blocks[] = {{Ssrc(7), 65535, 3}, {Ssrc(9), 5, 2}};
  statuses[4].age = Duration::milliseconds(-1);     // after the report: that it cannot tell
  REQUIRE(write_ccfb(w, *report, blocks, statuses));
  CHECK(buffer == kByHand);
}

TEST_CASE("congestion control feedback that is cut off or over its limits is refused") {
  std::vector<CcfbStatus> statuses;
  const auto parse = [&](Bytes body) {
    RtcpPacket packet;
    packet.body = body;
    return parse_ccfb(packet, statuses).has_value();
  };
  CHECK_FALSE(parse({0, 0, 0, 1}));
  CHECK(parse({0, 0, 0, 1, 0, 0, 0, 2}));                             // of no stream
  CHECK(parse({0, 0, 0, 1, 0, 0, 0, 7, 0, 5, 0, 0, 0, 0, 0, 2}));      // of none of its packets
  CHECK_FALSE(parse({0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 2}));            // a block cut off in its head,
  CHECK_FALSE(parse({0, 0, 0, 1, 0, 0, 0, 7, 0, 5, 0, 1, 0, 0, 0, 2}));  // ... before its packets,
  CHECK_FALSE(parse({0, 0, 0, 1, 0, 0, 0, 7, 0, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2}));  // ... among them
  Bytes large(8 + 8 + 2 * kMaxCcfbPackets + 4);
  store_u16(large.data() + 10, static_cast<uint16_t>(kMaxCcfbStatuses));
  large.resize(4 + 8 + 2 * kMaxCcfbStatuses + 4);
  CHECK(parse(large));
  CHECK(statuses.size() == kMaxCcfbStatuses);
  large.resize(large.size() + 4);
  store_u16(large.data() + 10, static_cast<uint16_t>(kMaxCcfbStatuses + 2));
  CHECK_FALSE(parse(large));

  const CcfbBlock too_long{Ssrc(7), 0, static_cast<uint16_t>(kMaxCcfbPackets + 1)};
  Bytes buffer(0x10000);
  RtcpWriter w(buffer);
  CHECK_FALSE(write_ccfb(w, {}, Span<const CcfbBlock>(&too_long, 1), {}));
  CHECK(w.size() == 0);
}

TEST_CASE("what came is reported by stream, with its time and its codepoint, and what did not come as missing") {
  Rng rng(5);
  CcfbRecorder recorder;
  std::map<std::pair<uint32_t, uint16_t>, std::pair<Instant, Ecn>> came;
  std::map<std::pair<uint32_t, uint16_t>, CcfbStatus> told;
  std::map<std::pair<uint32_t, uint16_t>, Instant> told_at;
  uint16_t next[] = {65000, 1, 30000};
  Instant now = at_ms(1);
  for (int i = 0; i < 4000; ++i) {
    now = now + Duration::microseconds(static_cast<int64_t>(rng.below(3000)));
    const uint32_t stream = static_cast<uint32_t>(rng.below(3));
    const uint16_t sequence = next[stream]++;
    const Ecn ecn = static_cast<Ecn>(rng.below(4));
    if (!rng.chance(0.1)) {
      recorder.on_packet(Ssrc(stream + 10), sequence, now, ecn);
      came[{stream + 10, sequence}] = {now, ecn};
    }
    if (recorder.deadline() > now) continue;
    for (const auto& [key, status] : reports_of(recorder, now, i % 2 == 0 ? 1200 : 60)) {
      told[key] = status;
      told_at[key] = now;
    }
    CHECK(recorder.deadline().is_never());
  }
  REQUIRE(told.size() > 3500);
  for (const auto& [key, status] : told) {
    const auto arrival = came.find(key);
    REQUIRE(status.received == (arrival != came.end()));
    if (!status.received) continue;
    CHECK(status.ecn == arrival->second.second);
    CHECK(((told_at[key] - arrival->second.first) - status.age).to_ms() == Approx(0).margin(0.5));
  }
  CHECK(came.size() - 250 < told.size());
  CHECK(recorder.overflowed() == 0);
}

TEST_CASE("a packet that comes late is reported again with all that came after it") {
  CcfbRecorder recorder;
  for (const uint16_t n : {10, 11, 13, 14}) recorder.on_packet(Ssrc(7), n, at_ms(n), Ecn::ect0);
  auto told = reports_of(recorder, at_ms(100));
  CHECK(told.size() == 5);
  CHECK_FALSE(told.at({7, 12}).received);
  CHECK(recorder.deadline().is_never());
  recorder.on_packet(Ssrc(7), 12, at_ms(120), Ecn::ect0);
  CHECK(recorder.deadline() == at_ms(200));
  told = reports_of(recorder, at_ms(200));
  CHECK(told.size() == 3);
  CHECK(told.at({7, 12}).received);
  CHECK(told.at({7, 13}).received);
  // Of two copies the first one's time counts, and the mark of either.
  recorder.on_packet(Ssrc(7), 14, at_ms(250), Ecn::ect0);
  CHECK(recorder.deadline().is_never());
  recorder.on_packet(Ssrc(7), 14, at_ms(251), Ecn::ce);
  told = reports_of(recorder, at_ms(300));
  CHECK(told.at({7, 14}).ecn == Ecn::ce);
  CHECK(told.at({7, 14}).age.to_ms() == Approx(286).margin(0.5));
}

TEST_CASE("streams and packets that wait for a report are bounded") {
  CcfbRecorder recorder;
  for (uint32_t i = 0; i < 3000; ++i) recorder.on_packet(Ssrc(1), static_cast<uint16_t>(i), at_ms(1), Ecn::ect0);
  CHECK(recorder.deadline() == at_ms(1));
  CHECK(recorder.overflowed() == 3000 - CcfbRecorder::kMostWaiting);
  recorder.on_packet(Ssrc(1), 30'000, at_ms(2), Ecn::ect0);  // a jump: everything before is out of reach
  CHECK(recorder.overflowed() == 3000);
  for (uint32_t i = 0; i < CcfbRecorder::kMostStreams + 10; ++i) recorder.on_packet(Ssrc(i + 1), 5, at_ms(3), Ecn::ect0);
  CHECK(recorder.overflowed() == 3010);
  CHECK(reports_of(recorder, at_ms(4)).size() >= CcfbRecorder::kMostStreams);
}
