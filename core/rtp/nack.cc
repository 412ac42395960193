#include "core/rtp/nack.h"

#include <algorithm>

namespace tacoma {

NackTracker::Seen NackTracker::on_packet(uint16_t sequence, Instant now) {
  if (!sequences_.started()) {
    sequences_.unwrap(sequence);
    return Seen::newest;
  }
  const int64_t before = sequences_.newest();
  const int64_t extended = sequences_.unwrap(sequence);
  if (extended <= before) {
    const auto at = std::lower_bound(missing_.begin(), missing_.end(), extended,
                                     [](const Missing& m, int64_t s) { return m.sequence < s; });
    if (at == missing_.end() || at->sequence != extended) return Seen::not_missing;
    missing_.erase(at);
    ++filled_;
    schedule();
    return Seen::filled;
  }
  if (extended == before + 1 && missing_.empty()) return Seen::newest;
  // A gap wider than the limit: only its newest part can be asked for.
  const int64_t gap = extended - before - 1;
  const int64_t limit = static_cast<int64_t>(limits_.missing);
  if (gap > limit) {
    given_up_ += static_cast<uint64_t>(gap - limit);
    given_up_unreported_ += static_cast<uint32_t>(gap - limit);
  }
  const int64_t wanted = std::min(gap, limit);
  if (const size_t sum = missing_.size() + static_cast<size_t>(wanted); sum > limits_.missing) give_up_front(sum - limits_.missing);
  for (int64_t s = extended - wanted; s < extended; ++s) missing_.push_back({s, now, now + limits_.reorder_wait, 0});
  for (Missing& m : missing_)
    if (m.tries == 0 && m.next > now && extended - m.sequence >= limits_.later_packets) m.next = now;
  schedule();
  return Seen::newest;
}

uint32_t NackTracker::due(Instant now, Duration round_trip, std::vector<uint16_t>& sequences) {
  if (deadline_ <= now) {
    const Duration retry = std::max(limits_.shortest_retry, round_trip + round_trip / 4);
    size_t kept = 0;
    for (Missing& m : missing_) {
      const bool hopeless = now - m.seen >= limits_.give_up || (m.next <= now && m.tries >= limits_.tries);
      if (hopeless) {
        ++given_up_;
        ++given_up_unreported_;
        continue;
      }
      if (m.next <= now) {
        sequences.push_back(static_cast<uint16_t>(m.sequence));
        ++m.tries;
        m.next = now + retry;
      }
      missing_[kept++] = m;
    }
    missing_.resize(kept, Missing{});
    schedule();
  }
  const uint32_t given_up = given_up_unreported_;
  given_up_unreported_ = 0;
  return given_up;
}

void NackTracker::forget_before(uint16_t sequence) {
  const int64_t from = sequences_.peek(sequence);
  std::erase_if(missing_, [&](const Missing& m) { return m.sequence < from; });
  schedule();
}

void NackTracker::give_up_front(size_t count) {
  count = std::min(count, missing_.size());
  missing_.erase(missing_.begin(), missing_.begin() + static_cast<std::ptrdiff_t>(count));
  given_up_ += count;
  given_up_unreported_ += static_cast<uint32_t>(count);
}

void NackTracker::schedule() {
  deadline_ = Instant::never();
  for (const Missing& m : missing_) deadline_ = std::min({deadline_, m.next, m.seen + limits_.give_up});
}

}  // namespace tacoma
