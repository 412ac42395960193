// RTCP against bytes written by hand from RFC 3550, RFC 4585, RFC 5104, the REMB draft and the transport-wide draft.
#include <catch2/catch.hpp>

#include <vector>

#include "core/base/rng.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"

using namespace tacoma;
using Bytes = std::vector<uint8_t>;

namespace {
Bytes written(const RtcpWriter& w) { return Bytes(w.result().begin(), w.result().end()); }
RtcpPacket only(const Bytes& bytes) {
  RtcpReader reader{BytesView(bytes)};
  RtcpPacket packet;
  REQUIRE(reader.next(packet));
  RtcpPacket more;
  CHECK_FALSE(reader.next(more));
  return packet;
}
}  // namespace

TEST_CASE("sender and receiver reports are written and read as RFC 3550 draws them") {
  uint8_t buffer[200];
  RtcpWriter w(buffer);
  ReportBlock block{Ssrc(0x0a0b0c0d), 0x40, -2, 0x00010002, 7, 0x11223344, 0x00010000};
  const SenderInfo info{0x0102030405060708, 0x0a0a0a0a, 3, 500};
  REQUIRE(w.sender_report(Ssrc(1), info, Span<const ReportBlock>(&block, 1)));
  const Bytes expected = {0x81, 200, 0, 12, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 10, 10, 10, 10, 0, 0, 0, 3, 0, 0, 1, 0xf4,
                          0x0a, 0x0b, 0x0c, 0x0d, 0x40, 0xff, 0xff, 0xfe, 0, 1, 0, 2, 0, 0, 0, 7, 0x11, 0x22, 0x33, 0x44, 0, 1, 0, 0};
  CHECK(written(w) == expected);
  const auto sr = parse_sender_report(only(expected));
  REQUIRE(sr);
  CHECK(sr->sender == Ssrc(1));
  CHECK(sr->info.ntp == info.ntp);
  CHECK(sr->info.rtp_timestamp == info.rtp_timestamp);
  CHECK(sr->info.packets == 3);
  CHECK(sr->info.bytes == 500);
  REQUIRE(sr->blocks.size() == 1);
  CHECK(sr->blocks[0].lost == -2);
  CHECK(sr->blocks[0].fraction_lost == 0x40);
  CHECK(sr->blocks[0].highest_sequence == 0x10002);
  CHECK(sr->blocks[0].last_sr == 0x11223344);

  RtcpWriter rr(buffer);
  REQUIRE(rr.receiver_report(Ssrc(9), {}));
  CHECK(written(rr) == Bytes{0x80, 201, 0, 1, 0, 0, 0, 9});
  CHECK(parse_receiver_report(only(written(rr)))->sender == Ssrc(9));
  // A count of one and no block.
  CHECK_FALSE(parse_receiver_report(only({0x81, 201, 0, 1, 0, 0, 0, 9})));
  CHECK_FALSE(parse_sender_report(only({0x80, 200, 0, 1, 0, 0, 0, 9})));
}

TEST_CASE("a compound is walked; APP and XR are passed over by type") {
  uint8_t buffer[400];
  RtcpWriter w(buffer);
  REQUIRE(w.receiver_report(Ssrc(1), {}));
  REQUIRE(w.source_description(Ssrc(1), "tacoma@x"));
  const Ssrc leaving[] = {Ssrc(1), Ssrc(2)};
  REQUIRE(w.bye(leaving));
  Bytes compound = written(w);
  const Bytes app = {0x80, 204, 0, 2, 0, 0, 0, 1, 'T', 'E', 'S', 'T'}, xr = {0x80, 207, 0, 1, 0, 0, 0, 1};
  compound.insert(compound.end(), app.begin(), app.end());
  compound.insert(compound.end(), xr.begin(), xr.end());
  RtcpReader reader{BytesView(compound)};
  REQUIRE(reader.ok());
  std::vector<RtcpType> types;
  for (RtcpPacket p; reader.next(p);) {
    types.push_back(p.type);
    if (p.type == RtcpType::source_description) {
      const auto sdes = parse_source_description(p);
      REQUIRE(sdes);
      CHECK(sdes->cname == "tacoma@x");
      CHECK(sdes->ssrc == Ssrc(1));
    }
    if (p.type == RtcpType::bye) {
      const auto bye = parse_bye(p);
      REQUIRE(bye);
      REQUIRE(bye->size() == 2);
      CHECK((*bye)[1] == Ssrc(2));
    }
  }
  CHECK(types == std::vector<RtcpType>{RtcpType::receiver_report, RtcpType::source_description, RtcpType::bye,
                                       RtcpType::application, RtcpType::extended_report});
}

TEST_CASE("a compound that is wrong anywhere yields nothing") {
  const auto ok = [](Bytes b) { return RtcpReader{BytesView(b)}.ok(); };
  const Bytes rr = {0x80, 201, 0, 1, 0, 0, 0, 9};
  CHECK(ok(rr));
  CHECK_FALSE(ok({}));
  CHECK_FALSE(ok({0x80, 201, 0}));
  CHECK_FALSE(ok({0x40, 201, 0, 1, 0, 0, 0, 9}));              // version
  CHECK_FALSE(ok({0x80, 201, 0, 2, 0, 0, 0, 9}));              // length beyond the end
  CHECK_FALSE(ok({0xa0, 201, 0, 1, 0, 0, 0, 9}));              // padding of 9 in 4 bytes
  CHECK_FALSE(ok({0xa0, 201, 0, 1, 0, 0, 0, 0}));              // padding of 0
  CHECK_FALSE(ok({0xa0, 201, 0, 0}));                          // padding without a body
  Bytes tail = rr;
  tail.push_back(0x80);
  CHECK_FALSE(ok(tail));
  Bytes many;
  for (size_t i = 0; i < kMaxCompoundPackets; ++i) many.insert(many.end(), {0x80, 203, 0, 0});
  CHECK(ok(many));
  many.insert(many.end(), {0x80, 203, 0, 0});
  CHECK_FALSE(ok(many));
}

TEST_CASE("NACK packs sequence numbers across the wrap and lists them again") {
  const std::vector<uint16_t> missing = {65530, 65531, 65535, 3, 10, 11, 28, 100};
  uint8_t buffer[100];
  RtcpWriter w(buffer);
  REQUIRE(w.nack(Ssrc(1), Ssrc(2), missing));
  // 65530 + {65531, 65535, 3, 10}: bits 0, 4, 8, 15; then 11 covers up to 27; 28 alone; 100 alone.
  CHECK(written(w) == Bytes{0x81, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfa, 0x81, 0x11, 0, 11, 0, 0, 0, 28, 0, 0, 0, 100, 0, 0});
  const Bytes nack_bytes = written(w);
  const auto nack = parse_nack(only(nack_bytes));
  REQUIRE(nack);
  CHECK(nack->media == Ssrc(2));
  std::vector<uint16_t> read;
  nack->each([&](uint16_t s) { read.push_back(s); });
  CHECK(read == missing);
  CHECK_FALSE(parse_nack(only({0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2})));
  CHECK_FALSE(RtcpWriter(MutableBytes(buffer, 15)).nack(Ssrc(1), Ssrc(2), missing));
}

TEST_CASE("PLI, FIR and REMB") {
  uint8_t buffer[100];
  RtcpWriter pli(buffer);
  REQUIRE(pli.pli(Ssrc(1), Ssrc(2)));
  CHECK(written(pli) == Bytes{0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2});
  CHECK(parse_pli(only(written(pli)))->media == Ssrc(2));

  RtcpWriter fir(buffer);
  const FirEntry entries[] = {{Ssrc(7), 3}, {Ssrc(8), 4}};
  REQUIRE(fir.fir(Ssrc(1), entries));
  CHECK(written(fir) == Bytes{0x84, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 3, 0, 0, 0, 0, 0, 0, 8, 4, 0, 0, 0});
  const Bytes fir_bytes = written(fir);
  const auto read = parse_fir(only(fir_bytes));
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[1].media == Ssrc(8));
  CHECK((*read)[1].command == 4);

  RtcpWriter remb(buffer);
  const Ssrc sources[] = {Ssrc(5)};
  REQUIRE(remb.remb(Ssrc(1), DataRate::kbps(2500), sources));
  // 2,500,000 = 156250 * 2^4: exponent 4, mantissa 0x2625a.
  CHECK(written(remb) == Bytes{0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0x12, 0x62, 0x5a, 0, 0, 0, 5});
  const Bytes remb_bytes = written(remb);
  const auto limit = parse_remb(only(remb_bytes));
  REQUIRE(limit);
  CHECK(limit->rate == DataRate::kbps(2500));
  CHECK(limit->sources[0] == Ssrc(5));
  Bytes huge = written(remb);
  huge[17] = 0xff;
  CHECK(parse_remb(only(huge))->rate.is_infinite());
  Bytes other = written(remb);
  other[12] = 'X';
  CHECK_FALSE(parse_remb(only(other)));
}

TEST_CASE("transport-wide feedback: all chunk kinds by hand") {
  // Base 5, 19 statuses, reference 2 (128 ms), count 9: a run of 3 small, seven two-bit symbols, then one-bit symbols for 9.
  const Bytes bytes = {0xaf, 205, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 19, 0, 0, 2, 9,
                       0x20, 0x03,              // 0 01 0000000000011
                       0xd2, 0x00,              // 11 01 00 10 00 00 00 00: small, missing, large, missing x 4
                       0xa0, 0x20,              // 10 10000000100000: received, 7 missing, received
                       4, 8, 0, 255, 0xff, 0xfc, 1, 2,
                       0, 2};
  std::vector<TransportStatus> statuses;
  const auto feedback = parse_transport_feedback(only(bytes), statuses);
  REQUIRE(feedback);
  CHECK(feedback->base_sequence == 5);
  CHECK(feedback->reference_time == 2);
  CHECK(feedback->feedback_count == 9);
  REQUIRE(statuses.size() == 19);
  const auto at = [](int64_t ticks) { return Duration::microseconds(250 * ticks); };
  CHECK(statuses[0].arrival == at(512 + 4));
  CHECK(statuses[1].arrival == at(512 + 12));
  CHECK(statuses[2].arrival == at(512 + 12));
  CHECK(statuses[3].arrival == at(512 + 267));
  CHECK_FALSE(statuses[4].received);
  CHECK(statuses[5].arrival == at(512 + 263));  // a large delta of -4
  CHECK(statuses[10].arrival == at(512 + 264));
  CHECK_FALSE(statuses[17].received);
  CHECK(statuses[18].arrival == at(512 + 266));
  CHECK(statuses[18].sequence == 23);
}

TEST_CASE("transport-wide feedback is refused when cut off, empty or over the limit") {
  std::vector<TransportStatus> statuses;
  const auto parse = [&](Bytes body) {
    Bytes bytes = {0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2};
    bytes.insert(bytes.end(), body.begin(), body.end());
    while (bytes.size() % 4) bytes.push_back(0);
    store_u16(bytes.data() + 2, static_cast<uint16_t>(bytes.size() / 4 - 1));
    return parse_transport_feedback(only(bytes), statuses).has_value();
  };
  CHECK_FALSE(parse({0, 0, 0, 0, 0, 0, 0, 0}));                                // no status
  CHECK_FALSE(parse({0, 0, 0, 1, 0, 0, 0, 0}));                                // no chunk
  CHECK_FALSE(parse({0, 0, 0, 9, 0, 0, 0, 0, 0x20, 0x09, 1, 2}));              // deltas missing
  CHECK_FALSE(parse({0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x01}));                    // reserved symbol
  CHECK_FALSE(parse({0, 0, 0, 1, 0, 0, 0, 0, 0x00, 0x00}));                    // a run of nothing
  const auto run = [&](size_t total) {
    Bytes b = {0, 0, static_cast<uint8_t>(total >> 8), static_cast<uint8_t>(total), 0, 0, 0, 0};
    for (size_t left = total; left > 0; left -= std::min<size_t>(left, 0x1fff)) {
      const size_t n = std::min<size_t>(left, 0x1fff);
      b.insert(b.end(), {static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)});
    }
    return parse(b);
  };
  CHECK(run(kMaxTransportStatuses));
  CHECK_FALSE(run(kMaxTransportStatuses + 1));
}

TEST_CASE("what is written as transport-wide feedback is read again, whatever the pattern") {
  Rng rng(5);
  std::vector<uint8_t> buffer(8000);
  for (int round = 0; round < 400; ++round) {
    TransportFeedback feedback;
    feedback.sender = Ssrc(1);
    feedback.media = Ssrc(2);
    feedback.base_sequence = static_cast<uint16_t>(rng.u32());
    feedback.reference_time = static_cast<int32_t>(rng.below(1000)) - 500;
    feedback.feedback_count = static_cast<uint8_t>(round);
    const double loss = rng.uniform(), late = rng.uniform() * 0.3;
    int64_t ticks = int64_t{feedback.reference_time} * 256;
    std::vector<TransportStatus> sent;
    // Long runs now and then, so that runs of more than a vector and of more than 8191 appear.
    const uint32_t count = 1 + rng.below(round % 20 == 0 ? 8192 : 60);
    for (uint32_t i = 0; i < count; ++i) {
      const bool received = round % 20 == 0 ? true : !rng.chance(loss);
      if (received) ticks += rng.chance(late) ? static_cast<int64_t>(rng.below(65536)) - 32768 : rng.below(256);
      sent.push_back({static_cast<uint16_t>(feedback.base_sequence + i), received, Duration::microseconds(received ? 250 * ticks : 0)});
    }
    RtcpWriter w(buffer);
    const bool fits = w.transport_feedback(feedback, sent);
    if (!fits) { CHECK(count > 1000); continue; }
    std::vector<TransportStatus> read;
    const auto parsed = parse_transport_feedback(only(written(w)), read);
    REQUIRE(parsed);
    CHECK(parsed->base_sequence == feedback.base_sequence);
    CHECK(parsed->reference_time == feedback.reference_time);
    REQUIRE(read.size() == sent.size());
    bool same = true;
    for (size_t i = 0; i < sent.size(); ++i)
      same = same && read[i].received == sent[i].received && read[i].sequence == sent[i].sequence && (!sent[i].received || read[i].arrival == sent[i].arrival);
    CHECK(same);
  }
  TransportFeedback far;
  const TransportStatus late{0, true, Duration::seconds(20)};
  CHECK_FALSE(RtcpWriter(buffer).transport_feedback(far, Span<const TransportStatus>(&late, 1)));
}

TEST_CASE("the round trip is what is left of the time since the report went out") {
  const Instant sent = Instant::at(Duration::milliseconds(1000)), now = Instant::at(Duration::milliseconds(1150));
  ReportBlock block;
  CHECK_FALSE(round_trip(block, now));
  block.last_sr = compact_ntp(to_ntp(sent));
  block.delay_since_last_sr = 65536 / 10;  // 100 ms
  REQUIRE(round_trip(block, now));
  CHECK(std::abs(round_trip(block, now)->to_ms() - 50.0) < 0.1);
  block.delay_since_last_sr = 65536;
  CHECK_FALSE(round_trip(block, now));
}
