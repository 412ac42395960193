#include "bridge/engine/speaker.h"

#include <algorithm>

namespace tacoma::bridge {

void Loudness::on_level(AudioLevel level, Instant now) {
  const int32_t loud = (127 - level.level) * 256;
  value_ = at(now);
  value_ += (loud - value_) / 16;
  last_ = now;
}

int32_t Loudness::at(Instant now) const {
  // Packets come every 20 ms while somebody speaks; beyond 100 ms each further 20 ms counts as one of silence.
  const Duration quiet = now - last_ - Duration::milliseconds(100);
  if (quiet <= Duration::zero()) return value_;
  const int64_t steps = std::min<int64_t>(quiet / Duration::milliseconds(20), 200);
  int32_t value = value_;
  for (int64_t i = 0; i < steps && value > 0; ++i) value -= std::max(value / 16, 1);
  return std::max(value, 0);
}

bool speaker_rule::takes_floor(Loudness& candidate, const Loudness* dominant, Instant dominant_since, Instant now) {
  const int32_t loud = candidate.at(now);
  const bool louder = loud >= kAudible && (!dominant || loud >= dominant->at(now) + kMargin);
  if (!louder) {
    candidate.louder_since() = Instant::never();
    return false;
  }
  if (candidate.louder_since().is_never()) candidate.louder_since() = now;
  if (!dominant) return true;
  if (now - candidate.louder_since() < kHold || now - dominant_since < kShortestTurn) return false;
  candidate.louder_since() = Instant::never();
  return true;
}

}  // namespace tacoma::bridge
