// What happens next in the light world.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/time.h"

namespace tacoma::light {

/// A small plain event; its meaning lies in a slab of its kind.
struct Event {
  enum class Kind : uint8_t { at_link, at_host, stream_wake, stream_end };
  Instant at;
  uint64_t order = 0;       // of insertion: events of one instant happen in the order in which they were caused
  uint32_t index = 0;
  uint32_t generation = 0;  // of a stream slot
  Kind kind = Kind::at_link;
  uint8_t part = 0;         // which hop and direction of a stream
};

/// A 4-ary heap: fewer levels and cache misses than a binary one, for the many short-lived events of a packet world.
class EventHeap {
 public:
  bool empty() const { return heap_.empty(); }
  Instant earliest() const { return heap_.empty() ? Instant::never() : heap_[0].at; }
  size_t size() const { return heap_.size(); }

  void push(Event event) {
    event.order = next_order_++;
    size_t hole = heap_.size();
    heap_.push_back(event);
    while (hole > 0 && before(event, heap_[(hole - 1) / 4])) {
      heap_[hole] = heap_[(hole - 1) / 4];
      hole = (hole - 1) / 4;
    }
    heap_[hole] = event;
  }
  Event pop() {
    const Event first = heap_[0];
    const Event last = heap_.back();
    heap_.pop_back();
    const size_t size = heap_.size();
    if (size == 0) return first;
    // Sink the hole to the bottom along the earliest children, then raise `last` from there: it mostly belongs low.
    size_t hole = 0;
    for (size_t child = 1; child < size; child = 4 * hole + 1) {
      size_t best = child;
      for (size_t i = child + 1; i < child + 4 && i < size; ++i)
        if (before(heap_[i], heap_[best])) best = i;
      heap_[hole] = heap_[best];
      hole = best;
    }
    while (hole > 0 && before(last, heap_[(hole - 1) / 4])) {
      heap_[hole] = heap_[(hole - 1) / 4];
      hole = (hole - 1) / 4;
    }
    heap_[hole] = last;
    return first;
  }

 private:
  static bool before(const Event& a, const Event& b) { return a.at != b.at ? a.at < b.at : a.order < b.order; }
  std::vector<Event> heap_;
  uint64_t next_order_ = 0;
};

}  // namespace tacoma::light
