// Independent and bursty packet loss, the same chain in every world.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/base/network.h"
#include "core/base/rng.h"

namespace tacoma {

/// The loss of one direction of one link, asked once a packet. Draws only where the link has loss, so that switching loss
/// on elsewhere leaves this link's draws alone.
class LossProcess {
 public:
  explicit LossProcess(Rng rng) : rng_(rng) {}

  bool lost(const LinkConfig& config) {
    bool lost = config.loss > 0 && rng_.chance(config.loss);
    if (config.bursts) {
      const GilbertElliott& ge = *config.bursts;
      if (rng_.chance(in_bad_state_ ? ge.bad_to_good : ge.good_to_bad)) in_bad_state_ = !in_bad_state_;
      lost |= rng_.chance(in_bad_state_ ? ge.loss_bad : ge.loss_good);
    }
    return lost;
  }
  /// The extra delay of one packet, in [0, jitter].
  Duration jitter(const LinkConfig& config) {
    if (config.jitter <= Duration::zero()) return Duration::zero();
    if (config.jitter_shape == JitterShape::uniform) return rng_.uniform(Duration::zero(), config.jitter);
    const double most = config.jitter.to_seconds();
    return Duration::from_seconds(std::min(std::fabs(rng_.normal(0, most / 3)), most));
  }

 private:
  Rng rng_;
  bool in_bad_state_ = false;
};

}  // namespace tacoma
