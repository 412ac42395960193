#include "loadgen/people/missing_packets.h"

#include <algorithm>

namespace tacoma {

MissingPackets::Arrival MissingPackets::arrived(Instant now, int64_t seq) {
  if (!started_) {
    started_ = true;
    highest_ = seq;
    return Arrival::next;
  }
  if (seq > highest_) {
    const int64_t gap = seq - highest_ - 1;
    if (missing_.size() + static_cast<size_t>(gap) > kMost) {
      // All of it is lost for good; what was asked for before is too, because it will not complete anything.
      lost_ += static_cast<uint32_t>(std::min<int64_t>(gap, 65'535));
      for (Missing& m : missing_) lose(m);
      missing_.clear();
      next_due_ = Instant::never();
      highest_ = seq;
      gave_up_ = true;
      return Arrival::jump;
    }
    for (int64_t s = highest_ + 1; s < seq; ++s) missing_.push_back({s, now, now + policy_.tolerance});
    if (gap > 0) next_due_ = std::min(next_due_, now + policy_.tolerance);
    highest_ = seq;
    return Arrival::next;
  }
  const auto at = std::lower_bound(missing_.begin(), missing_.end(), seq, [](const Missing& m, int64_t s) { return m.seq < s; });
  if (at == missing_.end() || at->seq != seq) return Arrival::known;
  const bool was_lost = at->lost;
  missing_.erase(at);
  if (missing_.empty()) next_due_ = Instant::never();
  return was_lost ? Arrival::repaired : Arrival::early_gap;
}

bool MissingPackets::missing(int64_t seq) const {
  const auto at = std::lower_bound(missing_.begin(), missing_.end(), seq, [](const Missing& m, int64_t s) { return m.seq < s; });
  return at != missing_.end() && at->seq == seq;
}

void MissingPackets::cover(int64_t seq) {
  const auto at = std::lower_bound(missing_.begin(), missing_.end(), seq, [](const Missing& m, int64_t s) { return m.seq < s; });
  if (at == missing_.end() || at->seq != seq || at->covered) return;
  at->covered = true;
  if (at->lost) ++covered_;
}

void MissingPackets::lose(Missing& missing) {
  if (missing.lost) return;
  missing.lost = true;
  ++lost_;
  if (missing.covered) ++covered_;
}

void MissingPackets::due(Instant now, Duration retry, size_t most, std::vector<uint16_t>& ask) {
  const size_t old = missing_.size();
  missing_.erase(std::remove_if(missing_.begin(), missing_.end(), [&](const Missing& m) { return now >= m.noticed + policy_.keep; }),
                 missing_.end());
  if (missing_.size() != old) gave_up_ = true;
  for (Missing& m : missing_) {
    if (now < m.next) continue;
    lose(m);
    if (!policy_.repairs || m.tries >= policy_.tries) {
      m.next = m.noticed + policy_.keep;
    } else if (ask.size() < most) {
      ask.push_back(static_cast<uint16_t>(m.seq));
      ++m.tries;
      m.next = std::min(now + retry, m.noticed + policy_.keep);
    } else {
      m.next = now + Duration::milliseconds(1);
    }
  }
  set_next_due();
}

void MissingPackets::forget_before(int64_t seq) {
  const auto end = std::lower_bound(missing_.begin(), missing_.end(), seq, [](const Missing& m, int64_t s) { return m.seq < s; });
  for (auto m = missing_.begin(); m != end; ++m) lose(*m);
  missing_.erase(missing_.begin(), end);
  set_next_due();
}

void MissingPackets::restart() {
  missing_.clear();
  next_due_ = Instant::never();
  started_ = gave_up_ = false;
}

void MissingPackets::set_next_due() {
  next_due_ = Instant::never();
  for (const Missing& m : missing_) next_due_ = std::min(next_due_, m.next);
}

}  // namespace tacoma
