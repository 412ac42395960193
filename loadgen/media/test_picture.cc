#include "loadgen/media/test_picture.h"

#include <algorithm>
#include <cmath>

#include "core/base/assert.h"

namespace tacoma {
namespace {

// --- The number in the picture: 16 bits of number and 8 of checksum in two rows of 12 blocks, and the same inverted
// below.
constexpr uint32_t kCodeColumns = 12, kCodeRows = 4, kCodeBits = 24;
constexpr uint8_t kBlack = 36, kWhite = 218;
constexpr int kSureOf = 40;  // a bit's two blocks must differ by this much of the 182 that were drawn

uint8_t checksum(
    uint32_t
        number) {  // CRC-8, polynomial x^8 + x^2 + x + 1, over two bytes; started at 0x5a so that 0 is not all zeros
  uint8_t crc = 0x5a;
  for (int shift : {8, 0}) {
    crc = static_cast<uint8_t>(crc ^ (number >> shift));
    for (int i = 0; i < 8; ++i) crc = static_cast<uint8_t>((crc & 0x80) ? (crc << 1) ^ 0x07 : crc << 1);
  }
  return crc;
}

uint32_t code_block(uint32_t width) { return 8 * std::max(1u, (width + 160) / 320); }

void draw_code(uint32_t number, Picture& out) {
  const uint32_t gray = number ^ (number >> 1);  // Gray code: from one frame to the next few blocks change
  const uint32_t word = (gray << 8) | checksum(gray);
  const uint32_t side = code_block(out.width);
  for (uint32_t row = 0; row < kCodeRows; ++row) {
    for (uint32_t column = 0; column < kCodeColumns; ++column) {
      const uint32_t bit = (row % 2) * kCodeColumns + column;
      const bool on = ((word >> (kCodeBits - 1 - bit)) & 1) != (row / 2);
      for (uint32_t y = row * side; y < (row + 1) * side; ++y) {
        std::fill_n(out.luma.begin() + y * out.width + column * side, side, on ? kWhite : kBlack);
      }
    }
  }
  const uint32_t across = kCodeColumns * side / 2, down = kCodeRows * side / 2;
  for (uint32_t y = 0; y < down; ++y) {
    std::fill_n(out.cb.begin() + y * out.chroma_width(), across, uint8_t{128});
    std::fill_n(out.cr.begin() + y * out.chroma_width(), across, uint8_t{128});
  }
}

int block_mean(const Picture& p, uint32_t column, uint32_t row, uint32_t side) {
  const uint32_t margin = side / 4;  // the edges ring
  int sum = 0, count = 0;
  for (uint32_t y = row * side + margin; y < (row + 1) * side - margin; ++y) {
    for (uint32_t x = column * side + margin; x < (column + 1) * side - margin; ++x, ++count)
      sum += p.luma[y * p.width + x];
  }
  return sum / count;
}

// --- The drawing, in integers.
uint32_t hash(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t h = a * 0x9e3779b1u ^ b * 0x85ebca77u ^ c * 0xc2b2ae3du;
  h = (h ^ (h >> 15)) * 0x2c1b3c6du;
  h = (h ^ (h >> 12)) * 0x297a2d39u;
  return h ^ (h >> 15);
}

/// A wave of 4,096 steps a turn, -1024..1024, made of two parabolas: as smooth as a sine to an encoder.
int wave(uint32_t phase) {
  const int p = static_cast<int>(phase & 2047) - 1024;
  const int arch = 1024 - p * p / 1024;
  return (phase & 2048) ? -arch : arch;
}

struct Shape {
  int x, y, rx, ry;  // centre and radii in luma pixels
  int luma, cb, cr;
  bool box;
};

/// How far inside the shape a point is: up to 256 in the middle, 0 on the edge, negative outside.
int inside(const Shape& s, int x, int y) {
  const int dx = (x - s.x) * 256 / s.rx, dy = (y - s.y) * 256 / s.ry;
  return s.box ? 256 - std::max(std::abs(dx), std::abs(dy)) : 256 - (dx * dx + dy * dy) / 256;
}

constexpr uint32_t kShapes = 5;

void place_shapes(uint32_t picture, uint32_t number, int width, int height, Shape (&shapes)[kShapes]) {
  for (uint32_t i = 0; i < kShapes; ++i) {
    const uint32_t h = hash(picture, i, 77);
    const uint32_t slow = number * (9 + h % 23), fast = number * (13 + (h >> 8) % 29);
    Shape& s = shapes[i];
    s.x = width / 2 + wave(slow + (h >> 4)) * width * 2 / 5 / 1024;
    s.y = height * 11 / 20 + wave(fast + (h >> 12)) * height * 3 / 10 / 1024;
    s.rx = std::max(6, width * static_cast<int>(5 + (h >> 16) % 7) / 100);
    s.ry = std::max(6, height * static_cast<int>(9 + (h >> 20) % 11) / 100);
    s.luma = 50 + static_cast<int>(h % 160);
    s.cb = 70 + static_cast<int>((h >> 6) % 116);
    s.cr = 70 + static_cast<int>((h >> 18) % 116);
    s.box = i % 2 == 1;
  }
}

void draw_background(uint32_t picture, uint32_t number, Picture& out) {
  const uint32_t turn = hash(picture, 1, 2);
  const int width = static_cast<int>(out.width), height = static_cast<int>(out.height);
  std::vector<int> along(out.width);
  for (int x = 0; x < width; ++x) {
    along[x] = wave(static_cast<uint32_t>(x * 3000 / width) + turn + number * 11) * 34 / 1024 + x * 30 / width;
  }
  for (int y = 0; y < height; ++y) {
    const int across = 100 + wave(static_cast<uint32_t>(y * 2200 / height) + (turn >> 8) + number * 5) * 30 / 1024;
    uint8_t* row = out.luma.data() + y * width;
    for (int x = 0; x < width; ++x) row[x] = static_cast<uint8_t>(along[x] + across);
  }
  const int cw = static_cast<int>(out.chroma_width()), ch = static_cast<int>(out.chroma_height());
  for (int y = 0; y < ch; ++y) {
    for (int x = 0; x < cw; ++x) {
      out.cb[y * cw + x] = static_cast<uint8_t>(110 + x * 30 / cw + wave(turn + number * 7) * 8 / 1024);
      out.cr[y * cw + x] = static_cast<uint8_t>(118 + y * 24 / ch);
    }
  }
}

/// A still grain over everything, as a wall or a bookshelf behind a speaker: it makes key frames as large, next to the
/// others, as those of a camera.
void draw_grain(uint32_t picture, Picture& out) {
  for (uint32_t y = 0; y < out.height; ++y) {
    uint8_t* row = out.luma.data() + y * out.width;
    for (uint32_t x = 0; x < out.width; x += 2) {
      const int grain = static_cast<int>(hash(x / 2, y / 2, picture + 99) % 25) - 12;
      row[x] = static_cast<uint8_t>(row[x] + grain);
      row[x + 1] = static_cast<uint8_t>(row[x + 1] + grain);
    }
  }
}

/// A textured patch that drifts by a pixel every second frame: detail that motion search must follow.
void draw_texture(uint32_t picture, uint32_t number, Picture& out) {
  const uint32_t left = out.width * 11 / 20, right = out.width * 19 / 20;
  const uint32_t top = out.height * 12 / 20, bottom = out.height * 19 / 20;
  for (uint32_t y = top; y < bottom; ++y) {
    uint8_t* row = out.luma.data() + y * out.width;
    for (uint32_t x = left; x < right; ++x) {
      const uint32_t grain = hash((x + number / 2) / 3, y / 3, picture);
      row[x] = static_cast<uint8_t>(std::clamp(row[x] + static_cast<int>(grain % 49) - 24, 16, 235));
    }
  }
}

void draw_shape(const Shape& s, Picture& out) {
  const int width = static_cast<int>(out.width), height = static_cast<int>(out.height);
  const int x0 = std::max(0, s.x - s.rx) & ~1, x1 = std::min(width, s.x + s.rx + 1);
  const int y0 = std::max(0, s.y - s.ry) & ~1, y1 = std::min(height, s.y + s.ry + 1);
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const int depth = inside(s, x, y);
      if (depth <= 0) continue;
      out.luma[y * width + x] = static_cast<uint8_t>(std::clamp(s.luma + depth / 8 - 16, 16, 235));
      if (((x | y) & 1) == 0) {
        const int at = (y / 2) * static_cast<int>(out.chroma_width()) + x / 2;
        out.cb[at] = static_cast<uint8_t>(s.cb);
        out.cr[at] = static_cast<uint8_t>(s.cr);
      }
    }
  }
}

}  // namespace

void draw_test_picture(uint32_t picture, uint32_t number, uint32_t width, uint32_t height, Picture& out) {
  TACOMA_ASSERT(number < 0x10000 && width >= kMinPictureWidth && height >= kMinPictureHeight && width % 2 == 0 &&
                height % 2 == 0);
  out.width = width;
  out.height = height;
  out.luma.resize(size_t{width} * height);
  out.cb.resize(size_t{out.chroma_width()} * out.chroma_height());
  out.cr.resize(out.cb.size());
  draw_background(picture, number, out);
  draw_grain(picture, out);
  draw_texture(picture, number, out);
  Shape shapes[kShapes];
  place_shapes(picture, number, static_cast<int>(width), static_cast<int>(height), shapes);
  for (const Shape& s : shapes) draw_shape(s, out);
  draw_code(number, out);
}

std::optional<uint32_t> read_frame_number(const Picture& picture) {
  const uint32_t side = code_block(picture.width);
  if (picture.width < kCodeColumns * side || picture.height < kCodeRows * side) return std::nullopt;
  if (picture.luma.size() < size_t{picture.width} * picture.height) return std::nullopt;
  uint32_t word = 0;
  for (uint32_t bit = 0; bit < kCodeBits; ++bit) {
    const uint32_t column = bit % kCodeColumns, row = bit / kCodeColumns;
    const int contrast = block_mean(picture, column, row, side) - block_mean(picture, column, row + 2, side);
    if (std::abs(contrast) < kSureOf) return std::nullopt;
    word = (word << 1) | (contrast > 0 ? 1u : 0u);
  }
  uint32_t number = word >> 8;
  if (checksum(number) != (word & 0xff)) return std::nullopt;
  for (uint32_t shift = 8; shift > 0; shift /= 2) number ^= number >> shift;  // back from Gray code
  return number;
}

void resize_luma(const Picture& from, uint32_t width, uint32_t height, Picture& out) {
  out.width = width;
  out.height = height;
  out.luma.resize(size_t{width} * height);
  out.cb.clear();
  out.cr.clear();
  const uint32_t less = std::max(1u, from.width / width), more = std::max(1u, width / from.width);
  TACOMA_ASSERT(from.width * more == width * less && from.height * more == height * less);
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      uint32_t sum = 0;
      for (uint32_t dy = 0; dy < less; ++dy)
        for (uint32_t dx = 0; dx < less; ++dx) sum += from.luma[size_t{y * less / more + dy} * from.width + x * less / more + dx];
      out.luma[size_t{y} * width + x] = static_cast<uint8_t>((sum + less * less / 2) / (less * less));
    }
  }
}

double luma_psnr(const Picture& a, const Picture& b) {
  TACOMA_ASSERT(a.width == b.width && a.height == b.height && !a.luma.empty());
  uint64_t sum = 0;
  for (size_t i = 0; i < a.luma.size(); ++i) {
    const int d = int{a.luma[i]} - int{b.luma[i]};
    sum += static_cast<uint64_t>(d * d);
  }
  if (sum == 0) return 99;
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.luma.size()) / static_cast<double>(sum));
}

}  // namespace tacoma
