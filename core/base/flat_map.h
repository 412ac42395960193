// A small open-addressing map for the packet path: one cache line for a hit, no allocation after it has grown.
// Its iteration order is never exposed, because it must not reach any output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/base/assert.h"

namespace tacoma {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class FlatMap {
 public:
  size_t size() const { return size_; }
  Value* find(const Key& key) {
    if (size_ == 0) return nullptr;
    for (size_t i = home(key);; i = next(i)) {
      if (!cells_[i].used) return nullptr;
      if (cells_[i].key == key) return &cells_[i].value;
    }
  }
  const Value* find(const Key& key) const { return const_cast<FlatMap*>(this)->find(key); }
  /// Inserts or replaces. Pointers from find() die here and in erase().
  Value& set(const Key& key, Value value) {
    if ((size_ + 1) * 4 > cells_.size() * 3) rehash(cells_.empty() ? 16 : cells_.size() * 2);
    size_t i = home(key);
    while (cells_[i].used && !(cells_[i].key == key)) i = next(i);
    if (!cells_[i].used) { ++size_; cells_[i].used = true; cells_[i].key = key; }
    cells_[i].value = std::move(value);
    return cells_[i].value;
  }
  bool erase(const Key& key) {
    if (size_ == 0) return false;
    size_t hole = home(key);
    while (!(cells_[hole].used && cells_[hole].key == key)) {
      if (!cells_[hole].used) return false;
      hole = next(hole);
    }
    // Shift back what the hole would cut off from its home (Knuth 6.4, algorithm R): no tombstones.
    for (size_t i = next(hole); cells_[i].used; i = next(i)) {
      const size_t want = home(cells_[i].key);
      const bool reachable = hole <= i ? (want > hole && want <= i) : (want > hole || want <= i);
      if (!reachable) { cells_[hole] = std::move(cells_[i]); hole = i; }
    }
    cells_[hole] = Cell();
    --size_;
    return true;
  }
  void clear() { cells_.clear(); size_ = 0; }

 private:
  struct Cell {
    Key key{};
    Value value{};
    bool used = false;
  };
  size_t home(const Key& key) const { return Hash()(key) & (cells_.size() - 1); }
  size_t next(size_t i) const { return (i + 1) & (cells_.size() - 1); }
  void rehash(size_t capacity) {
    std::vector<Cell> old = std::move(cells_);
    cells_ = std::vector<Cell>(capacity);
    size_ = 0;
    for (Cell& cell : old)
      if (cell.used) set(cell.key, std::move(cell.value));
  }
  std::vector<Cell> cells_;
  size_t size_ = 0;
};

}  // namespace tacoma
