// What the sharing of estimates keeps about a projection, a source and a sender.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "bridge/engine/allocator.h"
#include "bridge/engine/layers.h"
#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma::bridge {

/// Of one receiver for one source, as last allocated.
struct Allotment {
  DataRate possible;               // the most that it could be given
  int32_t wanted_height = 0;       // -1 all there is, 0 nothing
  Limit limit = Limit::none;
  bool follows = false;            // the sender's limit is this receiver's: it will adapt to it
};

/// What is wanted of a source by all its receivers, and what its sender knows of it.
struct SenderWish {
  int32_t height = 0;              // -1 all there is, 0 nothing
  std::optional<int32_t> told;     // nullopt: nothing yet
  Instant lower_since = Instant::never();
  DataRate least;                  // what its lowest layer costs when its sender has no limit
};

/// A source's layers when its receivers were last allocated because of them.
struct LayersSeen {
  uint32_t count = 0;
  LayerId top;
  uint16_t height = 0;
  DataRate rate;

  /// Other layers, or a cost that is another by a third.
  bool differs_from(const LayersSeen& o) const {
    if (count != o.count || top != o.top || height != o.height) return true;
    const double before = static_cast<double>(o.rate.bps());
    return std::abs(static_cast<double>(rate.bps()) - before) > before / 3;
  }
};

/// The limit of a sender: infinite while nobody's network is one.
struct UplinkLimit {
  DataRate limit = DataRate::infinite(), told = DataRate::infinite();
  Instant told_at;
  bool can_wait = false;           // all of its video comes in sizes: others do without it meanwhile
  Instant short_since = Instant::never();
};

}  // namespace tacoma::bridge
