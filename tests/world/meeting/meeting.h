// A whole meeting in the light world: stanza router, focus, one bridge and people, with everything real but the network and, unless
// asked for, the pictures: clips of noise in the shape of VP8 and Opus spare the encoding.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/app/cast.h"
#include "loadgen/app/taps.h"
#include "sim/light/light_world.h"
#include "tests/world/meeting/collected_results.h"

namespace tacoma {

inline std::shared_ptr<const VideoClip> noise_video(const VideoFormat& format, uint32_t picture) {
  auto clip = std::make_shared<VideoClip>(format, picture);
  Rng rng(100 + picture);
  const uint32_t mean = static_cast<uint32_t>(format.rate.bps() / 8 / format.fps);
  for (uint32_t i = 0; i < 10 * format.fps; ++i) {
    std::vector<uint8_t> bytes(i == 0 ? 6 * mean : mean / 2 + rng.below(mean));
    rng.fill(bytes.data(), bytes.size());
    bytes[0] = static_cast<uint8_t>((bytes[0] & 0xfe) | (i == 0 ? 0 : 1));
    clip->append(bytes, i == 0);
  }
  return clip;
}

inline std::shared_ptr<const SpeechClip> noise_speech() {
  auto clip = std::make_shared<SpeechClip>();
  for (uint8_t i = 0; i < 200; ++i) clip->talking.append(std::vector<uint8_t>(60 + i % 30, i), 20, true);
  for (uint8_t i = 0; i < 60; ++i) clip->quiet.append(i % 20 == 0 ? std::vector<uint8_t>{1, 2, 3} : std::vector<uint8_t>{}, 100, false);
  return clip;
}

/// The same pictures and voices for all tests of a program: encoding takes long.
inline ClipLibrary& library() {
  static ClipLibrary the_library;
  return the_library;
}

struct Meeting {
  Plan plan;
  Clips clips;
  CollectedResults results;
  DigestTap digest;
  std::unique_ptr<World> world;
  std::unique_ptr<Cast> cast;
  Instant sampled;

  explicit Meeting(uint64_t seed = 1) {
    plan.scenario = "meeting";
    plan.seed = seed;
    plan.crypto = Crypto::null;
    plan.length = Duration::seconds(60);
    plan.network.seed = seed;
    plan.network.regions = {"eu"};
    plan.network.one_way = {{Duration::zero()}};
    plan.router_host = add_host("router", Duration::milliseconds(2));
    plan.focus_host = add_host("focus", Duration::milliseconds(2));
    plan.bridges.push_back({"eu-1", "eu", add_host("eu-1", Duration::milliseconds(5))});
    plan.conferences.emplace_back();
    plan.conferences.back().name = "standup";
    plan.conferences.back().room = "standup@conference.tacoma.test";
  }
  ~Meeting() {
    world.reset();  // before the processes that it holds
  }
  HostId add_host(const std::string& name, Duration delay) {
    LinkConfig link;
    link.delay = delay;
    plan.network.hosts.push_back({name, 0, link, link, IpFamily::v4});
    return HostId(static_cast<uint32_t>(plan.network.hosts.size() - 1));
  }
  /// People take turns in talking, 4 s each, two at a time at the seams.
  PersonPlan& add_person(int64_t joins_ms, uint32_t conference = 0) {
    PersonPlan person;
    const uint32_t index = static_cast<uint32_t>(plan.people.size());
    person.name = plan.conferences[conference].name + "/p" + std::to_string(index);
    person.group = plan.conferences[conference].name + "/p";
    char id[9];
    std::snprintf(id, sizeof id, "%08x", 0xa0000000u + index * 0x1357u);
    person.endpoint_id = id;
    person.host = add_host(person.name, Duration::milliseconds(10));
    person.conference = conference;
    person.region = "eu";
    person.joins = Instant::at(Duration::milliseconds(joins_ms));
    person.video.rate = DataRate::kbps(500);
    person.clip = index;
    person.seed = plan.seed * 1000 + index;
    for (int64_t s = 0; s < 120; s += 8) {
      const Instant from = Instant::at(Duration::seconds(s + (index % 2) * 4));
      person.talks.push_back({from, from + Duration::milliseconds(4'200)});
    }
    plan.conferences[conference].people.push_back(index);
    plan.people.push_back(person);
    return plan.people.back();
  }
  LinkConfig& up(uint32_t person) { return plan.network.hosts[plan.people[person].host.value()].up; }
  LinkConfig& down(uint32_t person) { return plan.network.hosts[plan.people[person].host.value()].down; }

  /// All is planned: begin. With a library its clips are sent instead of noise.
  void begin(ClipLibrary* library = nullptr) {
    if (library) {
      auto loaded = load_clips(plan, *library);
      REQUIRE(loaded);
      clips = *std::move(loaded);
    } else {
      const auto speech = noise_speech();
      const auto noise = [this](const VideoFormat& format, uint32_t picture) {
        EncodedClips made(format.encodings);
        for (uint32_t e = 0; e < format.encodings && format.content == VideoContent::clip; ++e) {
          auto& clip = noises_[{format.encoding(e).height, format.rate.bps(), format.fps, picture}];
          if (!clip) clip = noise_video(format.encoding(e), picture);
          made[e] = clip;
        }
        return made;
      };
      for (size_t i = 0; i < plan.people.size(); ++i) {
        clips.speech.push_back(plan.people[i].sends_audio ? speech : nullptr);
        clips.video.push_back(plan.people[i].sends_video ? noise(plan.people[i].video, i % 2) : EncodedClips());
        clips.screen.push_back(plan.people[i].screen ? noise(*plan.people[i].screen, i % 2) : EncodedClips());
      }
    }
    WorldOptions options;
    options.tap = &digest;
    auto made = make_light_world(plan.network, options);
    REQUIRE(made);
    world = std::move(*made);
    cast = std::make_unique<Cast>(plan, clips, *world, results);
  }
  void run_to(int64_t ms) {
    const Instant end = Instant::at(Duration::milliseconds(ms));
    while (world->now() < end) {
      Instant next = std::min(end, sampled + plan.sample_every);
      for (const ProcessChange& change : plan.process_changes)
        if (change.at > world->now()) next = std::min(next, change.at);
      world->run_until(next);
      for (const ProcessChange& change : plan.process_changes)
        if (change.at == next) cast->apply(change);
      if (next == sampled + plan.sample_every) cast->sample(sampled = next);
    }
  }
  std::map<std::tuple<uint32_t, int64_t, uint32_t, uint32_t>, std::shared_ptr<const VideoClip>> noises_;
  /// The end, and the laws that hold for every run.
  void finish() {
    cast->finish();
    for (const std::string& problem : cast->conservation_problems()) UNSCOPED_INFO(problem);
    CHECK(cast->conservation_problems().empty());
    // People's picture ids run on, whatever the network does to them.
    if (!plan.bridges.empty()) CHECK(bridge().counts.drops[Drop::picture_id_jump] == 0);
  }
  ParticipantStats stats(uint32_t person) {
    ParticipantStats stats;
    world->inspect(plan.people[person].host,
                   [&](Process& process, Instant, Outbox&) { stats = static_cast<Participant&>(process).stats(); });
    return stats;
  }
  BridgeStatsNow bridge() {
    BridgeStatsNow stats;
    world->inspect(plan.bridges[0].host,
                   [&](Process& process, Instant, Outbox&) { stats = static_cast<Bridge&>(process).stats(); });
    return stats;
  }
  /// Everything that went wrong, for a failing check to print.
  std::string story() const {
    std::string text;
    for (const auto& event : results.events)
      text += std::to_string(event.at.since_start().to_seconds()) + " " + event.kind + " " + event.subject + ": " + event.text +
              "\n";
    for (const auto& [key, at] : results.steps)
      text += "person " + std::to_string(key.first) + " " + name_of(key.second) + " " + std::to_string(at.since_start().to_seconds()) + "\n";
    return text;
  }
};

}  // namespace tacoma
