#include "bridge/engine/ssrc_pool.h"

#include <algorithm>

namespace tacoma::bridge {

SsrcPool::Slot* SsrcPool::find(const Source& source) {
  const auto at = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& s) { return s.holder == &source; });
  return at == slots_.end() ? nullptr : &*at;
}

SsrcPool::Slot* SsrcPool::find(Ssrc ssrc) {
  const auto at = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& s) { return s.holder && s.stream.ssrc == ssrc; });
  return at == slots_.end() ? nullptr : &*at;
}

SsrcPool::Slot* SsrcPool::choose(Instant now, bool with_rtx, const std::function<bool(Ssrc)>& taken) {
  Slot* oldest = nullptr;
  for (Slot& slot : slots_) {
    if (slot.holder && now - slot.last_sent < kActive) continue;
    // What nobody holds goes first.
    const auto rank = [](const Slot& s) { return std::pair(s.holder != nullptr, s.last_sent); };
    if (!oldest || rank(slot) < rank(*oldest)) oldest = &slot;
  }
  if (slots_.size() >= limit_ || (oldest && !oldest->holder)) return oldest;
  if (slots_.empty()) slots_.reserve(limit_);  // slots do not move
  slots_.emplace_back();
  Slot& slot = slots_.back();
  slot.stream.ssrc = draw(taken);
  if (!with_rtx) settled_ = slot.settled = now + kSettle;
  if (with_rtx) slot.stream.rtx = draw(taken);
  return &slot;
}

Ssrc SsrcPool::draw(const std::function<bool(Ssrc)>& taken) {
  for (;;) {
    const Ssrc ssrc(rng_.u32() | 1);
    const bool mine = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& s) { return s.stream.ssrc == ssrc || s.stream.rtx == ssrc; });
    if (!mine && !taken(ssrc)) return ssrc;
  }
}

}  // namespace tacoma::bridge
