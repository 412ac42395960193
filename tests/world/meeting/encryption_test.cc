// Media that is encrypted end to end, through a bridge that switches layers, in the light world.
#include <set>

#include "tests/world/meeting/meeting.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

/// The first sends two encodings of real pictures with three temporal layers each, and speech; the others look and listen, their way
/// narrow from 10 s to 20 s. Keys: numbers of passwords.
struct Encrypted : Meeting {
  explicit Encrypted(std::vector<uint16_t> keys) {
    plan.conferences[0].passwords = {"open sesame", "open barley"};
    for (uint32_t i = 0; i < keys.size(); ++i) {
      PersonPlan& person = add_person(100 * i);
      person.key = keys[i];
      person.sends_audio = person.sends_video = i == 0;
      person.video.width = 320;
      person.video.height = 180;
      person.video.fps = 15;
      person.video.rate = DataRate::kbps(400);
      person.video.encodings = 2;
      person.video.temporal_layers = 3;
      person.decodes = i > 0;
      if (i == 0) continue;
      LinkConfig narrow = down(i);
      narrow.rate = DataRate::kbps(220);
      narrow.queue = Duration::milliseconds(200);
      plan.network.changes.push_back({at_ms(10'000), person.host, false, narrow});
      plan.network.changes.push_back({at_ms(20'000), person.host, false, down(i)});
    }
    std::stable_sort(plan.network.changes.begin(), plan.network.changes.end(), [](const LinkChange& a, const LinkChange& b) { return a.at < b.at; });
  }
  uint64_t closed(uint32_t person) { return stats(person).drops[Drop::frame_undecryptable]; }
};

}  // namespace

TEST_CASE("With the room's key layers are switched and all is seen and heard, without it nothing is") {
  Encrypted meeting({0, 0, 1, PersonPlan::kNoKey});
  meeting.begin(&library());
  meeting.run_to(35'000);
  INFO(meeting.story());
  const ParticipantStats right = meeting.stats(1);
  std::set<uint32_t> heights;
  for (const auto& [at, row] : meeting.results.receive)
    if (row.person == 1 && row.media == Media::video && row.height != 0) heights.insert(row.height);
  CHECK(heights == std::set<uint32_t>{90, 180});
  CHECK(right.frames_decoded > 300);
  CHECK(right.frames_damaged == 0);
  CHECK(right.audio_decoded > 500);
  CHECK(right.audio_damaged == 0);
  CHECK(right.voice_heard > 200);
  CHECK(meeting.closed(1) == 0);
  REQUIRE(meeting.results.pictures.size() >= 20);
  for (const auto& [at, picture] : meeting.results.pictures) {
    CHECK(picture.person == 1);
    CHECK(picture.psnr_db > 25);
  }
  for (const uint32_t person : {2u, 3u}) {
    INFO("person " << person);
    const ParticipantStats stats = meeting.stats(person);
    CHECK(stats.packets_received > 1'000);
    CHECK(meeting.closed(person) > 500);
    CHECK(stats.frames_rendered == 0);
    CHECK(stats.frames_decoded + stats.frames_damaged == 0);
    CHECK(stats.audio_decoded + stats.audio_damaged == 0);
    CHECK(meeting.results.sum(person, Media::audio).mos == 0);
    CHECK(meeting.results.steps.count({person, JoinStep::first_video}) == 0);
    CHECK(meeting.results.steps.count({person, JoinStep::first_audio}) == 0);
  }
  meeting.finish();
}

TEST_CASE("The bridge does the same to the byte whether a receiver can open what it gets or not") {
  std::string digests[2];
  uint64_t rendered[2];
  for (const uint16_t key : {uint16_t{0}, uint16_t{1}}) {
    Encrypted meeting({0, key});
    meeting.begin(&library());
    meeting.run_to(25'000);
    digests[key] = meeting.digest.result();
    rendered[key] = meeting.stats(1).frames_rendered;
    meeting.finish();
  }
  CHECK(digests[0] == digests[1]);
  CHECK(rendered[0] > 200);
  CHECK(rendered[1] == 0);
}

TEST_CASE("Lost packets of encrypted frames are made again, and the frames open") {
  Encrypted meeting({0, 0});
  meeting.down(1).loss = meeting.up(0).loss = 0.03;
  meeting.plan.network.changes.clear();
  meeting.begin(&library());
  meeting.run_to(20'000);
  INFO(meeting.story());
  const ParticipantStats stats = meeting.stats(1);
  CHECK(meeting.stats(0).retransmitted > 10);
  CHECK(stats.repaired > 10);
  CHECK(stats.frames_decoded > 230);
  CHECK(stats.frames_damaged == 0);
  CHECK(meeting.closed(1) == 0);
  meeting.finish();
}

TEST_CASE("Two people without a bridge encrypt for each other") {
  Encrypted meeting({0, 0});
  meeting.plan.conferences[0].direct = true;
  meeting.plan.people[0].video.encodings = 1;
  meeting.plan.network.changes.clear();
  meeting.begin(&library());
  meeting.run_to(10'000);
  CHECK(meeting.results.sum(1, Media::video).frames_rendered > 100);
  CHECK(meeting.results.pictures.size() >= 5);
  for (const auto& [at, picture] : meeting.results.pictures) CHECK(picture.psnr_db > 25);
  meeting.finish();
  CHECK(meeting.results.dropped[meeting.plan.people[1].name][Drop::frame_undecryptable] == 0);
}

}  // namespace tacoma
