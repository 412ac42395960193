#include "core/cc/sent_history.h"

#include <algorithm>

namespace tacoma {

void SentHistory::forget_front() {
  if (!at(first_).reported) in_flight_ -= DataSize::bytes(at(first_).size);
  ++first_;
}

bool SentHistory::may_forget_front(Instant now) {
  const Entry& front = at(first_);
  const Duration age = now - sent(front, now);
  return age > kAge || static_cast<size_t>(next_ - first_) >= (heard_ ? kLimit : kUnheardLimit) ||
         (front.reported && age > (front.received ? kReceivedAge : kLostAge));
}

void SentHistory::on_sent(Instant now, DataSize size, uint32_t probe) {
  while (first_ < next_ && may_forget_front(now)) forget_front();
  if (static_cast<size_t>(next_ - first_) == ring_.size()) {
    std::vector<Entry> larger(std::max<size_t>(64, ring_.size() * 2));
    for (int64_t s = first_; s < next_; ++s) larger[static_cast<size_t>(s) & (larger.size() - 1)] = at(s);
    ring_ = std::move(larger);
  }
  Entry entry;
  entry.sent_us = static_cast<uint32_t>(now.since_start().us());
  entry.size = static_cast<uint32_t>(std::min<int64_t>(size.bytes(), kLargest)) & kLargest;
  entry.probe = probe & kMaxProbe;
  at(next_++) = entry;
  in_flight_ += DataSize::bytes(entry.size);
}

uint64_t SentHistory::on_feedback(Instant now, Span<const TransportStatus> statuses, std::vector<PacketResult>& results) {
  results.clear();
  heard_ = true;
  uint64_t unknown = 0;
  for (const TransportStatus& status : statuses) {
    // The newest sent packet with these low bits: feedback cannot be about the future.
    const int64_t newest = next_ - 1;
    const int64_t sequence = newest - static_cast<uint16_t>(static_cast<uint16_t>(newest) - status.sequence);
    if (sequence < first_) {
      ++unknown;
      continue;
    }
    Entry& entry = at(sequence);
    if (entry.received || (entry.reported && !status.received)) continue;
    if (!entry.reported) in_flight_ -= DataSize::bytes(entry.size);
    entry.reported = 1;
    entry.received = status.received;
    if (status.received) feedback_round_trip_ = now - sent(entry, now);
    results.push_back({sequence, sent(entry, now), DataSize::bytes(entry.size), entry.probe, status.received, status.arrival, status.ecn});
  }
  std::sort(results.begin(), results.end(), [](const PacketResult& a, const PacketResult& b) { return a.sequence < b.sequence; });
  return unknown;
}

}  // namespace tacoma
