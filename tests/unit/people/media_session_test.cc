// Two people's media over one path.
#include "media_call.h"

namespace tacoma {
namespace {

LinkConfig way(double loss) {
  LinkConfig link;
  link.delay = Duration::milliseconds(25);
  link.loss = loss;
  return link;
}

}  // namespace

TEST_CASE("Media of two people over a clean way arrives whole and on time") {
  const Crypto crypto = GENERATE(Crypto::null, Crypto::real);
  Call call(way(0), crypto);
  call.run(5);
  for (uint32_t i = 0; i < 2; ++i) {
    CHECK(call.ends[i]->keyed);
    CHECK(call.results.steps.count({i, JoinStep::first_audio}) == 1);
    CHECK(call.results.steps.count({i, JoinStep::first_video}) == 1);
    const ReceiveSample video = call.results.sum(i, Media::video), audio = call.results.sum(i, Media::audio);
    const SendSample sent = call.results.sum_sent(1 - i, Media::video);
    CHECK(sent.frames >= 110);
    CHECK(video.packets + 5 >= sent.packets);
    CHECK(video.lost == 0);
    CHECK(video.freezes == 0);
    CHECK(video.frames_rendered + 4 >= sent.frames);
    CHECK(video.delay_max >= Duration::milliseconds(25));
    CHECK(video.frame_delay_max < Duration::milliseconds(66));  // within a frame's interval of its capture
    CHECK(audio.packets >= 225);
    CHECK(audio.delay_max.to_ms() == Approx(25).margin(0.05));
    CHECK(audio.mos == Approx(4.41).margin(0.01));
    CHECK(call.ends[i]->sender.round_trip().to_ms() == Approx(50).margin(1));
    CHECK(call.ends[i]->sender.reported_lost() == 0);
    DropCounts drops = call.ends[i]->session->drops();
    drops += call.ends[i]->receiver.drops();
    drops += call.ends[i]->sender.drops();
    drops.each([](Drop drop, uint64_t) { CHECK(name_of(drop) == std::string()); });
  }
}

TEST_CASE("Two per cent loss is repaired before anybody sees it") {
  Call call(way(0.02));
  call.run(20);
  for (uint32_t i = 0; i < 2; ++i) {
    const ReceiveSample video = call.results.sum(i, Media::video), audio = call.results.sum(i, Media::audio);
    CHECK(static_cast<double>(video.lost) / video.expected == Approx(0.02).margin(0.01));
    CHECK(video.repaired + 2 >= video.lost);
    CHECK(video.freezes == 0);
    CHECK(video.frames_rendered > 480);
    CHECK(static_cast<double>(audio.lost) / audio.expected == Approx(0.02).margin(0.01));
    CHECK(audio.mos > 2.5);
    CHECK(call.results.sum_sent(1 - i, Media::video).retransmitted + 2 >= video.lost);
    CHECK(call.ends[i]->sender.reported_lost() > 0);
  }
}

TEST_CASE("When the numbering begins anew a key frame brings the picture back") {
  Call call(way(0));
  call.run(3);
  for (uint32_t i = 0; i < 2; ++i)
    call.world->inspect(HostId(i), [&](Process&, Instant now, Outbox&) { call.ends[i]->receiver.start(now, {}); });
  for (int s = 4; s <= 6; ++s) call.world->run_until(Instant::at(Duration::seconds(s)));
  for (uint32_t i = 0; i < 2; ++i) call.ends[i]->receiver.sample(Instant::at(Duration::seconds(6)));
  for (uint32_t i = 0; i < 2; ++i) {
    const ReceiveSample after = call.results.sum(i, Media::video, Instant::at(Duration::seconds(3)));
    CHECK(after.frames_rendered > 65);  // a new numbering needs a key frame, and gets it at once
    CHECK(call.results.sum_sent(i, Media::video).key_frames >= 1);
    CHECK(call.ends[i]->sender.key_frame_requests() >= 1);
  }
}

TEST_CASE("What a newer key frame has made useless is not sent again, the key frame is") {
  Call call(way(0));
  call.run(5);
  End& end = *call.ends[0];
  const auto newest = [&] { return static_cast<uint16_t>(end.first_video_sequence + call.results.sum_sent(0, Media::video).packets - 1); };
  const auto ask = [&](uint16_t sequence) {
    call.world->inspect(HostId(0), [&](Process&, Instant now, Outbox& out) {
      uint8_t bytes[200];
      RtcpWriter writer(bytes);
      REQUIRE(writer.nack(Ssrc(1), end.sender.video_ssrc(), Span<const uint16_t>(&sequence, 1)));
      RtcpReader reader(writer.result());
      RtcpPacket packet;
      REQUIRE(reader.next(packet));
      end.sender.nack(now, *parse_nack(packet));
      end.session->after_batch(now, out);
    });
  };
  const uint16_t before = newest();
  ask(before);
  call.world->run_until(call.world->now() + Duration::milliseconds(300));
  CHECK(end.sender.retransmitted() == 1);
  const uint32_t keys = call.results.sum_sent(0, Media::video).key_frames;
  call.world->inspect(HostId(0), [&](Process&, Instant now, Outbox&) { end.sender.key_frame_request(now, end.sender.video_ssrc()); });
  call.world->run_until(call.world->now() + Duration::milliseconds(300));
  end.sender.sample(call.world->now(), 0, call.results);
  REQUIRE(call.results.sum_sent(0, Media::video).key_frames == keys + 1);
  ask(before);
  CHECK(end.sender.drops()[Drop::nack_outdated] == 1);
  ask(newest());
  call.world->run_until(call.world->now() + Duration::milliseconds(300));
  CHECK(end.sender.retransmitted() == 2);
  CHECK(end.sender.drops()[Drop::nack_outdated] == 1);
}

TEST_CASE("Requests of a receiver out of its mind are limited") {
  Call call(way(0));
  call.run(5);
  End& end = *call.ends[0];
  const uint32_t before = call.results.sum_sent(0, Media::video).retransmitted;
  call.world->inspect(HostId(0), [&](Process&, Instant now, Outbox& out) {
    // 40 times 16 packets around the newest.
    for (int i = 0; i < 40; ++i) {
      const uint16_t newest = static_cast<uint16_t>(end.first_video_sequence + call.results.sum_sent(0, Media::video).packets);
      std::vector<uint16_t> sequences;
      for (uint16_t k = 16; k > 0; --k) sequences.push_back(static_cast<uint16_t>(newest - k));
      uint8_t bytes[200];
      RtcpWriter writer(bytes);
      REQUIRE(writer.nack(Ssrc(1), end.sender.video_ssrc(), Span<const uint16_t>(sequences)));
      RtcpReader reader(writer.result());
      RtcpPacket packet;
      REQUIRE(reader.next(packet));
      end.sender.nack(now, *parse_nack(packet));
    }
    for (int i = 0; i < 10; ++i) end.sender.key_frame_request(now, end.sender.video_ssrc());
    end.session->after_batch(now, out);
  });
  call.world->run_until(call.world->now() + Duration::milliseconds(300));
  CHECK(end.sender.retransmitted() == MediaSender::kRetransmitBurst);
  CHECK(end.sender.drops()[Drop::nack_limited] == 40 * 16 - MediaSender::kRetransmitBurst);
  CHECK(before == 0);
  const uint32_t keys = call.results.sum_sent(0, Media::video).key_frames;
  call.world->run_until(Instant::at(Duration::seconds(6)));
  end.sender.sample(Instant::at(Duration::seconds(6)), 0, call.results);
  CHECK(call.results.sum_sent(0, Media::video).key_frames <= keys + 2);  // the one asked for, and the end of the clip
}

}  // namespace tacoma
