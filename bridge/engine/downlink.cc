#include "bridge/engine/downlink.h"

#include <algorithm>
#include <cmath>

namespace tacoma::bridge {

namespace {
/// Bounds of what a receiver may claim.
constexpr DataRate kLeastAssumed = DataRate::kbps(10), kMostAssumed = DataRate::mbps(1'000);
}  // namespace

void Downlink::meter_other(Instant now, DataSize size) {
  if (metered_from_.is_never()) metered_from_ = now;
  metered_bytes_ += size.bytes();
  const Duration span = now - metered_from_;
  if (span < kMeter) return;
  const double bps = static_cast<double>(metered_bytes_) * 8 / span.to_seconds();
  // Up at once, down slowly: audio that pauses comes back.
  other_bps_ = std::max(bps, 0.7 * other_bps_ + 0.3 * bps);
  metered_bytes_ = 0;
  metered_from_ = now;
}

bool Downlink::note_wait(Instant now) {
  const Duration newest = side.waited() < kNoWait ? Duration::zero() : side.waited();
  const bool grown = newest > waited_ + kWaitGrown;
  if (!grown && newest <= waited_ && !waited_at_.is_never() && now - waited_at_ < kWaitKept) return false;
  waited_ = newest;
  waited_at_ = now;
  return grown;
}

DataRate Downlink::estimate(std::optional<int64_t> assumed_bps) const {
  if (assumed_bps) return std::clamp(DataRate::bps(*assumed_bps), kLeastAssumed, kMostAssumed);
  return side.sustained();
}

DataRate Downlink::for_video(std::optional<int64_t> assumed_bps) const { return less_other(estimate(assumed_bps)); }

DataRate Downlink::for_followers(std::optional<int64_t> assumed_bps) const {
  return assumed_bps ? for_video(assumed_bps) : less_other(side.target());
}

bool Downlink::is_due(Instant now, std::optional<int64_t> assumed_bps) const {
  if (dirty || allocated_at_.is_never() || now - allocated_at_ >= kAgain) return true;
  if (!over_since_.is_never() && now - over_since_ >= kGrace) return true;
  const DataRate available = for_video(assumed_bps);
  // Not while steps up are held back: sources that are not shown may come back then, but not at every chance.
  if (!holds(now, available) && (held_ || (available >= more_from_ && !more_from_.is_infinite()))) return true;
  // Of what is left for video: repeats that have ceased leave more, though the estimate stands still.
  const DataRate estimated = watched(assumed_bps);
  if (estimated.is_infinite() || allocated_for_.is_infinite()) return estimated != allocated_for_;
  const double before = static_cast<double>(allocated_for_.bps());
  return std::abs(static_cast<double>(estimated.bps()) - before) > (followed ? kMovedFollowed : kMoved) * before;
}

bool Downlink::tolerates_oversend(Instant now) const {
  if (!gave_up_at_.is_never() && now - gave_up_at_ < kNoGrace) return false;
  return over_since_.is_never() || now - over_since_ < kGrace;
}

void Downlink::note_oversend(Instant now, bool oversends) {
  if (oversends) {
    if (over_since_.is_never()) over_since_ = now;
    return;
  }
  if (!over_since_.is_never() && now - over_since_ >= kGrace) gave_up_at_ = now;
  over_since_ = Instant::never();
}

bool Downlink::holds(Instant now, DataRate available) const {
  if (now >= hold_until_ || available.is_infinite()) return false;
  return static_cast<double>(available.bps()) <= kMuchMore * static_cast<double>(raised_to_.bps());
}

void Downlink::note_steps(Instant now, bool raised, bool lowered, DataRate used) {
  if (lowered && !raised_at_.is_never() && now - raised_at_ < kProof) {
    hold_until_ = now + hold_;
    hold_ = std::min(hold_ * 2, kLongestHold);
    raised_at_ = Instant::never();
  } else if (raised) {
    if (!raised_at_.is_never() && now - raised_at_ >= kProof * 2) hold_ = kHold;
    raised_at_ = now;
    raised_to_ = used;
  }
}

void Downlink::allocated(Instant now, std::optional<int64_t> assumed_bps, DataRate lacks) {
  dirty = false;
  allocated_at_ = now;
  allocated_for_ = watched(assumed_bps);
  const DataRate available = for_video(assumed_bps);
  held_ = holds(now, available);
  more_from_ = lacks.is_infinite() ? lacks : available + lacks;
}

}  // namespace tacoma::bridge
