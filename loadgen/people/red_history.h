// What a sender of redundant audio (RFC 2198) repeats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"
#include "core/rtp/red.h"

namespace tacoma {

/// Remembers the packets that went out last, and puts copies of them before the next one.
class RedHistory {
 public:
  static constexpr size_t kMostCopies = 2;

  /// Writes the redundant payload for a packet with this timestamp: copies of the `copies` packets before it, as far as they fit `out`
  /// and RED's fields (not over a gap of 341 ms), and `payload`. Returns its size; 0: not even that alone fits.
  size_t write(MutableBytes out, size_t copies, uint8_t payload_type, uint32_t timestamp, BytesView payload) const {
    std::array<RedBlock, kMostCopies> blocks;
    size_t first = kMostCopies, room = out.size();
    // From the newest back: without holes, since receivers count packets back from this one.
    for (size_t k = 0; k < copies && k < count_; ++k) {
      const Sent& sent = sent_[(next_ + kMostCopies - 1 - k) % kMostCopies];
      const uint32_t offset = timestamp - sent.timestamp;
      if (offset == 0 || offset > kMaxRedOffset || sent.payload.size() > kMaxRedLength) break;
      const size_t size = kBlockHeader + sent.payload.size();
      if (1 + payload.size() + size > room) break;
      room -= size;
      blocks[--first] = {payload_type, static_cast<uint16_t>(offset), sent.payload};
    }
    return write_red(out, Span<const RedBlock>(blocks.data() + first, kMostCopies - first), payload_type, payload);
  }

  /// It took the next sequence number. The bytes must stay where they are.
  void sent(uint32_t timestamp, BytesView payload) {
    sent_[next_] = {timestamp, payload};
    next_ = (next_ + 1) % kMostCopies;
    if (count_ < kMostCopies) ++count_;
  }

 private:
  static constexpr size_t kBlockHeader = 4;
  struct Sent {
    uint32_t timestamp = 0;
    BytesView payload;
  };
  std::array<Sent, kMostCopies> sent_;  // a ring
  size_t next_ = 0, count_ = 0;
};

}  // namespace tacoma
