#include "loadgen/people/frame_seal.h"

#include "core/base/assert.h"

namespace tacoma {

BytesView FrameSeal::sealed(size_t place, FrameCipher::Kind kind, uint32_t timestamp, BytesView frame) {
  const uint32_t number = numbers_[place];
  for (const Slot& slot : slots_)
    if (slot.number == number) return BytesView(slot.bytes);
  Slot& slot = slots_[next_slot_];
  next_slot_ = (next_slot_ + 1) % kKept;
  slot.number = number;
  slot.bytes.resize(sealed_size(frame.size()));
  const size_t size = cipher_->seal(kind, ssrc_, timestamp, number, frame, slot.bytes.data());
  TACOMA_ASSERT(size == slot.bytes.size());  // no encoder makes a frame that is shorter than its header
  return BytesView(slot.bytes);
}

}  // namespace tacoma
