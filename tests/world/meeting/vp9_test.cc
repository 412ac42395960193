// Real VP9 pictures in k-SVC, through a bridge that gives each receiver the layer that it asks for, in the light world.
#include <algorithm>
#include <set>

#include "tests/world/meeting/meeting.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

VideoFormat layered() {
  VideoFormat format;
  format.width = 512;
  format.height = 288;
  format.fps = 15;
  format.rate = DataRate::kbps(600);
  format.codec = VideoCodec::vp9;
  format.spatial_layers = format.temporal_layers = 3;
  return format;
}

/// The first sends 288, 144 and 72 lines in three temporal layers each; the others look on and decode, up to so many lines.
struct Layered : Meeting {
  explicit Layered(std::vector<int32_t> heights) {
    PersonPlan& sender = add_person(0);
    sender.video = layered();
    for (const int32_t height : heights) {
      PersonPlan& viewer = add_person(200);
      viewer.sends_audio = viewer.sends_video = false;
      viewer.decodes = true;
      viewer.view.mode = ViewPlan::Mode::tiles;
      viewer.view.max_height = height;
    }
  }
  std::set<uint32_t> heights(uint32_t person, int64_t from_ms, int64_t to_ms) const {
    std::set<uint32_t> seen;
    for (const auto& [at, row] : results.receive)
      if (row.person == person && row.media == Media::video && at > at_ms(from_ms) && at <= at_ms(to_ms) && row.frames_rendered > 0) seen.insert(row.height);
    return seen;
  }
  std::set<uint32_t> sent_heights(int64_t from_ms, int64_t to_ms) const {
    std::set<uint32_t> sent;
    for (const auto& [at, row] : results.rated)
      if (row.person == 0 && at > at_ms(from_ms) && at <= at_ms(to_ms)) sent.insert(row.sent_height);
    return sent;
  }
  void check_pictures(uint32_t person, size_t least) {
    size_t compared = 0;
    for (const auto& [at, picture] : results.pictures) {
      if (picture.person != person) continue;
      ++compared;
      CHECK(picture.psnr_db > 25);
    }
    CHECK(compared >= least);
    if (!plan.conferences[0].direct) CHECK(stats(person).frames_damaged == 0);
  }
};

}  // namespace

TEST_CASE("Two receivers with different constraints get different heights of one VP9 stream, and decode without error") {
  Layered meeting({288, 144});
  meeting.begin(&library());
  meeting.run_to(20'000);
  INFO(meeting.story());
  CHECK(meeting.heights(1, 10'000, 20'000) == std::set<uint32_t>{288});
  CHECK(meeting.heights(2, 10'000, 20'000) == std::set<uint32_t>{144});
  for (const uint32_t person : {1u, 2u}) {
    INFO("person " << person);
    const ReceiveSample late = meeting.results.sum(person, Media::video, at_ms(10'000), at_ms(20'000));
    CHECK(late.frames_rendered >= 145);
    CHECK(late.freezes == 0);
    CHECK(meeting.stats(person).frames_decoded > 240);
    meeting.check_pictures(person, 15);
  }
  meeting.finish();
}

TEST_CASE("A VP9 sender drops spatial layers that nobody wants or its link cannot carry, and takes them up again") {
  Layered meeting({144});
  Layered narrow({288});
  LinkConfig link = narrow.up(0);
  link.rate = DataRate::kbps(350);
  link.queue = Duration::milliseconds(300);
  narrow.plan.network.changes.push_back({at_ms(12'000), narrow.plan.people[0].host, true, link});
  narrow.plan.network.changes.push_back({at_ms(30'000), narrow.plan.people[0].host, true, narrow.up(0)});
  meeting.begin(&library());
  meeting.run_to(80'000);
  CHECK(meeting.sent_heights(75'000, 80'000) == std::set<uint32_t>{144});
  meeting.check_pictures(1, 8);
  meeting.finish();
  narrow.begin(&library());
  narrow.run_to(60'000);
  INFO(narrow.story());
  CHECK(narrow.sent_heights(8'000, 12'000) == std::set<uint32_t>{288});
  CHECK(narrow.sent_heights(16'000, 30'000).count(288) == 0);
  CHECK(narrow.sent_heights(55'000, 60'000) == std::set<uint32_t>{288});
  CHECK(narrow.heights(1, 55'000, 60'000) == std::set<uint32_t>{288});
  narrow.check_pictures(1, 45);
  narrow.finish();
}

TEST_CASE("Lost packets of VP9 layers are repaired") {
  Layered meeting({288, 72});
  for (uint32_t i : {1u, 2u}) meeting.down(i).loss = 0.02;
  meeting.begin(&library());
  meeting.run_to(20'000);
  INFO(meeting.story());
  for (const uint32_t person : {1u, 2u}) {
    CHECK(meeting.stats(person).repaired > 0);
    CHECK(meeting.results.sum(person, Media::video, at_ms(5'000), at_ms(20'000)).frames_rendered > 200);
    meeting.check_pictures(person, 12);
  }
  meeting.finish();
}

TEST_CASE("Two people without a bridge send each other VP9") {
  Layered meeting({288});
  meeting.plan.conferences[0].direct = true;
  meeting.begin(&library());
  meeting.run_to(12'000);
  CHECK(meeting.results.sum(1, Media::video).frames_rendered > 130);
  CHECK(meeting.heights(1, 5'000, 12'000) == std::set<uint32_t>{288});
  meeting.check_pictures(1, 8);
  meeting.finish();
}

}  // namespace tacoma
