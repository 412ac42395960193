// What a sender sends of its layers, and the statistical source.
#include "loadgen/people/layer_choice.h"

#include <catch2/catch.hpp>

#include "loadgen/people/video_model.h"

namespace tacoma {
namespace {

VideoFormat simulcast(VideoContent content = VideoContent::clip) {
  VideoFormat format;
  format.width = 1280;
  format.height = 720;
  format.fps = 30;
  format.rate = DataRate::kbps(2'500);
  format.encodings = 3;
  format.temporal_layers = 3;
  format.content = content;
  return format;
}

/// "180:2 360:1": lines and highest temporal layer of what is on.
std::string told(const VideoFormat& format, const SourceChoice& choice) {
  std::string text;
  for (uint32_t i = 0; i < format.encodings; ++i)
    if (choice[i].on) text += (text.empty() ? "" : " ") + std::to_string(format.encoding(i).height) + ":" + std::to_string(choice[i].temporal);
  return text;
}
std::string told(const VideoFormat& format, int32_t height, int64_t kbps, const SourceChoice& before = {}) {
  return told(format, choose_layers(format, height, kbps < 0 ? DataRate::infinite() : DataRate::kbps(kbps), before));
}

}  // namespace

TEST_CASE("Encodings have Chromium's sizes and rates") {
  const VideoFormat format = simulcast();
  CHECK(format.encoding(0).height == 180);
  CHECK(format.encoding(0).rate == DataRate::kbps(200));
  CHECK(format.encoding(1).width == 640);
  CHECK(format.encoding(1).rate == DataRate::kbps(700));
  CHECK(format.encoding(2) == [&] { VideoFormat top = format; top.encodings = 1; return top; }());
  CHECK(wanted_rate(format, -1) == DataRate::kbps(3'400));
  CHECK(wanted_rate(format, 360) == DataRate::kbps(900));
  CHECK(wanted_rate(format, 0) == DataRate::zero());
}

TEST_CASE("Layers are filled from the smallest, and the largest goes without frames first") {
  const VideoFormat format = simulcast();
  CHECK(told(format, -1, -1) == "180:2 360:2 720:2");
  CHECK(told(format, -1, 4'000) == "180:2 360:2 720:2");
  CHECK(told(format, -1, 3'000) == "180:2 360:2 720:1");
  CHECK(told(format, -1, 2'000) == "180:2 360:2");
  CHECK(told(format, -1, 750) == "180:2 360:1");
  CHECK(told(format, -1, 300) == "180:2");
  CHECK(told(format, -1, 150) == "180:1");
  CHECK(told(format, -1, 20) == "180:0");  // something goes out, whatever the budget
}

TEST_CASE("Nobody gets more lines than are wanted, and nothing where nobody looks") {
  const VideoFormat format = simulcast();
  CHECK(told(format, 0, -1).empty());
  CHECK(told(format, 180, -1) == "180:2");
  CHECK(told(format, 400, -1) == "180:2 360:2");
  CHECK(told(format, 90, -1) == "180:2");  // the smallest there is
}

TEST_CASE("A layer that is off needs more than one that is on") {
  const VideoFormat format = simulcast();
  const SourceChoice two = choose_layers(format, -1, DataRate::kbps(1'200), {});
  REQUIRE(told(format, two) == "180:2 360:2");
  const SourceChoice all = choose_layers(format, -1, DataRate::mbps(5), two);
  CHECK(told(format, -1, 2'450, two) == "180:2 360:2");          // 900 and 60 % of 2500, but no margin
  CHECK(told(format, -1, 2'450, all) == "180:2 360:2 720:1");
  CHECK(told(format, -1, 3'400, all) == "180:2 360:2 720:2");
}

TEST_CASE("A model's largest encoding has any rate down to a quarter of its own") {
  const VideoFormat format = simulcast(VideoContent::model);
  const SourceChoice choice = choose_layers(format, -1, DataRate::kbps(2'700), {});
  CHECK(told(format, choice) == "180:2 360:2 720:2");
  CHECK(choice[2].rate == DataRate::kbps(1'800));
  CHECK(told(format, -1, 1'550) == "180:2 360:2");
  CHECK(told(format, -1, 400) == "180:2");
  VideoFormat one = format;
  one.encodings = 1;
  CHECK(choose_layers(one, -1, DataRate::kbps(80), {})[0].rate == DataRate::kbps(150));
  CHECK(choose_layers(one, -1, DataRate::kbps(420), {})[0].rate == DataRate::kbps(420));
}

TEST_CASE("Sources share a budget; what one does not need goes to the other") {
  const auto kbps = [](int64_t a, int64_t b, int64_t budget) {
    const auto shares = share_budget(DataRate::kbps(budget), {DataRate::kbps(a), DataRate::kbps(b)});
    return std::pair(shares[0].bps() / 1000, shares[1].bps() / 1000);
  };
  CHECK(kbps(1'000, 1'000, 600) == std::pair<int64_t, int64_t>(300, 300));
  CHECK(kbps(100, 1'000, 600) == std::pair<int64_t, int64_t>(100, 500));
  CHECK(kbps(1'000, 100, 600) == std::pair<int64_t, int64_t>(500, 100));
  CHECK(share_budget(DataRate::infinite(), {DataRate::kbps(5)})[0].is_infinite());
}

TEST_CASE("The statistical source keeps its target within 5 per cent over any second") {
  for (uint32_t layers : {1u, 2u, 3u}) {
    for (int64_t kbps : {150, 400, 1'000, 1'500}) {
      VideoFormat format;
      format.content = VideoContent::model;
      format.fps = 32;  // whole periods of layers in a second
      format.rate = DataRate::kbps(1'500);
      format.temporal_layers = layers;
      VideoModel model(format, Rng(static_cast<uint64_t>(kbps) + layers));
      model.set_target(DataRate::kbps(kbps));
      std::vector<double> bits;
      for (uint32_t i = 0; i < 32 * 60; ++i)
        bits.push_back(8.0 * model.next(Instant::at(Duration::seconds(1) * i / 32), i));
      // From two seconds on: before, the first key frame is being paid back.
      for (size_t from = 64; from + 32 <= bits.size(); ++from) {
        double sum = 0;
        for (size_t k = from; k < from + 32; ++k) sum += bits[k];
        INFO(layers << " layers, " << kbps << " kbps, second from frame " << from);
        CHECK(sum / 1000 == Approx(static_cast<double>(kbps)).epsilon(0.05));
      }
    }
  }
}

TEST_CASE("The statistical source follows a new target within 100 ms and pays for key frames") {
  VideoFormat format;
  format.content = VideoContent::model;
  format.fps = 25;
  format.rate = DataRate::kbps(1'500);
  VideoModel model(format, Rng(3));
  model.set_target(DataRate::kbps(1'000));
  const auto at = [](uint32_t frame) { return Instant::at(Duration::milliseconds(40) * frame); };
  double before = 0, after = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    const double size = model.next(at(i), i);
    if (i >= 50) before += size;
  }
  model.set_target(DataRate::kbps(300));
  for (uint32_t i = 100; i < 150; ++i) {
    const double size = model.next(at(i), i);
    if (i >= 103) after += size;
    if (i == 102) CHECK(model.target() == DataRate::kbps(300));
  }
  CHECK(before / 50 * 25 * 8 == Approx(1e6).epsilon(0.05));
  CHECK(after / 47 * 25 * 8 == Approx(3e5).epsilon(0.05));
  const uint32_t key = model.next(at(150), 0);
  CHECK(key > 3 * 1'500);
  double rest = key;
  for (uint32_t i = 1; i < 50; ++i) rest += model.next(at(150 + i), i);
  CHECK(rest * 8 / 2 == Approx(3e5).epsilon(0.06));
  model.set_target(DataRate::mbps(900));
  model.next(at(210), 60);
  CHECK(model.target() == DataRate::kbps(1'500));
  model.set_target(DataRate::zero());
  model.next(at(220), 70);
  CHECK(model.target() == DataRate::kbps(150));
}

}  // namespace tacoma
