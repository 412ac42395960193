// Two people's media, one path between them, no signalling: the ends agree on everything beforehand.
#include "loadgen/people/media_session.h"

#include <catch2/catch.hpp>

#include "loadgen/media/clip.h"
#include "sim/light/light_world.h"
#include "tests/world/meeting/collected_results.h"
#include "noise_speech.h"

namespace tacoma {
namespace {

VideoClip make_video() {
  VideoFormat format;
  VideoClip clip(format, 1);
  Rng rng(7);
  for (int i = 0; i < 100; ++i) {
    std::vector<uint8_t> bytes(i == 0 ? 15'000 : 1'500 + rng.below(3'000));
    rng.fill(bytes.data(), bytes.size());
    bytes[0] = static_cast<uint8_t>((bytes[0] & 0xfe) | (i == 0 ? 0 : 1));
    clip.append(bytes, i == 0);
  }
  return clip;
}

class End final : public Process {
 public:
  End(uint32_t index, const Plan& plan, const SpeechClip& speech, const VideoClip& video, ResultSink& results, Crypto crypto,
      SocketAddress address)
      : sender(plan.people[index], plan.congestion, &speech, {std::shared_ptr<const VideoClip>(std::shared_ptr<void>(), &video)}, {},
               Rng(index).split("media")), receiver(index, plan, results) {
    config.ice_role = index == 0 ? IceRole::controlled : IceRole::controlling;
    config.dtls_role = index == 0 ? DtlsRole::client : DtlsRole::server;
    config.local_addresses = {address};
    config.identity = DtlsIdentity::make(Rng(index).split("identity"), SecureRandomness::seeded, crypto);
    config.crypto = crypto;
    config.rng = Rng(index).split("path");
    session = std::make_unique<MediaSession>(std::move(config), MediaFormats{}, sender, receiver, sender.video_ssrc(), "cname");
  }
  void start(Instant now, Outbox& out) override {
    SecurePath& theirs = other->session->path();
    const std::vector<IceCandidate> candidates = theirs.candidates();
    session->path().set_remote(now, theirs.credentials(), candidates, theirs.fingerprint(), DtlsSetup::actpass, out);
  }
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override {
    for (Datagram& datagram : in) {
      session->on_datagram(now, datagram, out);
      if (const auto view = RtpView::parse(datagram.packet.bytes()); view && view->ssrc() == other->sender.video_ssrc() && !other->heard) {
        other->heard = true;
        other->first_video_sequence = view->sequence();
      }
      poll(now);
    }
    session->after_batch(now, out);
  }
  void on_stream(Instant, const StreamEvent&, Outbox&) override {}
  void on_deadline(Instant now, Outbox& out) override {
    session->on_deadline(now, out);
    poll(now);
    session->after_batch(now, out);
  }
  Deadline deadline() const override { return session->deadline(); }
  void poll(Instant now) {
    PathEvent event;
    while (session->poll_event(now, event)) keyed |= event.kind == PathEvent::Kind::keyed;
  }

  SecurePath::Config config;
  MediaSender sender;
  MediaReceiver receiver;
  std::unique_ptr<MediaSession> session;
  End* other = nullptr;
  bool keyed = false, heard = false;
  uint16_t first_video_sequence = 0;  // as the other end saw it
};

struct Call {
  VideoClip video = make_video();
  SpeechClip speech = make_speech();
  Plan plan;
  CollectedResults results;
  std::unique_ptr<World> world;
  std::unique_ptr<End> ends[2];

  explicit Call(LinkConfig link, Crypto crypto = Crypto::null) {
    plan.congestion = Congestion::none;
    plan.network.regions = {"here"};
    plan.network.one_way = {{Duration::zero()}};
    plan.conferences.push_back({"call", "call@conference.tacoma.test", {0, 1}});
    for (uint32_t i = 0; i < 2; ++i) {
      plan.network.hosts.push_back({"h" + std::to_string(i), 0, link, LinkConfig(), IpFamily::v4});
      PersonPlan person;
      person.name = "call/" + std::to_string(i);
      person.endpoint_id = i == 0 ? "aaaaaaaa" : "bbbbbbbb";
      person.talks = {{Instant(), Instant::at(Duration::seconds(100))}};
      plan.people.push_back(person);
    }
    auto made = make_light_world(plan.network, {});
    REQUIRE(made);
    world = std::move(*made);
    for (uint32_t i = 0; i < 2; ++i)
      ends[i] = std::make_unique<End>(i, plan, speech, video, results, crypto, world->address(HostId(i), IpFamily::v4));
    for (uint32_t i = 0; i < 2; ++i) {
      End& other = *ends[1 - i];
      ends[i]->other = &other;
      ends[i]->receiver.add_source(plan.people[1 - i].endpoint_id, Media::audio, other.sender.audio_ssrc(), Ssrc(0));
      ends[i]->receiver.add_source(plan.people[1 - i].endpoint_id, Media::video, other.sender.video_ssrc(), other.sender.rtx_ssrc());
      world->attach(HostId(i), ends[i].get());
    }
  }
  void run(int seconds) {
    for (int s = 1; s <= seconds; ++s) {
      const Instant at = Instant::at(Duration::seconds(s));
      world->run_until(at);
      for (uint32_t i = 0; i < 2; ++i) {
        ends[i]->sender.sample(at, i, results);
        ends[i]->receiver.sample(at);
      }
    }
  }
};

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
