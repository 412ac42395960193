#include "core/rtp/packet_cache.h"

#include <algorithm>

namespace tacoma {

void PacketCache::store(uint16_t sequence, PacketRef packet, Instant now) {
  expire(now);
  const int64_t extended = sequences_.unwrap(sequence);
  size_t place = count_;
  while (place > 0 && at(place - 1).sequence >= extended) --place;
  if (place < count_ && at(place).sequence == extended) return;  // kept already
  if (count_ == limit_) {
    if (place == 0) return;
    pop_front();
    --place;
  }
  if (count_ == ring_.size()) {
    std::vector<Entry> bigger(ring_.empty() ? 8 : ring_.size() * 2);
    for (size_t i = 0; i < count_; ++i) bigger[i] = std::move(at(i));
    ring_ = std::move(bigger);
    first_ = 0;
  }
  ++count_;
  for (size_t i = count_ - 1; i > place; --i) at(i) = std::move(at(i - 1));
  at(place) = Entry{std::move(packet), extended, now};
}

PacketCache::Entry* PacketCache::find(uint16_t sequence) {
  if (count_ == 0) return nullptr;
  const int64_t extended = sequences_.peek(sequence);
  size_t low = 0, high = count_;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (at(middle).sequence < extended) low = middle + 1;
    else high = middle;
  }
  if (low == count_ || at(low).sequence != extended) return nullptr;
  return &at(low);
}

void PacketCache::expire(Instant now) {
  while (count_ > least_ && now - at(0).stored > age_) pop_front();
}

void PacketCache::clear() {
  while (count_ > 0) pop_front();
}

void PacketCache::pop_front() {
  at(0).packet.reset();
  first_ = (first_ + 1) & (ring_.size() - 1);
  --count_;
}

}  // namespace tacoma
