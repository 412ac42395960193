// Views of bytes and bounds-checked big-endian reading and writing. C++17 has no std::span; Span is its small part
// that we need (ns-3 compiles these headers).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/assert.h"

namespace tacoma {

/// A contiguous range owned by somebody else.
template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}
  template <typename U, typename = std::enable_if_t<std::is_same_v<const U, T> && !std::is_same_v<U, T>>>
  constexpr Span(Span<U> other) : data_(other.data()), size_(other.size()) {}
  template <typename U, typename A, typename = std::enable_if_t<std::is_same_v<std::remove_const_t<T>, U>>>
  constexpr Span(const std::vector<U, A>& v) : data_(const_cast<T*>(v.data())), size_(v.size()) {
    static_assert(std::is_const_v<T>, "a const vector gives a read-only span");
  }
  template <typename A>
  constexpr Span(std::vector<std::remove_const_t<T>, A>& v) : data_(v.data()), size_(v.size()) {}
  template <size_t N>
  constexpr Span(T (&array)[N]) : data_(array), size_(N) {}

  constexpr T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }
  T& operator[](size_t i) const {
    TACOMA_ASSERT(i < size_);
    return data_[i];
  }
  /// The part from `offset`, `count` long or to the end; both are clamped to what is there.
  constexpr Span subspan(size_t offset, size_t count = static_cast<size_t>(-1)) const {
    if (offset > size_) offset = size_;
    if (count > size_ - offset) count = size_ - offset;
    return Span(data_ + offset, count);
  }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

using BytesView = Span<const uint8_t>;
using MutableBytes = Span<uint8_t>;

inline BytesView as_bytes(std::string_view text) {
  return BytesView(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}
inline std::string_view as_text(BytesView bytes) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

inline uint16_t load_u16(const uint8_t* p) { return static_cast<uint16_t>((p[0] << 8) | p[1]); }
inline uint32_t load_u24(const uint8_t* p) { return (uint32_t{p[0]} << 16) | (uint32_t{p[1]} << 8) | p[2]; }
inline uint32_t load_u32(const uint8_t* p) {
  return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | p[3];
}
inline uint64_t load_u64(const uint8_t* p) { return (uint64_t{load_u32(p)} << 32) | load_u32(p + 4); }
inline void store_u16(uint8_t* p, uint16_t v) { p[0] = static_cast<uint8_t>(v >> 8); p[1] = static_cast<uint8_t>(v); }
inline void store_u24(uint8_t* p, uint32_t v) {
  p[0] = static_cast<uint8_t>(v >> 16); p[1] = static_cast<uint8_t>(v >> 8); p[2] = static_cast<uint8_t>(v);
}
inline void store_u32(uint8_t* p, uint32_t v) { store_u16(p, static_cast<uint16_t>(v >> 16)); store_u16(p + 2, static_cast<uint16_t>(v)); }
inline void store_u64(uint8_t* p, uint64_t v) { store_u32(p, static_cast<uint32_t>(v >> 32)); store_u32(p + 4, static_cast<uint32_t>(v)); }

/// Reads network-order fields from a view. A read past the end returns zero and clears ok(): parse everything, then
/// test once.
class ByteReader {
 public:
  explicit ByteReader(BytesView in) : in_(in) {}
  bool ok() const { return ok_; }
  size_t remaining() const { return ok_ ? in_.size() - at_ : 0; }
  size_t position() const { return at_; }
  uint8_t u8() { return take(1) ? in_.data()[at_ - 1] : 0; }
  uint16_t u16() { return take(2) ? load_u16(in_.data() + at_ - 2) : 0; }
  uint32_t u24() { return take(3) ? load_u24(in_.data() + at_ - 3) : 0; }
  uint32_t u32() { return take(4) ? load_u32(in_.data() + at_ - 4) : 0; }
  uint64_t u64() { return take(8) ? load_u64(in_.data() + at_ - 8) : 0; }
  BytesView bytes(size_t n) { return take(n) ? in_.subspan(at_ - n, n) : BytesView(); }
  void skip(size_t n) { take(n); }

 private:
  bool take(size_t n) {
    if (!ok_ || n > in_.size() - at_) { ok_ = false; return false; }
    at_ += n;
    return true;
  }
  BytesView in_;
  size_t at_ = 0;
  bool ok_ = true;
};

/// Writes network-order fields into a fixed range. A write past the end writes nothing and clears ok().
class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes out) : out_(out) {}
  bool ok() const { return ok_; }
  size_t written() const { return at_; }
  MutableBytes result() const { return out_.subspan(0, at_); }
  void u8(uint8_t v) { if (uint8_t* p = grow(1)) *p = v; }
  void u16(uint16_t v) { if (uint8_t* p = grow(2)) store_u16(p, v); }
  void u24(uint32_t v) { if (uint8_t* p = grow(3)) store_u24(p, v); }
  void u32(uint32_t v) { if (uint8_t* p = grow(4)) store_u32(p, v); }
  void u64(uint64_t v) { if (uint8_t* p = grow(8)) store_u64(p, v); }
  void bytes(BytesView v) { if (v.empty()) return; if (uint8_t* p = grow(v.size())) std::memcpy(p, v.data(), v.size()); }
  void zeros(size_t n) { if (uint8_t* p = grow(n)) std::memset(p, 0, n); }
  /// The place of an earlier field, to fill in a length once it is known.
  uint8_t* at(size_t offset) { TACOMA_ASSERT(offset < at_); return out_.data() + offset; }

 private:
  uint8_t* grow(size_t n) {
    if (!ok_ || n > out_.size() - at_) { ok_ = false; return nullptr; }
    at_ += n;
    return out_.data() + at_ - n;
  }
  MutableBytes out_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace tacoma
