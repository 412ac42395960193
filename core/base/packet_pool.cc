#include "core/base/packet_pool.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace tacoma {

PacketPool::~PacketPool() { TACOMA_ASSERT(in_use_ == 0); }

bool PacketPool::grow(size_t index) {
  Class& size_class = classes_[index];
  const size_t capacity = capacity_of(index);
  constexpr size_t kSlotsPerChunk = 64;
  const size_t stride = (sizeof(detail::Slot) + capacity + 15) / 16 * 16;
  const size_t bytes = stride * kSlotsPerChunk;
  if (reserved_ + bytes > limit_) return false;
  if (piece_left_ < bytes && !add_piece()) return false;
  uint8_t* const chunk = pieces_.back().get() + (kPiece - piece_left_);
  piece_left_ -= bytes;
  reserved_ += bytes;
  ++growths_;
  for (size_t i = kSlotsPerChunk; i-- > 0;) {
    auto* slot = new (chunk + i * stride) detail::Slot{this, size_class.free, 0, 0, static_cast<uint16_t>(capacity)};
    size_class.free = slot;
  }
  return true;
}

bool PacketPool::add_piece() {
  auto* const piece = static_cast<uint8_t*>(std::aligned_alloc(kPiece, kPiece));
  if (!piece) return false;
  // The one before is full. Not earlier: a huge page takes all its memory at once. Where the system has none left, nothing is lost.
  if (!pieces_.empty()) madvise(pieces_.back().get(), kPiece, MADV_COLLAPSE);
  pieces_.emplace_back(piece);
  piece_left_ = kPiece;
  return true;
}

}  // namespace tacoma
