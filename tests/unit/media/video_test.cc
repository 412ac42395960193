#include <catch2/catch.hpp>

#include <numeric>

#include "core/base/rng.h"
#include "loadgen/media/clip_file.h"
#include "loadgen/media/decoders.h"
#include "loadgen/media/encode.h"

using namespace tacoma;

namespace {

VideoFormat format(uint32_t width, uint32_t height, uint32_t fps, int64_t kbps) {
  VideoFormat f;
  f.width = width;
  f.height = height;
  f.fps = fps;
  f.rate = DataRate::kbps(kbps);
  return f;
}

/// Decodes one frame and returns how well it shows what was drawn; fails the test when its number is not read back.
double shown(VideoDecoder& decoder, const VideoClip& clip, const VideoFrame& frame) {
  const Picture* decoded = decoder.decode(frame.data);
  REQUIRE(decoded != nullptr);
  REQUIRE(read_frame_number(*decoded) == frame.number);
  Picture drawn;
  draw_test_picture(clip.picture(), frame.number, clip.format().width, clip.format().height, drawn);
  return luma_psnr(*decoded, drawn);
}

}  // namespace

TEST_CASE("two encodings of one clip are equal, byte for byte; other pictures are others") {
  const VideoFormat f = format(160, 90, 15, 80);
  const auto a = encode_video(f, 0, {}), b = encode_video(f, 0, {}), other = encode_video(f, 1, {});
  REQUIRE((a && b && other));
  CHECK(write_clip(*a, "") == write_clip(*b, ""));
  CHECK(write_clip(*a, "") != write_clip(*other, ""));
  CHECK(a->size() != other->size());  // so that their ends drift apart
}

TEST_CASE("every frame of a clip decodes, carries its number and looks like what was drawn") {
  struct { VideoFormat format; double mean, least; } cases[] = {
      {format(640, 360, 25, 600), 34, 30}, {format(320, 180, 15, 150), 33, 29}, {format(320, 180, 25, 80), 27, 24}};
  for (const auto& c : cases) {
    std::vector<double> steps;
    const auto clip = encode_video(c.format, 2, [&](double done) { steps.push_back(done); });
    REQUIRE(clip);
    CHECK(std::is_sorted(steps.begin(), steps.end()));
    CHECK(steps.size() >= 15);
    VideoDecoder decoder;
    double sum = 0, least = 99;
    size_t bytes = 0;
    for (uint32_t i = 0; i < clip->size(); ++i) {
      const VideoFrame frame = clip->frame(i);
      CHECK(frame.key == (i == 0));
      CHECK((frame.data[0] & 1) == (frame.key ? 0 : 1));  // RFC 6386 section 9.1: P bit, 0 for a key frame
      const double psnr = shown(decoder, *clip, frame);
      sum += psnr;
      least = std::min(least, psnr);
      bytes += frame.data.size();
    }
    CAPTURE(c.format.width, c.format.rate.bps());
    CHECK(sum / clip->size() > c.mean);
    CHECK(least > c.least);
    const double seconds = static_cast<double>(clip->size()) / c.format.fps;
    CHECK(static_cast<double>(bytes) * 8 / seconds == Approx(static_cast<double>(c.format.rate.bps())).epsilon(0.05));
    CHECK(clip->frame(0).data.size() > bytes / clip->size() * 3 / 2);  // a key frame is larger than the others
  }
}

TEST_CASE("a key frame asked for anywhere comes next and everything after it decodes without what was before") {
  const auto clip = encode_video(format(320, 180, 15, 150), 0, {});
  REQUIRE(clip);
  Rng rng(11);
  VideoPlayer player(*clip);
  VideoDecoder old_viewer;
  for (int round = 0; round < 12; ++round) {
    const uint32_t frames = 1 + rng.below(2 * clip->size());  // often past the end of the clip
    for (uint32_t i = 0; i < frames; ++i) CHECK(shown(old_viewer, *clip, player.next()) > 29);
    player.request_key_frame();
    const VideoFrame key = player.next();
    CHECK(key.key);
    VideoDecoder new_viewer;
    CHECK(shown(new_viewer, *clip, key) > 29);
    CHECK(shown(old_viewer, *clip, key) > 29);
    for (uint32_t i = 0; i < 20; ++i) {
      const VideoFrame frame = player.next();
      CHECK_FALSE(frame.key);
      CHECK(shown(new_viewer, *clip, frame) > 29);
      CHECK(shown(old_viewer, *clip, frame) > 29);
    }
  }
}

TEST_CASE("temporal layers can be left out, and the rest decodes to the pictures that were drawn") {
  for (uint32_t layers : {2u, 3u}) {
    VideoFormat f = format(320, 180, 24, 200);
    f.temporal_layers = layers;
    const auto clip = encode_video(f, 1, {});
    REQUIRE(clip);
    for (uint32_t top = 0; top < layers; ++top) {
      VideoDecoder decoder;
      double bytes = 0;
      for (uint32_t i = 0; i < clip->size(); ++i) {
        if (temporal_layer_of(i, layers) > top) continue;
        INFO(layers << " layers, up to " << top << ", frame " << i);
        REQUIRE(shown(decoder, *clip, clip->frame(i)) > 27);
        bytes += static_cast<double>(clip->frame(i).data.size());
      }
      const double rate = bytes * 8 * f.fps / clip->size();
      CHECK(rate == Approx(temporal_share(top, layers) * 200e3).epsilon(0.2));
    }
    // The highest layer can also be left out here and there, and come back at once where it is in sync.
    VideoDecoder decoder;
    Rng rng(layers);
    for (uint32_t i = 0; i < clip->size(); ++i) {
      if (temporal_layer_of(i, layers) + 1u == layers && rng.chance(0.5)) continue;
      REQUIRE(shown(decoder, *clip, clip->frame(i)) > 27);
    }
  }
}

TEST_CASE("a decoder without a key frame shows nothing and survives damaged frames") {
  const auto clip = encode_video(format(160, 90, 15, 80), 3, {});
  REQUIRE(clip);
  VideoDecoder late;
  CHECK(late.decode(clip->frame(5).data) == nullptr);
  CHECK(late.decode({}) == nullptr);
  VideoDecoder decoder;
  REQUIRE(decoder.decode(clip->frame(0).data) != nullptr);
  Rng rng(3);
  for (uint32_t i = 1; i < 60; ++i) {
    const BytesView good = clip->frame(i).data;
    std::vector<uint8_t> bad(good.begin(), good.end());
    bad.resize(1 + rng.below(static_cast<uint32_t>(bad.size())));
    bad[rng.below(static_cast<uint32_t>(bad.size()))] ^= 0x55;
    decoder.decode(bad);
  }
  CHECK(shown(decoder, *clip, clip->frame(0)) > 28);  // and a key frame mends everything
}

TEST_CASE("formats that cannot be encoded are refused with a sentence") {
  struct { VideoFormat format; const char* says;
  } cases[] = {{format(64, 64, 25, 600), "64x64"},     {format(641, 360, 25, 600), "even"},
               {format(640, 360, 0, 600), "0 frames"}, {format(640, 360, 90, 600), "90 frames"},
               {format(640, 360, 25, 0), "0 bit/s"},   {format(8192, 360, 25, 600), "8192x360"}};
  for (const auto& c : cases) {
    const auto clip = encode_video(c.format, 0, {});
    REQUIRE_FALSE(clip);
    CHECK_THAT(clip.error(), Catch::Contains(c.says));
  }
}

TEST_CASE("a VP9 clip in k-SVC decodes at each of its heights, from any key picture on, with any temporal layers") {
  VideoFormat f = format(512, 288, 15, 600);
  f.codec = VideoCodec::vp9;
  f.spatial_layers = f.temporal_layers = 3;
  const auto clip = encode_video(f, 1, {}), again = encode_video(f, 1, {});
  REQUIRE((clip && again));
  CHECK((write_clip(*clip, "") == write_clip(*again, "")));
  REQUIRE(clip->size() == 150 + 6);
  REQUIRE(clip->entries() == 3 * clip->size());
  const auto read = read_video_clip(write_clip(*clip, "p"), "p", f, 1);
  REQUIRE(read);
  CHECK(read->entries() == clip->entries());
  for (uint32_t spatial = 0; spatial < 3; ++spatial) {
    for (const uint32_t temporal : {0u, 1u, 2u}) {
      CAPTURE(spatial, temporal);
      VideoDecoder decoder(VideoCodec::vp9);
      double sum = 0;
      uint32_t shown = 0;
      size_t bytes = 0;
      for (uint32_t i = 0; i < clip->size(); ++i) {
        if (temporal_layer_of(i, 3) > temporal) continue;
        std::vector<uint8_t> picture;
        // Of the layers below, a key picture alone has need.
        for (uint32_t s = i == 0 ? 0 : spatial; s <= spatial; ++s) {
          const VideoFrame frame = clip->frame(i, s);
          CHECK(frame.key == (i == 0 && s == 0));
          picture.insert(picture.end(), frame.data.begin(), frame.data.end());
        }
        bytes += picture.size();
        const Picture* decoded = decoder.decode(picture);
        REQUIRE(decoded);
        REQUIRE(decoded->height == 288u >> (2 - spatial));
        Picture large, drawn, seen;
        resize_luma(*decoded, 512, 288, large);
        REQUIRE(read_frame_number(large) == i);
        draw_test_picture(1, i, 512, 288, drawn);
        resize_luma(drawn, decoded->width, decoded->height, seen);
        sum += luma_psnr(*decoded, seen);
        ++shown;
      }
      const double kbps = static_cast<double>(bytes) * 8 * 15 / clip->size() / 1000;
      UNSCOPED_INFO(sum / shown << " dB, " << kbps << " kbps");
      CHECK(sum / shown > 30);
      const double wanted = static_cast<double>(f.layer(spatial).rate.bps()) / 1000 * temporal_share(temporal, 3, VideoCodec::vp9);
      CHECK(kbps > wanted * 0.8);
      CHECK(kbps < wanted * 1.1);
    }
  }
}
