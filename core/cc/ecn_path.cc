#include "core/cc/ecn_path.h"

namespace tacoma {

namespace {
constexpr Duration kStart = Duration::seconds(100), kEnd = Duration::seconds(1'000'000'000);  // of the clock: beyond, it begins anew
}

void EcnPath::on_sent(Instant now, Ssrc ssrc, uint16_t sequence, uint16_t transport, size_t remembered) {
  if (first_sent_.is_never()) first_sent_ = now;
  if (!heard_ && now - first_sent_ > kSilence) failed_ = true;
  Ring* ring = streams_.find(ssrc);
  if (!ring) {
    if (streams_.size() == kMostStreams) return;
    ring = &streams_.set(ssrc, Ring(kFirstRing));
  }
  for (;;) {
    Entry& entry = (*ring)[sequence & (ring->size() - 1)];
    const bool is_needed = entry.used && static_cast<uint16_t>(transport - entry.transport) <= remembered;
    if (!is_needed || ring->size() == kLargestRing) {
      entry = {sequence, transport, true};
      return;
    }
    Ring larger(ring->size() * 2);
    for (const Entry& e : *ring)
      if (e.used) larger[e.sequence & (larger.size() - 1)] = e;
    *ring = std::move(larger);
  }
}

const EcnPath::Entry* EcnPath::find(const CcfbStatus& status) {
  const Ring* ring = streams_.find(status.ssrc);
  if (!ring) return nullptr;
  const Entry& entry = (*ring)[status.sequence & (ring->size() - 1)];
  return entry.used && entry.sequence == status.sequence ? &entry : nullptr;
}

// Report times wrap after 18 hours, and liars may let them jump at will.
void EcnPath::advance_clock(uint32_t time) {
  if (!started_) clock_ = kStart;
  else clock_ += Duration::nanoseconds(static_cast<int64_t>(static_cast<int32_t>(time - last_time_)) * 1'953'125 / 128);
  if (clock_ < Duration::zero() || clock_ > kEnd) clock_ = kStart;
  started_ = true;
  last_time_ = time;
}

uint64_t EcnPath::read(const CcfbReport& report, Span<const CcfbStatus> statuses) {
  advance_clock(report.time);
  joined_.clear();
  uint64_t unknown = 0;
  for (const CcfbStatus& status : statuses) {
    const Entry* entry = find(status);
    if (!entry) {
      ++unknown;
      continue;
    }
    joined_.push_back({entry->transport, status.received, clock_ - status.age, status.ecn});
    if (!status.received) continue;
    heard_ = true;
    bare_ = status.ecn == Ecn::not_ect ? bare_ + 1 : 0;
    failed_ |= bare_ >= kBleached;
  }
  return unknown;
}

}  // namespace tacoma
