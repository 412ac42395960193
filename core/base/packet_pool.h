// Packet memory without an allocation per packet: a few sizes of slot, free lists, counted references.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/bytes.h"

namespace tacoma {

class PacketPool;

/// The largest datagram that a slot holds; larger ones are dropped by the world (nothing in WebRTC sends them).
inline constexpr size_t kMaxPacket = 1504;

namespace detail {
struct Slot {
  PacketPool* pool;
  Slot* next_free;
  uint32_t references;
  uint16_t size;
  uint16_t capacity;
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
};
}  // namespace detail

/// A counted reference to one packet of a pool. Not atomic: a packet never leaves its shard. The bytes may be changed
/// only while unique(); what is shared is read-only by contract (the retransmission cache relies on it).
class PacketRef {
 public:
  PacketRef() = default;
  PacketRef(const PacketRef& other) : slot_(other.slot_) { if (slot_) ++slot_->references; }
  PacketRef(PacketRef&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  PacketRef& operator=(PacketRef other) noexcept { std::swap(slot_, other.slot_); return *this; }
  ~PacketRef() { release(); }

  explicit operator bool() const { return slot_ != nullptr; }
  size_t size() const { return slot_->size; }
  size_t capacity() const { return slot_->capacity; }
  /// Sets the used length; at most capacity().
  void resize(size_t size) { TACOMA_ASSERT(size <= slot_->capacity); slot_->size = static_cast<uint16_t>(size); }
  BytesView bytes() const { return BytesView(slot_->data(), slot_->size); }
  MutableBytes mutable_bytes() { TACOMA_ASSERT(unique()); return MutableBytes(slot_->data(), slot_->size); }
  /// The whole slot, to write into before resize().
  MutableBytes storage() { TACOMA_ASSERT(unique()); return MutableBytes(slot_->data(), slot_->capacity); }
  bool unique() const { return slot_->references == 1; }
  void reset() { release(); slot_ = nullptr; }

 private:
  friend class PacketPool;
  explicit PacketRef(detail::Slot* slot) : slot_(slot) {}
  void release();
  detail::Slot* slot_ = nullptr;
};

/// Owns the slots. Grows in chunks up to a limit, then refuses; never shrinks. One a shard; it must outlive its packets.
class PacketPool {
 public:
  // Slots of 320 bytes (Opus, RTCP, STUN), then in steps up to kMaxPacket: a kept video packet wastes 96 bytes on average.
  static constexpr size_t kSmall = 320, kStep = 192;
  static constexpr size_t kClasses = 1 + (kMaxPacket - kSmall + kStep - 1) / kStep;
  /// `limit` bounds the memory of all slots together.
  explicit PacketPool(size_t limit_bytes = size_t{1} << 30) : limit_(limit_bytes) {}
  ~PacketPool();
  PacketPool(const PacketPool&) = delete;
  PacketPool& operator=(const PacketPool&) = delete;

  /// Ends a pool whose packets may live on (in a retransmission cache of a process that outlives its world): it is deleted now,
  /// or with the last of them. Nothing may be made from it any more.
  static void retire(std::unique_ptr<PacketPool> pool) {
    if (pool->in_use_ > 0) pool.release()->retired_ = true;
  }

  /// A packet of `size` bytes (contents unspecified), or an empty reference when the limit is reached or
  /// size > kMaxPacket. Capacity is at least size; ask for the most you may need, then resize().
  PacketRef make(size_t size);
  PacketRef copy(BytesView bytes);

  size_t in_use() const { return in_use_; }
  size_t reserved_bytes() const { return reserved_; }
  /// How often memory was taken from the system: constant after warm-up (a test and a benchmark hold it to that).
  uint64_t growths() const { return growths_; }

 private:
  friend class PacketRef;
  struct Class {
    detail::Slot* free = nullptr;
  };
  static constexpr size_t class_of(size_t size) { return size <= kSmall ? 0 : (size - kSmall + kStep - 1) / kStep; }
  static constexpr size_t capacity_of(size_t index) {
    const size_t capacity = kSmall + kStep * index;
    return capacity < kMaxPacket ? capacity : kMaxPacket;
  }
  void give_back(detail::Slot* slot);
  bool grow(size_t index);
  bool add_piece();

  size_t limit_;
  size_t reserved_ = 0;
  size_t in_use_ = 0;
  uint64_t growths_ = 0;
  bool retired_ = false;
  Class classes_[kClasses];
  // Slots are cut from pieces of the size of a huge page: what a busy bridge writes between two batches is spread over more ordinary
  // pages than the processor's table of them holds, and each slot would begin with a walk.
  static constexpr size_t kPiece = size_t{2} << 20;
  struct Free {
    void operator()(uint8_t* piece) const { std::free(piece); }
  };
  std::vector<std::unique_ptr<uint8_t[], Free>> pieces_;
  size_t piece_left_ = 0;
};

inline void PacketPool::give_back(detail::Slot* slot) {
  Class& size_class = classes_[class_of(slot->capacity)];
  slot->next_free = size_class.free;
  size_class.free = slot;
  if (--in_use_ == 0 && retired_) delete this;
}

inline void PacketRef::release() {
  if (slot_ && --slot_->references == 0) slot_->pool->give_back(slot_);
}

inline PacketRef PacketPool::make(size_t size) {
  if (size > kMaxPacket) return PacketRef();
  const size_t index = class_of(size);
  Class& size_class = classes_[index];
  if (!size_class.free && !grow(index)) return PacketRef();
  detail::Slot* slot = size_class.free;
  size_class.free = slot->next_free;
  slot->references = 1;
  slot->size = static_cast<uint16_t>(size);
  ++in_use_;
  return PacketRef(slot);
}

inline PacketRef PacketPool::copy(BytesView bytes) {
  PacketRef packet = make(bytes.size());
  if (packet && !bytes.empty()) std::memcpy(packet.mutable_bytes().data(), bytes.data(), bytes.size());
  return packet;
}

}  // namespace tacoma
