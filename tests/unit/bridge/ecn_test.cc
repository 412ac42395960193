// ECN through the bridge: each leg by itself, and only where the client reports by RFC 8888.
#include <catch2/catch.hpp>
#include <map>

#include "core/rtp/ccfb_recorder.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {

// The packets of all reports that a client has got, the last word of each.
std::map<std::pair<uint32_t, uint16_t>, CcfbStatus> reports_to(const Client& client) {
  std::map<std::pair<uint32_t, uint16_t>, CcfbStatus> all;
  std::vector<CcfbStatus> statuses;
  for (const Got& got : client.rtcp) {
    RtcpReader reader(got.bytes);
    for (RtcpPacket packet; reader.next(packet);) {
      if (packet.type != RtcpType::transport_feedback || packet.count != kFormatCcfb) continue;
      REQUIRE(parse_ccfb(packet, statuses));
      for (const CcfbStatus& s : statuses) all[{s.ssrc.value(), s.sequence}] = s;
    }
  }
  return all;
}

}  // namespace

TEST_CASE("who reports by RFC 8888 is told what arrived, with codepoints, and gets no transport-wide feedback") {
  Harness h;
  h.join_ccfb = true;
  Client& a = h.join("m", "aaaaaaaa");
  h.join_ccfb = false;
  Client& b = h.join("m", "bbbbbbbb");
  const uint16_t first = a.audio_sequence;
  for (int i = 0; i < 50; ++i) {
    a.ecn = i % 5 == 0 ? Ecn::ce : Ecn::ect0;
    if (i % 10 == 9) ++a.audio_sequence;  // lost on the way
    a.send_audio(h.now, 20);
    b.send_audio(h.now, 20);
    h.run(Duration::milliseconds(20));
  }
  h.run(Duration::milliseconds(200));
  const auto told = reports_to(a);
  CHECK(told.size() == 55);
  size_t missing = 0, marked = 0;
  for (const auto& [key, status] : told) {
    CHECK(key.first == a.audio.value());
    missing += !status.received;
    marked += status.received && status.ecn == Ecn::ce;
  }
  CHECK(missing == 5);
  CHECK(marked == 10);
  CHECK(told.at({a.audio.value(), first}).ecn == Ecn::ce);
  CHECK(a.count(RtcpType::transport_feedback, kFormatTransportCc) == 0);
  CHECK(reports_to(b).empty());
  CHECK(b.count(RtcpType::transport_feedback, kFormatTransportCc) > 5);
}

TEST_CASE("media goes out as ECT to who reports by RFC 8888, plain to others, and RTCP plain to all") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& plain = h.join("m", "bbbbbbbb");
  h.join_ccfb = true;
  Client& b = h.join("m", "cccccccc");
  a.ecn = Ecn::ce;  // of this leg alone: it is not passed on
  for (int i = 0; i < 20; ++i) {
    a.send_audio(h.now, 20);
    a.send_video(h.now, i == 0);
    h.run(Duration::milliseconds(20));
  }
  REQUIRE(b.of(a.video).size() == 20);
  for (const Got& got : b.rtp) CHECK(got.ecn == Ecn::ect0);
  for (const Got& got : plain.rtp) CHECK(got.ecn == Ecn::not_ect);
  for (const Got& got : b.rtcp) CHECK(got.ecn == Ecn::not_ect);
}

TEST_CASE("a receiver's reports make its estimate, marks are counted, and a path that bleaches is given up") {
  for (const bool bleaches : {false, true}) {
    Harness h;
    Client& a = h.join("m", "aaaaaaaa");
    h.join_ccfb = true;
    Client& b = h.join("m", "bbbbbbbb");
    CcfbRecorder recorder;
    size_t seen = 0;
    for (int i = 0; i < 100; ++i) {
      a.send_audio(h.now, 20);
      a.send_video(h.now, i == 0);
      h.run(Duration::milliseconds(20));
      for (; seen < b.rtp.size(); ++seen) {
        const RtpView rtp = b.rtp[seen].rtp();
        const Ecn ecn = bleaches ? Ecn::not_ect : seen % 50 == 7 ? Ecn::ce : b.rtp[seen].ecn;
        recorder.on_packet(rtp.ssrc(), rtp.sequence(), b.rtp[seen].at, ecn);
      }
      if (recorder.deadline() > h.now) continue;
      b.send_rtcp([&](RtcpWriter& w) { recorder.build(h.now, Ssrc(1), w); });
      recorder.reported(h.now);
      h.settle();
    }
    CHECK(h.counts().feedback_in >= 15);
    CHECK(h.counts().drops[Drop::feedback_unknown_packet] == 0);
    CHECK(h.counts().feedback_lost == 0);
    CHECK((h.counts().ecn_marked >= 3) == !bleaches);
    CHECK(h.counts().ecn_bleached == (bleaches ? 1 : 0));
    CHECK(b.rtp.back().ecn == (bleaches ? Ecn::not_ect : Ecn::ect0));
  }
}

TEST_CASE("reports by RFC 8888 that nobody agreed on, or about packets never sent, change nothing") {
  Harness h;
  h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  const CcfbBlock block{Ssrc(7), 0, 2};
  const CcfbStatus statuses[] = {{Ssrc(7), 0, true, Ecn::ce, Duration::zero()}, {Ssrc(7), 1, true, Ecn::ce, Duration::zero()}};
  b.send_rtcp([&](RtcpWriter& w) { write_ccfb(w, {Ssrc(1), 5}, Span<const CcfbBlock>(&block, 1), statuses); });
  h.settle();
  CHECK(h.counts().drops[Drop::feedback_unknown_packet] == 2);
  h.join_ccfb = true;
  Client& c = h.join("m", "cccccccc");
  c.send_rtcp([&](RtcpWriter& w) { write_ccfb(w, {Ssrc(1), 5}, Span<const CcfbBlock>(&block, 1), statuses); });
  c.send_rtcp([&](RtcpWriter& w) {
    write_ccfb(w, {Ssrc(1), 5}, Span<const CcfbBlock>(&block, 1), statuses);
    const_cast<uint8_t*>(w.result().data())[15] = 200;  // more packets than there are
  });
  h.settle();
  CHECK(h.counts().drops[Drop::feedback_unknown_packet] == 4);
  CHECK(h.counts().drops[Drop::rtcp_malformed] == 1);
  CHECK(h.counts().ecn_bleached == 0);
}
