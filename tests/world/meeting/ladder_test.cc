// A sender of one encoding that exists at several rates, in the light world.
#include "tests/world/meeting/meeting.h"
#include "tests/support/instants.h"

namespace tacoma {
TEST_CASE("A sender of one encoding goes down its ladder on a narrow uplink, and up again") {
  const bool direct = GENERATE(false, true);
  INFO((direct ? "direct" : "through the bridge"));
  Meeting meeting;
  meeting.plan.conferences[0].direct = direct;
  for (int64_t i = 0; i < 2; ++i) {
    PersonPlan& person = meeting.add_person(100 * i);
    person.video.width = 320;
    person.video.height = 180;
    person.video.fps = 15;
    person.video.rate = DataRate::kbps(500);
    person.video.ladder = 4;
    person.decodes = i == 1;
  }
  meeting.plan.people[1].sends_video = false;
  LinkConfig narrow = meeting.up(0);
  narrow.rate = DataRate::kbps(320);
  narrow.queue = Duration::milliseconds(300);
  meeting.plan.network.changes.push_back({at_ms(15'000), meeting.plan.people[0].host, true, narrow});
  meeting.plan.network.changes.push_back({at_ms(40'000), meeting.plan.people[0].host, true, meeting.up(0)});
  ClipLibrary library;
  meeting.begin(&library);
  meeting.run_to(75'000);
  const auto sent_kbps = [&](int64_t from, int64_t to) {
    int64_t bytes = 0;
    for (const auto& [at, row] : meeting.results.send)
      if (row.person == 0 && row.media == Media::video && at > at_ms(from) && at <= at_ms(to)) bytes += row.bytes;
    return static_cast<double>(bytes) * 8 / static_cast<double>(to - from);
  };
  for (const auto& [at, row] : meeting.results.rated)
    if (row.person == 0) UNSCOPED_INFO(at.since_start().to_seconds() << " s: target " << row.target.bps());
  CHECK(sent_kbps(8'000, 15'000) > 400);
  CHECK(sent_kbps(20'000, 40'000) < 290);
  CHECK(sent_kbps(20'000, 40'000) > 80);
  CHECK(sent_kbps(65'000, 75'000) > 400);
  const ReceiveSample held = meeting.results.sum(1, Media::video, at_ms(20'000), at_ms(40'000));
  CHECK(held.frames_rendered > 15 * 20 * 8 / 10);
  CHECK(held.frozen < Duration::seconds(2));
  for (const auto& [at, picture] : meeting.results.pictures) CHECK(picture.psnr_db > 25);
  CHECK(meeting.results.pictures.size() > 60);
  meeting.finish();
}

}  // namespace tacoma
