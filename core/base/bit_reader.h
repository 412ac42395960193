// Bits of a bitstream, the most significant of each byte first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"

namespace tacoma {

/// Reading beyond the end gives zero, and ok() stays false from then on.
class BitReader {
 public:
  explicit BitReader(BytesView bytes, size_t at = 0) : bytes_(bytes), at_(at) {}
  /// An unsigned number of `bits` bits, 32 at most.
  uint32_t read(size_t bits) {
    if (at_ + bits > bytes_.size() * 8) {
      fail();
      return 0;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < bits; ++i, ++at_) value = value << 1 | (bytes_[at_ / 8] >> (7 - at_ % 8) & 1u);
    return value;
  }
  /// What was read makes no sense: as if the bits had ended.
  void fail() {
    ok_ = false;
    at_ = bytes_.size() * 8;
  }
  /// The place of the next bit.
  size_t at() const { return at_; }
  bool ok() const { return ok_; }

 private:
  BytesView bytes_;
  size_t at_;
  bool ok_ = true;
};

}  // namespace tacoma
