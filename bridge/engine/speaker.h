// Who speaks: a hysteresis over smoothed audio levels.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "core/rtp/extensions.h"

namespace tacoma::bridge {

/// How loudly one endpoint has been speaking: the level (127 loud, 0 silent) smoothed over about 16 packets. DTX sends nothing,
/// so the value also decays with time.
class Loudness {
 public:
  void on_level(AudioLevel level, Instant now);
  /// In 1/256 of a level step.
  int32_t at(Instant now) const;
  Instant& louder_since() { return louder_since_; }

 private:
  int32_t value_ = 0;
  Instant last_;
  Instant louder_since_ = Instant::never();  // louder than the dominant speaker without a break since
};

/// The rule: whoever is louder than the dominant speaker by a margin for a while takes over; nobody keeps the floor
/// for less than a second. Simpler than Volfin and Cohen's identification over three time scales (2013), and it does not need
/// the packets' payload; what it lacks is their robustness against short loud noises beyond kHold.
namespace speaker_rule {
inline constexpr int32_t kAudible = 40 * 256;    // about -87 dBov
inline constexpr int32_t kMargin = 6 * 256;      // 6 dB
inline constexpr Duration kHold = Duration::milliseconds(300);
inline constexpr Duration kShortestTurn = Duration::milliseconds(1000);
/// Whether `candidate`, whose level has just been noted, takes the floor. `dominant` may be null: nobody has it.
bool takes_floor(Loudness& candidate, const Loudness* dominant, Instant dominant_since, Instant now);
}  // namespace speaker_rule

}  // namespace tacoma::bridge
