// RTCP: repairs in both directions, key-frame requests, reports.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "core/rtp/vp8.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
void nack(Harness& h, Client& from, Ssrc media, std::vector<uint16_t> sequences) {
  from.send_rtcp([&](RtcpWriter& w) { w.nack(Ssrc(1), media, sequences); });
  h.settle();
}
template <typename Visit>
void each_rtcp(const Client& c, Visit visit) {
  for (const Got& g : c.rtcp) {
    RtcpReader reader{BytesView(g.bytes)};
    for (RtcpPacket p; reader.next(p);) visit(p, g.at);
  }
}
}  // namespace

TEST_CASE("a NACK is answered from the cache by RTX, with its own numbers for each receiver") {
  const Crypto crypto = GENERATE(Crypto::null, Crypto::real);
  Harness h(crypto);
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  Client& c = h.join("m", "cccccccc");
  std::vector<Bytes> sent;
  for (int i = 0; i < 10; ++i) { sent.push_back(a.make_video(i == 0)); a.send_rtp(h.now, sent.back()); h.settle(); }
  nack(h, b, a.video, {65503, 65505});
  h.run(Duration::milliseconds(150));
  nack(h, b, a.video, {65503});
  nack(h, c, a.video, {65509});
  const auto repaired = b.of(a.rtx);
  REQUIRE(repaired.size() == 3);
  const uint16_t first = repaired[0].rtp().sequence();
  for (size_t i = 0; i < 3; ++i) {
    const RtpView rtx = repaired[i].rtp();
    const size_t which = i == 1 ? 5 : 3;
    CHECK(rtx.payload_type() == 96);
    CHECK(rtx.sequence() == static_cast<uint16_t>(first + i));
    CHECK(load_u16(rtx.payload().data()) == 65500 + which);
    const RtpView was = *RtpView::parse(sent[which]);
    const BytesView payload = rtx.payload().subspan(2);
    CHECK(Bytes(payload.begin(), payload.end()) == Bytes(was.payload().begin(), was.payload().end()));
    CHECK(rtx.timestamp() == was.timestamp());
  }
  REQUIRE(c.of(a.rtx).size() == 1);
  CHECK(c.of(a.rtx)[0].rtp().sequence() == first);
  CHECK(h.counts().retransmitted == 4);
  CHECK(h.counts().nacks_in == 4);
  check_audit(h);
}

TEST_CASE("repeats are limited, and what is too old or was never sent is counted") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_video(h.now, true);
  a.send_video(h.now, false);
  h.settle();
  nack(h, b, a.video, {65501});
  nack(h, b, a.video, {65501});  // at once again: the first cannot have arrived
  CHECK(h.counts().retransmitted == 1);
  CHECK(h.counts().drops[Drop::nack_limited] == 1);
  nack(h, b, a.video, {65502, 65499});
  nack(h, b, a.audio, {100});
  nack(h, b, Ssrc(4711), {1});
  CHECK(h.counts().drops[Drop::nack_not_cached] == 4);
  for (int i = 0; i < 11; ++i) { h.run(Duration::milliseconds(10)); a.send_video(h.now, false); h.settle(); nack(h, b, a.video, {65502}); }
  CHECK(h.counts().retransmitted == 1 + 3);  // not sooner than half a round trip after the last
  h.run(Duration::seconds(1));
  nack(h, b, a.video, {65502});
  CHECK(h.counts().drops[Drop::nack_not_cached] == 5);
}

TEST_CASE("without rtx negotiated the packet itself is sent again") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "cccccccc");
  auto update = Harness::conference("m");
  update.endpoints = {{}};
  update.endpoints[0].id = "cccccccc";
  auto video = jingle::offered_video();
  video.payload_types.erase(std::remove_if(video.payload_types.begin(), video.payload_types.end(), [](const auto& t) { return t.name == "rtx"; }),
                            video.payload_types.end());
  update.endpoints[0].media = {{jingle::Media::audio, jingle::offered_audio()}, {jingle::Media::video, video}};
  REQUIRE(h.modify(update));
  a.send_video(h.now, true);
  h.settle();
  h.lose = [&](const SocketAddress&, const SocketAddress& to, BytesView) { return to == b.address; };
  const Bytes lost = a.make_video(false);
  a.send_rtp(h.now, lost);
  h.settle();
  h.lose = nullptr;
  nack(h, b, a.video, {65501});
  REQUIRE(b.of(a.video).size() == 2);
  const RtpView got = b.rtp[1].rtp(), was = *RtpView::parse(lost);
  CHECK(got.sequence() == 65501);
  CHECK(got.payload_type() == 100);
  CHECK(Bytes(got.payload().begin(), got.payload().end()) == Bytes(was.payload().begin(), was.payload().end()));
}

TEST_CASE("upstream gaps are asked for, and the repair reaches the receivers in its place") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_video(h.now, true);
  const Bytes lost = a.make_video(false), lost_for_good = a.make_video(false);
  for (int i = 0; i < 4; ++i) a.send_video(h.now, false);
  h.settle();
  std::vector<uint16_t> asked;
  const auto read = [&] {
    asked.clear();
    each_rtcp(a, [&](const RtcpPacket& p, Instant) {
      if (p.type != RtcpType::transport_feedback || p.count != kFormatNack) return;
      CHECK(parse_nack(p)->media == a.video);
      parse_nack(p)->each([&](uint16_t s) { asked.push_back(s); });
    });
  };
  read();
  CHECK(asked == std::vector<uint16_t>{65501, 65502});
  Bytes rtx(lost.size() + 2);
  RtxStream stream{a.rtx, 96, a.rtx_sequence};
  REQUIRE(wrap_rtx(*RtpView::parse(lost), stream, rtx) == rtx.size());
  a.send_rtp(h.now, rtx);
  REQUIRE(wrap_rtx(*RtpView::parse(lost), stream, rtx) == rtx.size());
  a.send_rtp(h.now, rtx);  // twice: not needed any more
  h.settle();
  const auto video = b.of(a.video);
  REQUIRE(video.size() == 6);
  const RtpView got = video.back().rtp(), was = *RtpView::parse(lost);
  CHECK(got.sequence() == 65501);
  CHECK(got.payload_type() == 100);
  CHECK(Bytes(got.payload().begin(), got.payload().end()) == Bytes(was.payload().begin(), was.payload().end()));
  CHECK(h.counts().recovered == 1);
  CHECK(h.counts().drops[Drop::rtx_unneeded] == 1);
  h.run(Duration::seconds(2));
  read();
  CHECK(std::count(asked.begin(), asked.end(), 65501) == 1);
  CHECK(std::count(asked.begin(), asked.end(), 65502) > 4);
  CHECK(std::count(asked.begin(), asked.end(), 65502) <= 10);
  CHECK(h.counts().nacks_out == asked.size());
  check_audit(h);
}

TEST_CASE("key-frame requests go to the owner, at most one in 200 ms for a source and three in 10 s from a receiver") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  Client& c = h.join("m", "cccccccc");
  a.send_video(h.now, true);
  h.settle();
  h.run(Duration::seconds(1));
  const size_t before = a.count(RtcpType::payload_feedback, kFormatPli);
  const auto plis = [&] { return a.count(RtcpType::payload_feedback, kFormatPli) - before; };
  const auto pli = [&](Client& from) { from.send_rtcp([&](RtcpWriter& w) { w.pli(Ssrc(1), a.video); }); h.settle(); };
  pli(b);
  pli(c);
  CHECK(plis() == 1);
  h.run(Duration::milliseconds(250));
  c.send_rtcp([&](RtcpWriter& w) { const FirEntry e{a.video, 1}; w.fir(Ssrc(1), Span<const FirEntry>(&e, 1)); });
  h.settle();
  CHECK(plis() == 2);
  for (int i = 0; i < 8; ++i) { h.run(Duration::milliseconds(250)); pli(b); }
  CHECK(plis() == 4);  // b has had its three
  h.run(Duration::seconds(10));
  pli(b);
  CHECK(plis() == 5);
  pli(a);  // of its own source: nobody subscribes to themselves
  CHECK(plis() == 5);
  CHECK(h.counts().plis_in == 13);
  CHECK(h.counts().plis_throttled == 7);
  CHECK(b.count(RtcpType::payload_feedback) == 0);
}

TEST_CASE("sender reports are passed on with the counts of each receiver, the newest one ahead of the first packet") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  const uint64_t ntp = to_ntp(h.now);
  const ReportBlock block{Ssrc(5), 1, 2, 3, 4, 5, 6};
  const auto report = [&](Client& from) {
    from.send_rtcp([&](RtcpWriter& w) { w.sender_report(a.audio, {ntp, 777, 1000, 99999}, Span<const ReportBlock>(&block, 1)); });
    h.settle();
  };
  report(a);
  for (int i = 0; i < 3; ++i) a.send_audio(h.now, 20);
  h.settle();
  report(a);
  report(b);  // not its source
  std::vector<SenderReport> got;
  each_rtcp(b, [&](const RtcpPacket& p, Instant) {
    if (p.type == RtcpType::source_description) CHECK(parse_source_description(p)->cname == "aaaaaaaa");
    if (p.type != RtcpType::sender_report) return;
    got.push_back(*parse_sender_report(p));
    CHECK(got.back().blocks.size() == 0);
  });
  REQUIRE(got.size() == 2);  // before the first packet, and the second
  CHECK(got[0].sender == a.audio);
  CHECK(got[0].info.ntp == ntp);
  CHECK(got[0].info.rtp_timestamp == 777);
  CHECK(got[0].info.packets == 0);
  CHECK(got[1].info.packets == 3);
  CHECK(got[1].info.bytes > 240);
  CHECK(got[1].info.bytes < 400);
  CHECK(a.count(RtcpType::sender_report) == 0);
}

TEST_CASE("senders get receiver reports every 500 ms while they send, and transport-wide feedback every 100 ms") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  h.join("m", "bbbbbbbb");
  a.send_rtcp([&](RtcpWriter& w) { w.sender_report(a.audio, {to_ntp(h.now), 1, 1, 1}, {}); });
  std::set<uint16_t> reported;
  uint16_t last = 0;
  for (int i = 0; i < 200; ++i) {
    if (i % 10 == 9) { ++a.audio_sequence; ++a.transport_sequence; }  // lost on the way
    last = a.transport_sequence;
    a.send_audio(h.now, 20);
    h.run(Duration::milliseconds(20));
  }
  h.run(Duration::seconds(2));
  size_t reports = 0, feedback = 0;
  std::vector<TransportStatus> statuses;
  Ssrc speaker;
  each_rtcp(a, [&](const RtcpPacket& p, Instant) {
    if (p.type == RtcpType::receiver_report) {
      ++reports;
      const auto rr = parse_receiver_report(p);
      REQUIRE(rr);
      speaker = rr->sender;
      REQUIRE(rr->blocks.size() == 1);
      CHECK(rr->blocks[0].ssrc == a.audio);
      CHECK(rr->blocks[0].last_sr != 0);
      if (reports > 2) CHECK(rr->blocks[0].fraction_lost > 10);
    }
    if (p.type == RtcpType::transport_feedback && p.count == kFormatTransportCc) {
      ++feedback;
      REQUIRE(parse_transport_feedback(p, statuses));
      for (const TransportStatus& s : statuses)
        if (s.received) CHECK(reported.insert(s.sequence).second);
    }
  });
  CHECK(reports >= 8);
  CHECK(reports <= 9);
  CHECK(feedback >= 35);
  CHECK(feedback <= 42);
  CHECK(reported.size() == 200);
  CHECK(reported.count(last) == 1);
  CHECK(speaker != Ssrc());
}

TEST_CASE("receivers' feedback and reports are read, the rest of RTCP is passed over, rubbish is counted") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  TransportFeedback feedback{Ssrc(1), Ssrc(2), 1, 0, 0};
  const TransportStatus statuses[] = {{1, true, Duration::zero()}, {2, false, Duration::zero()}, {3, true, Duration::milliseconds(1)}};
  b.send_rtcp([&](RtcpWriter& w) { w.transport_feedback(feedback, statuses); });
  b.send_rtcp([&](RtcpWriter& w) {
    w.receiver_report(Ssrc(1), {});
    w.source_description(Ssrc(1), "b");
    w.remb(Ssrc(1), DataRate::mbps(1), {});
    w.bye({});
  });
  h.settle();
  CHECK(h.counts().feedback_in == 1);
  CHECK(h.counts().feedback_lost == 1);
  CHECK(h.counts().rtcp_ignored == 2);
  CHECK(h.counts().remb_in == 1);
  CHECK(h.counts().drops[Drop::feedback_unknown_packet] == 3);  // nothing was sent yet
  CHECK(h.counts().rtcp_in == 2);
  b.send_rtcp([&](RtcpWriter& w) {
    w.pli(Ssrc(1), a.video);
    const_cast<uint8_t*>(w.result().data())[3] = 9;  // a length beyond the end
  });
  h.settle();
  CHECK(h.counts().drops[Drop::rtcp_malformed] == 1);
  CHECK(h.counts().plis_in == 0);
}

TEST_CASE("the round trip to a receiver is learnt from its report on a forwarded sender report") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_video(h.now, true);
  // The sender's report is 300 ms old when the bridge passes it on: that must not count.
  const uint64_t ntp = to_ntp(h.now - Duration::milliseconds(300));
  a.send_rtcp([&](RtcpWriter& w) { w.sender_report(a.video, {ntp, 1, 1, 1}, {}); });
  h.settle();
  h.run(Duration::milliseconds(400));
  for (int i = 0; i < 3; ++i) {
    ReportBlock block;
    block.ssrc = a.video;
    block.last_sr = compact_ntp(ntp);
    block.delay_since_last_sr = 0;
    b.send_rtcp([&](RtcpWriter& w) { w.receiver_report(Ssrc(1), Span<const ReportBlock>(&block, 1)); });
    h.settle();
  }
  // With a round trip of 400 ms a repeat sooner than 200 ms after the last is refused; unknown it would be 50 ms.
  for (int i = 0; i < 3; ++i) a.send_video(h.now, false);
  h.settle();
  nack(h, b, a.video, {65501});
  h.run(Duration::milliseconds(150));
  nack(h, b, a.video, {65501});
  CHECK(h.counts().drops[Drop::nack_limited] == 1);
  CHECK(h.counts().retransmitted == 1);
}
