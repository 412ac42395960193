// Vectors made by a browser engine's WebCrypto from the format's description.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/secure/frame_cipher.h"

using namespace tacoma;
using Kind = FrameCipher::Kind;

namespace {

std::string hex(BytesView bytes) {
  std::string out;
  for (const uint8_t b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

std::vector<uint8_t> counted(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i + 1);
  return bytes;
}

std::string sealed(FrameCipher& cipher, Kind kind, uint32_t ssrc, uint32_t timestamp, uint32_t counter, BytesView frame) {
  std::vector<uint8_t> out(frame.size() + FrameCipher::kOverhead);
  const size_t size = cipher.seal(kind, ssrc, timestamp, counter, frame, out.data());
  return hex(BytesView(out.data(), size));
}

}  // namespace

TEST_CASE("frames are sealed as browsers seal them") {
  const auto cipher = FrameCipher::from_material(as_bytes("some key material"), 3);
  REQUIRE(cipher);
  const auto frame = counted(24);
  CHECK(sealed(*cipher, Kind::key_frame, 0x11223344, 0x55667788, 9, frame) ==
        "0102030405060708090ac4c60c0659daa8aadc34d78f053928c998e8d00e3673606778770d71d9f81122334455667788000000090c03");
  CHECK(sealed(*cipher, Kind::audio, 1, 2, 3, BytesView(frame).subspan(0, 1)) == "01295173da8ae2cbe4a566ed9b7bf4bb320000000100000002000000030c03");
  const auto shared = FrameCipher::from_password("correct horse", "r@conference.x");
  REQUIRE(shared);
  CHECK(sealed(*shared, Kind::delta_frame, 7, 8, 9, frame) ==
        "01020318c52801d9d558267dd1eb052a9e621fdc371e2e37def3e19ceeb322bb17df1010868c93b10000000700000008000000090c00");
}

TEST_CASE("a sealed frame opens with its key only, whole and unchanged") {
  const auto cipher = FrameCipher::from_material(as_bytes("right"));
  const auto other = FrameCipher::from_material(as_bytes("wrong"));
  const auto later = FrameCipher::from_material(as_bytes("right"), 1);
  for (const Kind kind : {Kind::audio, Kind::delta_frame, Kind::key_frame}) {
    for (const size_t size : {size_t{10}, size_t{11}, size_t{500}, size_t{70'000}}) {
      const auto frame = counted(size);
      std::vector<uint8_t> out(size + FrameCipher::kOverhead);
      REQUIRE(cipher->seal(kind, 1, 2, 3, frame, out.data()) == out.size());
      auto copy = out;
      CHECK_FALSE(other->open(kind, copy));
      copy = out;
      CHECK_FALSE(later->open(kind, copy));
      for (const size_t place : {size_t{0}, size - 1, size + 15, size + 16, size + 27, size + 28, size + 29}) {
        copy = out;
        copy[place] ^= 1;
        CHECK_FALSE(cipher->open(kind, copy));
      }
      for (const size_t cut : {size_t{1}, size_t{30}, out.size()}) {
        copy.assign(out.begin(), out.end() - static_cast<std::ptrdiff_t>(cut));
        CHECK_FALSE(cipher->open(kind, copy));
      }
      const auto opened = cipher->open(kind, out);
      REQUIRE(opened == size);
      out.resize(*opened);
      CHECK(out == frame);
    }
  }
}

TEST_CASE("a frame too short to leave its header clear is not sealed") {
  const auto cipher = FrameCipher::from_material(as_bytes("k"));
  std::vector<uint8_t> out(100);
  const auto frame = counted(9);
  CHECK(cipher->seal(Kind::key_frame, 1, 2, 3, frame, out.data()) == 0);
  CHECK(cipher->seal(Kind::audio, 1, 2, 3, BytesView(), out.data()) == 0);
  CHECK_FALSE(FrameCipher::from_material(as_bytes("k"), FrameCipher::kKeys));
}
