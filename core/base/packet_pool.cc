#include "core/base/packet_pool.h"

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
  chunks_.push_back(std::unique_ptr<uint8_t[]>(new uint8_t[bytes]));
  reserved_ += bytes;
  ++growths_;
  for (size_t i = kSlotsPerChunk; i-- > 0;) {
    auto* slot = new (chunks_.back().get() + i * stride) detail::Slot{this, size_class.free, 0, 0, static_cast<uint16_t>(capacity)};
    size_class.free = slot;
  }
  return true;
}

}  // namespace tacoma
