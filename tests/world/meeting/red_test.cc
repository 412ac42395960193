// Redundant audio (RFC 2198) through the focus's offer and the bridge, in the light world.
#include "tests/world/meeting/meeting.h"

namespace tacoma {
namespace {

/// Everybody talks all the time, and each way loses 5 %. `copies`: of each person.
struct Talkers : Meeting {
  explicit Talkers(const std::vector<uint8_t>& copies, uint16_t key = PersonPlan::kNoKey) {
    plan.conferences[0].passwords = {"open sesame"};
    for (uint32_t i = 0; i < copies.size(); ++i) {
      PersonPlan& person = add_person(100 * i);
      person.red = copies[i];
      person.key = key;
      person.sends_video = false;
      person.decodes = true;
      person.talks = {{Instant(), Instant::at(plan.length)}};
      up(i).loss = down(i).loss = 0.05;
    }
  }
  double lost(uint32_t person) const {
    const ReceiveSample all = results.sum(person, Media::audio);
    return static_cast<double>(all.lost) / all.expected;
  }
  double lost_after(uint32_t person) const {
    const ReceiveSample all = results.sum(person, Media::audio);
    return static_cast<double>(all.lost - all.repaired) / all.expected;
  }
};

}  // namespace

TEST_CASE("Copies of audio make good what is lost on both ways") {
  for (const uint8_t copies : {uint8_t{1}, uint8_t{2}}) {
    Talkers meeting({copies, copies, copies});
    meeting.begin(&library());
    meeting.run_to(40'000);
    INFO(meeting.story());
    for (uint32_t i = 0; i < 3; ++i) {
      INFO("person " << i << ", copies " << int{copies});
      const ReceiveSample all = meeting.results.sum(i, Media::audio);
      CHECK(meeting.lost(i) > 0.07);
      CHECK(meeting.lost_after(i) < (copies == 1 ? 0.02 : 0.005));
      CHECK(all.by_red == all.repaired);
      CHECK(all.by_fec == 0);
      // A real decoder makes up what is lost after repair, and no more.
      const ParticipantStats stats = meeting.stats(i);
      CHECK(stats.audio_damaged == 0);
      CHECK(stats.audio_concealed < all.expected * (copies == 1 ? 0.02 : 0.005));
    }
    meeting.finish();
  }
}

TEST_CASE("Who takes no redundant audio hears those who send it, with their losses") {
  Talkers meeting({1, 0, 1});
  meeting.begin(&library());
  meeting.run_to(40'000);
  INFO(meeting.story());
  const ReceiveSample without = meeting.results.sum(1, Media::audio);
  CHECK(without.packets > 3'000);
  CHECK(without.by_red == 0);
  CHECK(without.by_fec > 0);
  CHECK(meeting.stats(1).voice_heard > 1'000);
  CHECK(meeting.stats(1).audio_damaged == 0);
  CHECK(meeting.stats(1).drops[Drop::rtp_unknown_payload_type] == 0);
  // The first hears one of each kind.
  const ReceiveSample with = meeting.results.sum(0, Media::audio);
  CHECK(with.by_red > 100);
  CHECK(with.by_fec > 50);
  CHECK(with.by_red + with.by_fec < with.lost);
  // Copies are stripped, not sent in vain.
  CHECK(without.bytes < meeting.results.sum(0, Media::audio).bytes * 4 / 5);
  meeting.finish();
}

TEST_CASE("Redundant audio is opened whole where it is encrypted end to end") {
  Talkers meeting({1, 1}, 0);
  meeting.begin(&library());
  meeting.run_to(30'000);
  INFO(meeting.story());
  for (uint32_t i = 0; i < 2; ++i) {
    CHECK(meeting.lost(i) > 0.07);
    CHECK(meeting.lost_after(i) < 0.02);
    CHECK(meeting.stats(i).voice_heard > 500);
    CHECK(meeting.stats(i).drops[Drop::frame_undecryptable] == 0);
    CHECK(meeting.stats(i).audio_damaged == 0);
  }
  meeting.finish();
}

TEST_CASE("Two people without a bridge send each other redundant audio") {
  Talkers meeting({2, 1});
  meeting.plan.conferences[0].direct = true;
  meeting.begin(&library());
  meeting.run_to(30'000);
  CHECK(meeting.lost(0) > 0.07);
  CHECK(meeting.lost_after(0) < 0.02);
  CHECK(meeting.lost_after(1) < 0.005);
  meeting.finish();
}

}  // namespace tacoma
