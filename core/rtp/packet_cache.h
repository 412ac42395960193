// Sent (or received) packets kept for a while so that a NACK can be answered.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/packet_pool.h"
#include "core/base/time.h"
#include "core/rtp/sequence.h"

namespace tacoma {

/// Packets by sequence number, bounded by count, and by age beyond the newest `least`. Holds references: what it shares is read-only. Memory grows with what
/// is kept (24 bytes a packet besides the packet).
class PacketCache {
 public:
  struct Entry {
    PacketRef packet;
    int64_t sequence = 0;     // extended
    Instant stored;
  };
  PacketCache(size_t limit, Duration age, size_t least = 0) : limit_(limit), least_(least), age_(age) {}

  /// Keeps `packet` under its sequence number. Late packets go to their place; those older than everything that is kept, when
  /// full, are not kept. What is too old or beyond the limit is let go.
  void store(uint16_t sequence, PacketRef packet, Instant now);
  /// The packet, or null when it is not (or no longer) kept. Valid until the next store().
  Entry* find(uint16_t sequence);
  /// For streams that have stopped.
  void clear();

  void set_age(Duration age) { age_ = age; }
  Duration age() const { return age_; }
  size_t size() const { return count_; }

 private:
  Entry& at(size_t i) { return ring_[(first_ + i) & (ring_.size() - 1)]; }
  void pop_front();
  void expire(Instant now);
  size_t limit_, least_;
  Duration age_;
  SequenceUnwrapper sequences_;
  std::vector<Entry> ring_;  // power of two; ascending by sequence from first_
  size_t first_ = 0, count_ = 0;
};

}  // namespace tacoma
