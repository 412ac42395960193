#include "core/rtp/h264.h"

#include <algorithm>
#include <array>

#include "core/base/bit_reader.h"

namespace tacoma {

namespace {
constexpr uint8_t kIdr = 5, kParameters = 7, kStapA = 24, kFuA = 28;

// A parameter set up to its frame size fits with scaling lists and all; what is longer is not read.
constexpr size_t kLongestParameters = 512;

// ue(v), ITU-T H.264 section 9.1. More than 16 leading zeros are no number that we have a use for: they end the reading.
uint32_t exp_golomb(BitReader& r) {
  size_t zeros = 0;
  while (r.ok() && r.read(1) == 0) ++zeros;
  if (zeros > 16) {
    r.fail();
    return 0;
  }
  return (1u << zeros) - 1 + r.read(zeros);
}
int32_t signed_exp_golomb(BitReader& r) {
  const auto k = static_cast<int32_t>(exp_golomb(r));
  return k % 2 != 0 ? (k + 1) / 2 : -(k / 2);
}

// Profiles whose parameter sets tell of chroma and scaling.
bool is_high(uint32_t profile) {
  constexpr std::array<uint8_t, 13> kHigh{100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
  return std::find(kHigh.begin(), kHigh.end(), profile) != kHigh.end();
}

void skip_scaling_list(BitReader& r, size_t size) {
  int32_t last = 8, next = 8;
  for (size_t i = 0; i < size && r.ok(); ++i) {
    if (next != 0) next = (last + signed_exp_golomb(r) + 256) % 256;
    last = next == 0 ? last : next;
  }
}

// Behind the NAL unit's header; sections 7.3.2.1.1 and 7.4.2.1.1.
uint16_t picture_height(BitReader r) {
  const uint32_t profile = r.read(8);
  r.read(16);       // constraints, level
  exp_golomb(r);    // id
  uint32_t chroma_format = 1;
  bool separate_planes = false;
  if (is_high(profile)) {
    chroma_format = exp_golomb(r);
    if (chroma_format == 3) separate_planes = r.read(1);
    exp_golomb(r);  // bit depths
    exp_golomb(r);
    r.read(1);
    if (r.read(1))  // scaling lists
      for (size_t i = 0; i < (chroma_format == 3 ? 12u : 8u); ++i)
        if (r.read(1)) skip_scaling_list(r, i < 6 ? 16 : 64);
  }
  exp_golomb(r);    // frame numbers
  const uint32_t order = exp_golomb(r);
  if (order == 0) exp_golomb(r);
  if (order == 1) {
    r.read(1);
    signed_exp_golomb(r);
    signed_exp_golomb(r);
    const uint32_t cycle = exp_golomb(r);
    for (uint32_t i = 0; i < cycle && r.ok(); ++i) signed_exp_golomb(r);
  }
  exp_golomb(r);    // reference frames
  r.read(1);
  exp_golomb(r);    // width
  const uint32_t map_units = exp_golomb(r) + 1;
  const bool frames_only = r.read(1);
  if (!frames_only) r.read(1);
  r.read(1);
  uint32_t cropped = 0;
  if (r.read(1)) {
    exp_golomb(r);  // left, right
    exp_golomb(r);
    cropped = exp_golomb(r);
    cropped += exp_golomb(r);
  }
  const uint32_t fields = frames_only ? 1 : 2;
  const uint32_t unit = (chroma_format == 1 && !separate_planes ? 2 : 1) * fields;
  const uint32_t height = map_units * 16 * fields;
  if (!r.ok() || cropped * unit >= height || height - cropped * unit > UINT16_MAX) return 0;
  return static_cast<uint16_t>(height - cropped * unit);
}

// The same with the bytes against false start codes taken out, section 7.4.1.
uint16_t height_of_parameters(BytesView unit) {
  std::array<uint8_t, kLongestParameters> bytes;
  size_t size = 0, zeros = 0;
  for (size_t i = 1; i < unit.size() && size < bytes.size(); ++i) {
    const uint8_t byte = unit[i];
    const bool guards = zeros >= 2 && byte == 3;
    zeros = byte == 0 ? zeros + 1 : 0;
    if (!guards) bytes[size++] = byte;
  }
  return picture_height(BitReader(BytesView(bytes.data(), size)));
}

void note(H264Payload& p, uint8_t type) {
  p.parameters = p.parameters || type == kParameters;
  p.idr = p.idr || type == kIdr;
}
void note_unit(H264Payload& p, BytesView unit) {
  const uint8_t type = unit[0] & 0x1f;
  note(p, type);
  if (type == kParameters) p.height = height_of_parameters(unit);
}
}  // namespace

std::optional<H264Payload> parse_h264(BytesView payload) {
  H264Payload result;
  ByteReader r(payload);
  const uint8_t type = r.u8() & 0x1f;
  if (!r.ok()) return std::nullopt;
  if (type >= 1 && type < kStapA) {
    note_unit(result, payload);
    return result;
  }
  if (type == kStapA) {
    if (r.remaining() == 0) return std::nullopt;
    while (r.remaining() > 0) {
      const uint16_t size = r.u16();
      if (!r.ok() || size == 0 || size > r.remaining()) return std::nullopt;
      note_unit(result, payload.subspan(payload.size() - r.remaining(), size));
      r.skip(size);
    }
    return result;
  }
  if (type == kFuA) {
    const uint8_t fragment = r.u8();
    if (!r.ok() || r.remaining() == 0 || (fragment & 0xc0) == 0xc0) return std::nullopt;  // first and last: not a fragment
    if (fragment & 0x80) note(result, fragment & 0x1f);
    return result;
  }
  return std::nullopt;
}

}  // namespace tacoma
