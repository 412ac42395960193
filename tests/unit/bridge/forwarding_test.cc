// What goes in comes out at every other endpoint, with continuous numbers, or is counted.
#include <catch2/catch.hpp>

#include "core/rtp/extensions.h"
#include "core/rtp/vp8.h"
#include "allocations.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
std::vector<uint16_t> sequences(const std::vector<Got>& packets) {
  std::vector<uint16_t> s;
  for (const Got& g : packets) s.push_back(g.rtp().sequence());
  return s;
}
}  // namespace

TEST_CASE("audio and video reach every other endpoint unchanged but for header and number") {
  const Crypto crypto = GENERATE(Crypto::null, Crypto::real);
  Harness h(crypto);
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  Client& c = h.join("m", "cccccccc");
  Client& other = h.join("n", "dddddddd");
  std::vector<Bytes> sent;
  for (int i = 0; i < 50; ++i) {
    sent.push_back(a.make_video(i == 0, 900));
    a.send_rtp(h.now, sent.back());
    a.send_audio(h.now, 30);
    h.settle();
    h.run(Duration::milliseconds(20));
  }
  for (Client* receiver : {&b, &c}) {
    const auto video = receiver->of(a.video);
    REQUIRE(video.size() == 50);
    CHECK(receiver->of(a.audio).size() == 50);
    for (size_t i = 0; i < video.size(); ++i) {
      const RtpView got = video[i].rtp(), was = *RtpView::parse(sent[i]);
      REQUIRE(got.sequence() == was.sequence());
      REQUIRE(got.timestamp() == was.timestamp());
      REQUIRE(got.marker() == was.marker());
      REQUIRE(Bytes(got.payload().begin(), got.payload().end()) == Bytes(was.payload().begin(), was.payload().end()));
      REQUIRE_FALSE(got.extension(10));  // mid is stripped
      REQUIRE(read_abs_send_time(got, 3));
    }
  }
  CHECK(a.rtp.empty());
  CHECK(other.rtp.empty());
  CHECK(read_audio_level(b.of(a.audio)[0].rtp(), 1)->level == 30);
  // One transport-wide sequence over everything that goes to one receiver.
  uint16_t expected = 1;
  for (const Got& g : b.rtp) REQUIRE(read_transport_sequence(g.rtp(), 5) == expected++);
  const BridgeCounts n = h.counts();
  CHECK(n.packets_in == 100);
  CHECK(n.fan_out == 200);
  CHECK(n.packets_out == 200);
  CHECK(n.route_drops == 0);
  check_audit(h);
}

TEST_CASE("a new receiver gets no video before a key frame, which the bridge asks for") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_video(h.now, false);
  h.settle();
  CHECK(b.rtp.empty());
  CHECK(h.counts().drops[Drop::waiting_for_key_frame] == 1);
  CHECK(a.count(RtcpType::payload_feedback, kFormatPli) == 1);
  for (int i = 0; i < 10; ++i) { a.send_video(h.now, false); h.run(Duration::milliseconds(100)); }
  CHECK(a.count(RtcpType::payload_feedback, kFormatPli) == 2);  // asked again every 500 ms while packets come: at 0 and 500
  a.send_video(h.now, true);
  a.send_video(h.now, false);
  h.settle();
  CHECK(b.of(a.video).size() == 2);
  Client& c = h.join("m", "cccccccc");
  for (int i = 0; i < 20; ++i) { h.send_video_answering_pli(a); h.run(Duration::milliseconds(40)); }
  REQUIRE(c.of(a.video).size() > 15);
  CHECK(starts_vp8_key_frame(c.of(a.video)[0].rtp().payload(), *parse_vp8(c.of(a.video)[0].rtp().payload())));
  check_audit(h);
}

TEST_CASE("of a codec that the bridge does not know a receiver gets whole pictures at once, and each start asks for a key frame") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  auto update = h.conference("m");
  colibri2::Endpoint sender;
  sender.id = a.id;
  jingle::MediaFormats formats = jingle::offered_video();
  for (jingle::PayloadType& type : formats.payload_types)
    if (type.name == "VP8") type.name = "H265";
  sender.media = {{jingle::Media::video, formats}};
  update.endpoints = {sender};
  REQUIRE(h.modify(update));
  const auto asked = [&] { return a.count(RtcpType::payload_feedback, kFormatPli); };
  const auto send = [&](uint32_t timestamp) {
    a.timestamp = timestamp;
    a.send_video(h.now, false);
    h.settle();
  };
  Client& b = h.join("m", "bbbbbbbb");
  for (uint32_t picture = 0; picture < 10; ++picture) {
    send(picture * 3000);
    h.run(Duration::milliseconds(100));
  }
  CHECK(b.of(a.video).size() == 10);
  CHECK(asked() == 1);
  // Who comes in the middle of a picture gets nothing of it; nor of one whose beginning cannot be told from the end of a lost one.
  h.join("m", "cccccccc");
  h.run(Duration::seconds(1));
  const size_t before = asked();
  Client& c = *h.clients.back();
  send(9 * 3000);
  CHECK(c.of(a.video).empty());
  ++a.video_sequence;
  send(10 * 3000);
  CHECK(c.of(a.video).empty());
  CHECK(asked() == before);
  send(11 * 3000);
  CHECK(c.of(a.video).size() == 1);
  CHECK(asked() == before + 1);
  for (uint32_t picture = 12; picture < 32; ++picture) {
    send(picture * 3000);
    h.run(Duration::milliseconds(100));
  }
  CHECK(c.of(a.video).size() == 21);
  CHECK(asked() == before + 1);
  check_audit(h);
}

TEST_CASE("silence is dropped after three packets and leaves no gap") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 5; ++i) a.send_audio(h.now, 25);
    for (int i = 0; i < 10; ++i) a.send_audio(h.now, 127);
    h.settle();
  }
  const auto audio = sequences(b.of(a.audio));
  REQUIRE(audio.size() == 12 * 8);
  for (size_t i = 0; i < audio.size(); ++i) REQUIRE(audio[i] == 100 + i);
  CHECK(h.counts().drops[Drop::audio_silence] == 12 * 7);
  check_audit(h);
}

TEST_CASE("upstream loss leaves its gap, silence does not, late packets fall into place") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_audio(h.now, 20);                                  // 100
  for (int i = 0; i < 5; ++i) a.send_audio(h.now, 127);     // 101..105: 104 and 105 are dropped
  h.settle();
  const uint16_t late = a.audio_sequence++;                 // 106 is late
  a.send_audio(h.now, 20);                                  // 107 -> 105
  h.settle();
  const uint16_t keep = a.audio_sequence;
  a.audio_sequence = late;
  a.send_audio(h.now, 20);                                  // 106 -> 104
  h.settle();
  a.audio_sequence = keep;
  a.send_audio(h.now, 20);                                  // 108 -> 106
  h.settle();
  CHECK(sequences(b.of(a.audio)) == std::vector<uint16_t>{100, 101, 102, 103, 105, 104, 106});
  check_audit(h);
}

TEST_CASE("duplicates, strangers, unknown types and rubbish are counted by reason") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  Bytes key = a.make_video(true);
  a.send_rtp(h.now, key);
  Bytes other = key;
  set_rtp_ssrc(other, Ssrc(77));
  a.send_rtp(h.now, other);
  other = a.make_video(false);
  set_rtp_payload_type(other, 35);
  a.send_rtp(h.now, other);
  other = a.make_video(false);
  set_rtp_payload_type(other, 111);  // audio's type on the video source
  a.send_rtp(h.now, other);
  a.send_rtp(h.now, Bytes{0x80, 100, 0, 1, 0, 0, 0, 0, 0, 0, 7, 0xd1, 0x90});  // descriptor cut off, from a.video
  h.settle();
  PacketRef noise = h.pool.copy(Bytes(40, 0x99));
  a.out.send(h.bridge_address, std::move(noise));
  h.settle();
  const BridgeCounts n = h.counts();
  CHECK(n.packets_out == 1);
  CHECK(n.drops[Drop::rtp_unknown_ssrc] == 1);
  CHECK(n.drops[Drop::rtp_unknown_payload_type] == 2);
  CHECK(n.drops[Drop::srtp_auth] + n.drops[Drop::rtp_malformed] + n.drops[Drop::srtp_error] >= 1);
  CHECK(b.rtp.size() == 1);

  Harness stranger;
  stranger.clients.push_back(std::make_unique<Client>("x", 9, Crypto::null, stranger.pool));
  stranger.clients[0]->out.send(stranger.bridge_address, stranger.pool.copy(Bytes(40, 0x90)));
  const Bytes stun = {0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 5, 'z', 'z', ':', 'y', 'y', 0, 0, 0};
  stranger.clients[0]->out.send(stranger.bridge_address, stranger.pool.copy(stun));
  stranger.settle();
  CHECK(stranger.counts().drops[Drop::unknown_peer] == 1);
  CHECK(stranger.counts().drops[Drop::stun_unknown_user] == 1);
  check_audit(h);
}

TEST_CASE("padding on a media stream closes up, force-muted media does too") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_video(h.now, true);
  Bytes padding = a.make_video(false, 40);
  padding.resize(RtpView::parse(padding)->header_size());
  padding.insert(padding.end(), {0, 0, 0, 4});
  padding[0] |= 0x20;
  a.send_rtp(h.now, padding);
  a.send_video(h.now, false);
  a.send_audio(h.now, 20);
  h.settle();
  CHECK(sequences(b.of(a.video)) == std::vector<uint16_t>{65500, 65501});
  CHECK(h.counts().drops[Drop::padding_only] == 1);

  auto mute = Harness::conference("m");
  mute.endpoints = {{}};
  mute.endpoints[0].id = "aaaaaaaa";
  mute.endpoints[0].force_mute = colibri2::ForceMute{true, false};
  REQUIRE(h.modify(mute));
  for (int i = 0; i < 5; ++i) a.send_audio(h.now, 20);
  a.send_video(h.now, false);
  h.settle();
  CHECK(h.counts().drops[Drop::force_muted] == 5);
  mute.endpoints[0].force_mute = colibri2::ForceMute{false, false};
  REQUIRE(h.modify(mute));
  a.send_audio(h.now, 20);
  h.settle();
  CHECK(sequences(b.of(a.audio)) == std::vector<uint16_t>{100, 101});
  CHECK(b.of(a.video).size() == 3);
  check_audit(h);
}

TEST_CASE("a receiver whose path is not up costs a counted drop, not a gap later") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb", false);
  for (int i = 0; i < 5; ++i) a.send_audio(h.now, 20);
  h.settle();
  CHECK(h.counts().drops[Drop::receiver_not_ready] == 5);
  h.connect("m", b);
  for (int i = 0; i < 5; ++i) a.send_audio(h.now, 20);
  h.settle();
  CHECK(b.of(a.audio).size() == 5);
  check_audit(h);
}

TEST_CASE("sources are replaced as a whole; what stays keeps its numbers") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_audio(h.now, 20);
  a.send_video(h.now, true);
  h.settle();
  h.give_sources("m", a, true, false);
  a.send_audio(h.now, 20);
  a.send_video(h.now, false);
  h.settle();
  CHECK(sequences(b.of(a.audio)) == std::vector<uint16_t>{100, 101});
  CHECK(b.of(a.video).size() == 1);
  CHECK(h.counts().drops[Drop::rtp_unknown_ssrc] == 1);
  h.give_sources("m", a, true, true);
  a.send_video(h.now, false);
  h.settle();
  CHECK(h.counts().drops[Drop::waiting_for_key_frame] == 1);
  CHECK(h.bridge->conferences()[0].sources == 4);
  CHECK(h.bridge->conferences()[0].subscriptions == 4);
  check_audit(h);
}

TEST_CASE("of a simulcast group the lowest layer is forwarded") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  h.give_simulcast("m", a, Ssrc(5001), Ssrc(5002), true);
  a.send_video(h.now, true);
  Bytes high = a.make_video(true);
  set_rtp_ssrc(high, Ssrc(5001));
  a.send_rtp(h.now, high);
  h.settle();
  CHECK(b.of(a.video).size() == 1);
  CHECK(b.rtp.size() == 1);
  CHECK(h.counts().drops[Drop::layer_not_wanted] == 1);
  check_audit(h);
}

TEST_CASE("of an encoding that another has followed nothing is repeated") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  h.give_simulcast("m", a, Ssrc(5001), Ssrc(5002), true);
  const auto newest_size = [&] { return b.of(a.video).empty() ? size_t{0} : b.of(a.video).back().rtp().payload().size(); };
  uint16_t low = 0;
  for (int i = 0; i < 100 && newest_size() < 800; ++i) {
    a.send_video(h.now, true, 100);
    h.settle();
    if (newest_size() < 800) low = b.of(a.video).back().rtp().sequence();
    Bytes high = a.make_video(true, 900);
    set_rtp_ssrc(high, Ssrc(5001));
    a.send_rtp(h.now, high);
    h.run(Duration::milliseconds(20));
  }
  REQUIRE(newest_size() >= 800);
  const auto ask = [&](uint16_t sequence) {
    b.send_rtcp([&](RtcpWriter& w) { w.nack(Ssrc(1), a.video, Span<const uint16_t>(&sequence, 1)); });
    h.settle();
  };
  ask(low);
  CHECK(h.counts().drops[Drop::nack_outdated] == 1);
  CHECK(h.counts().retransmitted == 0);
  ask(b.of(a.video).back().rtp().sequence());
  CHECK(h.counts().retransmitted == 1);
  check_audit(h);
}

TEST_CASE("nothing is allocated for packets once warm") {
  Harness h;
  std::vector<Client*> people;
  for (const char* id : {"aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"}) people.push_back(&h.join("m", id));
  const auto second = [&] {
    for (int i = 0; i < 50; ++i) {
      for (Client* p : people) {
        p->send_audio(h.now, 30);
        h.send_video_answering_pli(*p);
        p->rtp.clear();
      }
      h.run(Duration::milliseconds(20));
    }
  };
  second();
  second();
  const uint64_t growths = h.pool.growths();
  const uint64_t before = h.counts().packets_out;
  for (int i = 0; i < 5; ++i) second();
  CHECK(h.pool.growths() == growths);
  CHECK(h.counts().packets_out - before == 5 * 50 * 2 * 4 * 3);
  check_audit(h);
}

TEST_CASE("forwarding takes nothing from the heap once warm, repairs and silence included") {
  const Crypto crypto = GENERATE(Crypto::null, Crypto::real);
  Harness h(crypto);
  std::vector<Client*> people;
  for (const char* id : {"aaaaaaaa", "bbbbbbbb", "cccccccc"}) people.push_back(&h.join("m", id));
  for (Client* p : people) h.send_video_answering_pli(*p);
  uint64_t taken = 0;
  {
    PacketPool pool;
    Outbox out(pool);
    const auto feed = [&](Client& from) {
      for (Outbox::Send& send : from.out.sends()) {
        Datagram d{from.address, h.bridge_address, std::move(send.packet), h.now};
        const uint64_t before = allocations();
        h.bridge->on_datagrams(h.now, Span<Datagram>(&d, 1), out);
        taken += allocations() - before;
        out.clear();
      }
      from.out.clear();
    };
    for (int t = 0; t < 600; ++t) {
      if (t == 300) taken = 0;  // warm
      for (Client* p : people) {
        p->send_audio(h.now, t % 20 < 10 ? 30 : 127);
        p->send_video(h.now, t % 100 == 0, 1100);
        if (t % 10 == 3) { ++p->video_sequence; ++p->transport_sequence; }  // upstream loss
        const uint16_t newest = static_cast<uint16_t>(people[0]->video_sequence - 1);
        if (p != people[0]) p->send_rtcp([&](RtcpWriter& w) { w.nack(Ssrc(1), people[0]->video, Span<const uint16_t>(&newest, 1)); });
        feed(*p);
      }
      h.now = h.now + Duration::milliseconds(10);
    }
  }
  CHECK(h.counts().retransmitted > 100);
  CHECK(h.counts().drops[Drop::audio_silence] > 100);
  CHECK(h.counts().packets_out > 2000);
  CHECK(taken == 0);
}

TEST_CASE("the pool's limit turns packets into counted drops and the numbers stay continuous") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.send_audio(h.now, 20);
  h.settle();
  PacketPool none(0);
  Outbox no_room(none);
  for (int i = 0; i < 3; ++i) {
    a.send_audio(h.now, 20);
    Datagram d{a.address, h.bridge_address, std::move(a.out.sends().back().packet), h.now};
    a.out.clear();
    h.bridge->on_datagrams(h.now, Span<Datagram>(&d, 1), no_room);
  }
  CHECK(h.counts().drops[Drop::pool_exhausted] == 3);
  a.send_audio(h.now, 20);
  h.settle();
  CHECK(sequences(b.of(a.audio)) == std::vector<uint16_t>{100, 101});
  check_audit(h);
}
