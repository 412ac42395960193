// Whole meetings in the light world. Each test prints its seed where it fails.
#include "tests/world/meeting/meeting.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

/// The steps of a join came, in order, and quickly for the delays of the plan.
void check_join(const Meeting& meeting, uint32_t person, Duration within) {
  INFO(meeting.story());
  Instant last = meeting.plan.people[person].joins;
  for (int s = 0; s <= static_cast<int>(JoinStep::dtls); ++s) {
    const auto found = meeting.results.steps.find({person, static_cast<JoinStep>(s)});
    INFO("person " << person << " step " << name_of(static_cast<JoinStep>(s)));
    REQUIRE(found != meeting.results.steps.end());
    CHECK(found->second >= last);
    last = found->second;
  }
  for (JoinStep step : {JoinStep::first_audio, JoinStep::first_video}) {
    const auto found = meeting.results.steps.find({person, step});
    INFO("person " << person << " step " << name_of(step));
    REQUIRE(found != meeting.results.steps.end());
    CHECK(found->second >= last);
    CHECK(found->second - meeting.plan.people[person].joins < within);
  }
}

}  // namespace

TEST_CASE("Two people meet: they hear and see each other") {
  Meeting meeting;
  meeting.add_person(0);
  meeting.add_person(300);
  meeting.begin();
  meeting.run_to(12'000);
  for (uint32_t i = 0; i < 2; ++i) {
    check_join(meeting, i, Duration::seconds(3));
    INFO(meeting.story());
    CHECK(meeting.stats(i).stage == ParticipantStats::Stage::connected);
    CHECK(meeting.stats(i).remote_sources == 2);
    CHECK(meeting.stats(i).sessions == 1);
    CHECK(meeting.stats(i).channel_open);
    CHECK(meeting.stats(i).channel_messages >= 2);  // hello, and who speaks
    const ReceiveSample video = meeting.results.sum(i, Media::video, at_ms(3'000));
    const ReceiveSample audio = meeting.results.sum(i, Media::audio, at_ms(3'000));
    CHECK(video.frames_rendered >= 9 * 25 - 3);
    CHECK(video.frames_rendered <= 9 * 25 + 3);
    CHECK(video.freezes == 0);
    CHECK(video.lost == 0);
    CHECK(audio.lost == 0);
    CHECK(audio.packets > 150);
    CHECK(audio.mos > 4.3);
    // 10 ms to the region, 5 to the bridge, and back, and nothing in the way.
    CHECK(audio.delay_max.to_ms() == Approx(30).margin(1));
    // A key frame leaves at 2.5 times the target.
    CHECK(video.frame_delay_max < Duration::milliseconds(75));
  }
  meeting.finish();
  for (uint32_t i = 0; i < 2; ++i) CHECK(meeting.results.delay.count({i, Media::video, true}) == 1);
}

TEST_CASE("Five people meet, one comes late and one leaves") {
  Meeting meeting;
  for (int64_t i = 0; i < 4; ++i) meeting.add_person(200 * i);
  meeting.add_person(5'000);
  meeting.plan.people[1].leaves = at_ms(9'000);
  meeting.begin();
  meeting.run_to(8'900);
  for (uint32_t i = 0; i < 5; ++i) {
    check_join(meeting, i, Duration::seconds(3));
    CHECK(meeting.stats(i).remote_sources == 8);
  }
  CHECK(meeting.bridge().endpoints == 5);
  meeting.run_to(14'000);
  INFO(meeting.story());
  CHECK(meeting.stats(1).stage == ParticipantStats::Stage::left);
  CHECK(meeting.bridge().endpoints == 4);
  for (uint32_t i : {0u, 2u, 3u, 4u}) {
    CHECK(meeting.stats(i).remote_sources == 6);
    CHECK(meeting.results.sum(i, Media::video, at_ms(10'000)).frames_rendered >= 3 * 4 * 25 - 9);
    CHECK(meeting.results.sum(i, Media::video, at_ms(10'000)).freezes == 0);
    for (const auto& [at, row] : meeting.results.receive) CHECK((row.from != 1 || at <= at_ms(9'500)));
  }
  meeting.finish();
}

TEST_CASE("Two per cent loss on every way is repaired") {
  Meeting meeting;
  for (int64_t i = 0; i < 3; ++i) meeting.add_person(100 * i);
  for (uint32_t i = 0; i < 3; ++i) meeting.up(i).loss = meeting.down(i).loss = 0.02;
  meeting.begin();
  meeting.run_to(25'000);
  INFO(meeting.story());
  for (uint32_t i = 0; i < 3; ++i) {
    const ReceiveSample video = meeting.results.sum(i, Media::video, at_ms(5'000));
    const ReceiveSample audio = meeting.results.sum(i, Media::audio, at_ms(5'000));
    CHECK(static_cast<double>(video.lost) / video.expected > 0.015);
    CHECK((static_cast<double>(video.lost) - static_cast<double>(video.repaired)) / video.expected < 0.002);
    CHECK(video.frames_rendered >= 2 * 20 * 25 * 97 / 100);
    CHECK(video.frozen < Duration::seconds(2));
    CHECK(static_cast<double>(audio.lost) / audio.expected == Approx(0.04).margin(0.02));
    CHECK(meeting.stats(i).repaired > 0);
    CHECK(meeting.stats(i).retransmitted > 0);
  }
  meeting.finish();
}

TEST_CASE("A bridge that restarts gets its people back") {
  Meeting meeting;
  for (int64_t i = 0; i < 3; ++i) meeting.add_person(100 * i);
  meeting.plan.process_changes = {{at_ms(6'000), meeting.plan.bridges[0].host, false}, {at_ms(8'000), meeting.plan.bridges[0].host, true}};
  meeting.begin();
  meeting.run_to(40'000);
  INFO(meeting.story());
  for (uint32_t i = 0; i < 3; ++i) {
    CHECK(meeting.stats(i).stage == ParticipantStats::Stage::connected);
    CHECK(meeting.stats(i).sessions >= 2);
    CHECK(meeting.stats(i).channel_open);
    const ReceiveSample outage = meeting.results.sum(i, Media::video, at_ms(6'000), at_ms(30'000));
    CHECK(outage.freezes >= 2);  // of both others
    CHECK(outage.frozen > Duration::seconds(3));
    const ReceiveSample after = meeting.results.sum(i, Media::video, at_ms(35'000));
    CHECK(after.frames_rendered >= 2 * 5 * 25 - 6);
    CHECK(after.freezes == 0);
  }
  meeting.finish();
}

TEST_CASE("The same seed gives the same run to the byte, another seed another") {
  const auto run = [](uint64_t seed, Crypto crypto) {
    Meeting meeting(seed);
    for (int64_t i = 0; i < 3; ++i) meeting.add_person(150 * i);
    for (uint32_t i = 0; i < 3; ++i) {
      meeting.down(i).loss = 0.01;
      meeting.down(i).jitter = Duration::milliseconds(5);
    }
    meeting.plan.crypto = crypto;
    meeting.begin();
    meeting.run_to(8'000);
    check_join(meeting, 0, Duration::seconds(3));
    meeting.finish();
    return meeting.digest.result();
  };
  for (Crypto crypto : {Crypto::null, Crypto::real}) {
    const std::string first = run(1, crypto);
    CHECK(run(1, crypto) == first);
    CHECK(run(2, crypto) != first);
  }
}

TEST_CASE("One who decodes for real sees the pictures that were drawn and hears voices") {
  Meeting meeting;
  for (int64_t i = 0; i < 3; ++i) {
    PersonPlan& person = meeting.add_person(100 * i);
    person.video.width = 320;
    person.video.height = 180;
    person.video.fps = 15;
    person.video.rate = DataRate::kbps(200);
  }
  meeting.plan.people[0].decodes = true;
  for (uint32_t i = 0; i < 3; ++i) meeting.down(i).loss = 0.01;
  ClipLibrary library;
  meeting.begin(&library);
  meeting.run_to(10'000);
  INFO(meeting.story());
  const ParticipantStats stats = meeting.stats(0);
  CHECK(stats.frames_decoded > 2 * 15 * 7);
  CHECK(stats.frames_damaged == 0);
  CHECK(stats.audio_decoded > 300);
  CHECK(stats.audio_damaged == 0);
  CHECK(stats.voice_heard > 200);
  REQUIRE(meeting.results.pictures.size() >= 12);
  for (const auto& [at, picture] : meeting.results.pictures) {
    CHECK(picture.person == 0);
    CHECK(picture.from != 0);
    CHECK(picture.psnr_db > 25);
  }
  meeting.finish();
}

TEST_CASE("Whatever happens to bridge and people, who is there in the end is connected") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Meeting meeting(seed);
    Rng rng = Rng(seed).split("chaos");
    const uint32_t count = 2 + rng.below(7);
    for (uint32_t i = 0; i < count; ++i) {
      PersonPlan& person = meeting.add_person(rng.below(12'000));
      if (rng.chance(0.3)) person.leaves = person.joins + Duration::milliseconds(200 + rng.below(15'000));
      person.sends_video = rng.chance(0.8);
      person.sends_audio = rng.chance(0.8);
      meeting.up(i).loss = rng.uniform() * 0.05;
      meeting.down(i).loss = rng.uniform() * 0.05;
      meeting.down(i).jitter = Duration::milliseconds(rng.below(30));
      if (rng.chance(0.2)) meeting.down(i).rate = DataRate::kbps(300 + rng.below(1'000));
    }
    const HostId bridge = meeting.plan.bridges[0].host;
    for (int64_t at = 5'000; at < 20'000;) {
      const int64_t down = at + 1'000 + rng.below(8'000);
      at = down + 100 + rng.below(6'000);
      meeting.plan.process_changes.push_back({at_ms(down), bridge, false});
      meeting.plan.process_changes.push_back({at_ms(at), bridge, true});
    }
    meeting.begin();
    meeting.run_to(60'000);
    INFO("seed " << seed << "\n" << meeting.story());
    uint32_t there = 0, connected = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (meeting.plan.people[i].leaves) continue;
      ++there;
      connected += meeting.stats(i).stage == ParticipantStats::Stage::connected;
    }
    CHECK((there < 2 || connected == there));
    for (const auto& [at, row] : meeting.results.receive) REQUIRE(row.frozen <= meeting.plan.sample_every);
    meeting.finish();
  }
}

TEST_CASE("One alone in the room waits, and gets media when somebody comes") {
  Meeting meeting;
  meeting.add_person(0);
  meeting.add_person(6'000);
  meeting.begin();
  meeting.run_to(5'900);
  CHECK(meeting.stats(0).stage == ParticipantStats::Stage::in_room);
  CHECK(meeting.stats(0).sessions == 0);
  meeting.run_to(10'000);
  INFO(meeting.story());
  for (uint32_t i = 0; i < 2; ++i) CHECK(meeting.results.sum(i, Media::video, at_ms(8'000)).frames_rendered >= 45);
  meeting.finish();
}

namespace {
VideoFormat three_layers(VideoContent content) {
  VideoFormat format;
  format.width = 1280;
  format.height = 720;
  format.rate = DataRate::kbps(2'500);
  format.encodings = format.temporal_layers = 3;
  format.content = content;
  return format;
}
}  // namespace

TEST_CASE("A sender sends what its link carries, and more when it carries more") {
  Meeting meeting;
  for (int64_t i = 0; i < 2; ++i) meeting.add_person(100 * i).video = three_layers(VideoContent::model);
  meeting.up(0).rate = DataRate::kbps(800);
  LinkConfig wide = meeting.up(0);
  wide.rate = DataRate::mbps(20);
  meeting.plan.network.changes.push_back({at_ms(30'000), meeting.plan.people[0].host, true, wide});
  meeting.begin();
  meeting.run_to(60'000);
  INFO(meeting.story());
  const auto sent_height = [&](int64_t from, int64_t to) {
    uint32_t least = 10'000, most = 0;
    for (const auto& [at, row] : meeting.results.rated) {
      if (row.person != 0 || at <= at_ms(from) || at > at_ms(to)) continue;
      least = std::min(least, row.sent_height);
      most = std::max(most, row.sent_height);
    }
    return std::pair(least, most);
  };
  for (const auto& [at, row] : meeting.results.rated)
    if (row.person == 0) UNSCOPED_INFO(at.since_start().to_seconds() << " s: target " << row.target.bps() << ", " << row.sent_height << " lines");
  CHECK(sent_height(15'000, 30'000).second <= 360);
  CHECK(sent_height(15'000, 30'000).first >= 180);
  CHECK(sent_height(50'000, 60'000) == std::pair(720u, 720u));
  const ReceiveSample narrow = meeting.results.sum(1, Media::video, at_ms(15'000), at_ms(30'000));
  int64_t sent = 0;
  for (const auto& [at, row] : meeting.results.send)
    if (row.person == 0 && at > at_ms(15'000) && at <= at_ms(30'000)) sent += row.bytes;
  CHECK(sent * 8 / 15 > 400'000);
  CHECK(sent * 8 / 15 < 800'000);
  CHECK(narrow.frozen < Duration::seconds(2));
  CHECK(meeting.results.sum(1, Media::audio, at_ms(15'000), at_ms(30'000)).lost < 10);
  meeting.finish();
}

TEST_CASE("A screen is shared for a while: it is signalled, seen, and gone again") {
  Meeting meeting;
  for (int64_t i = 0; i < 3; ++i) meeting.add_person(100 * i);
  PersonPlan& sharer = meeting.plan.people[0];
  sharer.screen.emplace();
  sharer.screen->width = 1280;
  sharer.screen->height = 720;
  sharer.screen->fps = 5;
  sharer.screen->content = VideoContent::model;
  sharer.screen_from = at_ms(6'000);
  sharer.screen_to = at_ms(14'000);
  meeting.begin();
  meeting.run_to(20'000);
  INFO(meeting.story());
  for (uint32_t i : {1u, 2u}) {
    CHECK(meeting.results.sum(i, Media::screen, Instant(), at_ms(6'000)).packets == 0);
    CHECK(meeting.results.sum(i, Media::screen, at_ms(8'000), at_ms(14'000)).frames_rendered >= 28);
    CHECK(meeting.results.sum(i, Media::screen, at_ms(16'000)).packets == 0);
    CHECK(meeting.stats(i).remote_sources == 4);
    CHECK(meeting.results.sum(i, Media::video, at_ms(5'000)).freezes == 0);
  }
  CHECK(meeting.results.sum(0, Media::screen).packets == 0);
  meeting.finish();
}

TEST_CASE("Who looks at nothing is told what is not sent, and counts no freeze") {
  Meeting meeting;
  for (int64_t i = 0; i < 3; ++i) meeting.add_person(100 * i);
  meeting.plan.people[0].view.mode = ViewPlan::Mode::everything;
  meeting.plan.people[0].view.hidden_from = at_ms(8'000);
  meeting.plan.people[0].view.hidden_to = at_ms(14'000);
  meeting.begin();
  meeting.run_to(20'000);
  INFO(meeting.story());
  for (const auto& [at, row] : meeting.results.receive) {
    if (row.person != 0 || row.media != Media::video || at <= at_ms(9'000) || at >= at_ms(14'000)) continue;
    CHECK(row.wanted_height == 0);
    if (row.forwarded) continue;
    CHECK(row.packets == 0);
  }
  for (const auto& [at, row] : meeting.results.receive)
    if (row.person == 0 && row.media == Media::video)
      UNSCOPED_INFO(at.since_start().to_seconds() << " from " << row.from << ": packets " << row.packets << " forwarded " << row.forwarded
                                                  << " rendered " << row.frames_rendered << " freezes " << row.freezes);
  CHECK(meeting.results.sum(0, Media::video).freezes == 0);
  CHECK(meeting.results.sum(0, Media::video, at_ms(15'000)).frames_rendered >= 2 * 5 * 25 - 25);
  meeting.finish();
}

}  // namespace tacoma
