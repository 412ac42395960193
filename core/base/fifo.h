// Queues on one growing array: small when empty, no allocation once they have grown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/assert.h"
#include "core/base/bytes.h"

namespace tacoma {

/// First in, first out, for small plain values.
template <typename T>
class Fifo {
 public:
  bool empty() const { return head_ == items_.size(); }
  size_t size() const { return items_.size() - head_; }
  T& front() { TACOMA_ASSERT(!empty()); return items_[head_]; }
  const T& front() const { TACOMA_ASSERT(!empty()); return items_[head_]; }
  T& back() { TACOMA_ASSERT(!empty()); return items_.back(); }
  void push(const T& item) { items_.push_back(item); }
  void pop() {
    TACOMA_ASSERT(!empty());
    if (++head_ == items_.size()) { items_.clear(); head_ = 0; }
    else if (head_ >= 32 && head_ * 2 >= items_.size()) { items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_)); head_ = 0; }
  }
  void clear() { items_.clear(); head_ = 0; }

 private:
  std::vector<T> items_;
  size_t head_ = 0;
};

/// Bytes in order, readable in one piece.
class ByteFifo {
 public:
  bool empty() const { return head_ == bytes_.size(); }
  size_t size() const { return bytes_.size() - head_; }
  /// Valid until the next change.
  BytesView view() const { return BytesView(bytes_.data() + head_, size()); }
  void append(BytesView more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void consume(size_t n) {
    TACOMA_ASSERT(n <= size());
    head_ += n;
    if (head_ == bytes_.size()) {
      // A burst must not hold its memory for the rest of the run.
      if (bytes_.capacity() > kKeep) clear();
      bytes_.clear();
      head_ = 0;
    } else if (head_ >= kCompact && head_ * 2 >= bytes_.size()) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  /// Gives the memory back, too (assigning {} to a vector keeps it).
  void clear() { std::vector<uint8_t>().swap(bytes_); head_ = 0; }

 private:
  static constexpr size_t kKeep = 128;  // thousands of streams are idle most of the time
  static constexpr size_t kCompact = 1024;
  std::vector<uint8_t> bytes_;
  size_t head_ = 0;
};

}  // namespace tacoma
