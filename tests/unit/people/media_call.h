// Two people's media, one path between them, no signalling: the ends agree on everything beforehand.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>

#include "loadgen/media/clip.h"
#include "loadgen/people/media_session.h"
#include "noise_speech.h"
#include "sim/light/light_world.h"
#include "tests/world/meeting/collected_results.h"

namespace tacoma {

inline VideoClip make_video() {
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
  End(uint32_t index, const Plan& plan, const SpeechClip& speech, const EncodedClips& video, ResultSink& results, Crypto crypto,
      SocketAddress address)
      : sender(plan.people[index], plan.congestion, &speech, video, {},
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
  SpeechClip speech = make_speech();
  Plan plan;
  EncodedClips video[2];
  CollectedResults results;
  Tap* tap = nullptr;
  std::unique_ptr<World> world;
  std::unique_ptr<End> ends[2];

  /// `change` may alter the plan, and give the first other video than the usual clip.
  explicit Call(LinkConfig link, Crypto crypto = Crypto::null, const std::function<void(Call&)>& change = {}) {
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
    video[0] = video[1] = {std::make_shared<const VideoClip>(make_video())};
    if (change) change(*this);
    WorldOptions options;
    options.tap = tap;
    auto made = make_light_world(plan.network, options);
    REQUIRE(made);
    world = std::move(*made);
    for (uint32_t i = 0; i < 2; ++i)
      ends[i] = std::make_unique<End>(i, plan, speech, video[i], results, crypto, world->address(HostId(i), IpFamily::v4));
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

}  // namespace tacoma
