// Many deadlines, one heap. An object keeps its own next deadline; the process that owns many objects keeps them here.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/assert.h"
#include "core/base/time.h"

namespace tacoma {

/// An indexed binary heap of deadlines for objects numbered 0, 1, 2 ... Setting one again moves it, setting it to
/// never() removes it: nothing to cancel, nothing to leak. Ties are taken in order of number, so runs repeat.
class Deadlines {
 public:
  void set(uint32_t object, Instant at) {
    if (object >= slot_.size()) slot_.resize(object + 1, kAbsent);
    uint32_t place = slot_[object];
    if (place == kAbsent) {
      if (at.is_never()) return;
      place = static_cast<uint32_t>(heap_.size());
      heap_.push_back({at, object});
      slot_[object] = place;
      up(place);
      return;
    }
    if (at.is_never()) {
      const Entry last = heap_.back();
      heap_.pop_back();
      slot_[object] = kAbsent;
      if (place < heap_.size()) {
        put(place, last);
        down(place);
        up(place);
      }
      return;
    }
    heap_[place].at = at;
    down(place);
    up(slot_[object]);
  }
  Instant earliest() const { return heap_.empty() ? Instant::never() : heap_[0].at; }
  /// Takes one object whose deadline is at or before now; false when there is none. Set it again if it has another.
  bool pop_due(Instant now, uint32_t& object) {
    if (heap_.empty() || heap_[0].at > now) return false;
    object = heap_[0].object;
    set(object, Instant::never());
    return true;
  }

 private:
  struct Entry {
    Instant at;
    uint32_t object;
    bool before(const Entry& o) const { return at != o.at ? at < o.at : object < o.object; }
  };
  static constexpr uint32_t kAbsent = 0xffffffff;
  void put(uint32_t place, const Entry& e) { heap_[place] = e; slot_[e.object] = place; }
  void up(uint32_t place) {
    const Entry e = heap_[place];
    while (place > 0 && e.before(heap_[(place - 1) / 2])) { put(place, heap_[(place - 1) / 2]); place = (place - 1) / 2; }
    put(place, e);
  }
  void down(uint32_t place) {
    const Entry e = heap_[place];
    for (;;) {
      uint32_t child = 2 * place + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
      if (!heap_[child].before(e)) break;
      put(place, heap_[child]);
      place = child;
    }
    put(place, e);
  }
  std::vector<Entry> heap_;
  std::vector<uint32_t> slot_;
};

}  // namespace tacoma
