#include <catch2/catch.hpp>

#include "core/base/rng.h"
#include "loadgen/media/test_picture.h"

using namespace tacoma;

TEST_CASE("the number can be read back from every size of picture") {
  const std::pair<uint32_t, uint32_t> sizes[] = {{96, 64}, {160, 90}, {320, 180}, {640, 360}, {1280, 720}};
  Picture p;
  for (const auto& [width, height] : sizes) {
    for (uint32_t number : {0u, 1u, 249u, 4660u, 65535u}) {
      draw_test_picture(number % 4, number, width, height, p);
      CHECK(read_frame_number(p) == number);
    }
  }
}

TEST_CASE("a damaged number is not read as another one") {
  Picture clean;
  draw_test_picture(1, 1234, 320, 180, clean);
  Rng rng(5);
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    Picture p = clean;
    const uint32_t x = rng.below(88), y = rng.below(24);  // a patch of 16x8 anywhere over the number
    const uint8_t grey = static_cast<uint8_t>(rng.below(256));
    for (uint32_t dy = 0; dy < 8; ++dy) std::fill_n(p.luma.begin() + (y + dy) * p.width + x, 16, grey);
    const auto read = read_frame_number(p);
    refused += !read;
    if (read) CHECK(*read == 1234);
  }
  CHECK(refused > 0);
  std::fill(clean.luma.begin(), clean.luma.end(), uint8_t{128});
  CHECK_FALSE(read_frame_number(clean));
  Picture tiny;
  tiny.width = 16;
  tiny.height = 16;
  tiny.luma.assign(256, 0);
  CHECK_FALSE(read_frame_number(tiny));
}

TEST_CASE("pictures differ by drawing, move smoothly, and PSNR orders what was done to them") {
  Picture a, next, later, other;
  draw_test_picture(0, 10, 320, 180, a);
  draw_test_picture(0, 11, 320, 180, next);
  draw_test_picture(0, 60, 320, 180, later);
  draw_test_picture(1, 10, 320, 180, other);
  CHECK(luma_psnr(a, a) == 99);
  CHECK(luma_psnr(a, next) > luma_psnr(a, later));
  CHECK(luma_psnr(a, other) < 20);
  Picture off_by_one = a;
  for (uint8_t& v : off_by_one.luma) v = static_cast<uint8_t>(v + 1);
  CHECK(luma_psnr(a, off_by_one) == Approx(48.13).margin(0.01));  // 20 log10(255)
}
