// The moving test picture: a function of (picture, frame number, size) alone, in integers, so that a receiver can draw
// what the sender drew and measure how much of it arrived.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tacoma {

/// 8 bit 4:2:0 picture. Rows are packed: luma width x height, then each chroma plane (width + 1) / 2 x (height + 1) /
/// 2.
struct Picture {
  uint32_t width = 0, height = 0;
  std::vector<uint8_t> luma, cb, cr;
  uint32_t chroma_width() const { return (width + 1) / 2; }
  uint32_t chroma_height() const { return (height + 1) / 2; }
};

constexpr uint32_t kMinPictureWidth = 96, kMinPictureHeight = 64;

/// Draws frame `number` (below 65,536) of drawing `picture` into `out`, which is given the size first. Smooth
/// gradients, shapes on smooth paths, a textured patch and the number as blocks of black and white. Width and height
/// are even and at least the minimum.
void draw_test_picture(uint32_t picture, uint32_t number, uint32_t width, uint32_t height, Picture& out);

/// Reads the number from the luma of a decoded picture of the size that it was drawn at: every bit stands in the
/// picture twice, once inverted, with a checksum over all. nullopt when they do not agree.
std::optional<uint32_t> read_frame_number(const Picture& picture);

/// The luma alone, smaller or larger by a whole number: means of squares of pixels, or each pixel repeated.
void resize_luma(const Picture& from, uint32_t width, uint32_t height, Picture& out);

/// Peak signal-to-noise ratio of the luma of two pictures of one size, in dB; 99 for equal ones.
double luma_psnr(const Picture& a, const Picture& b);

}  // namespace tacoma
