// Which layers of a source a sender sends for a budget and for those who watch.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "loadgen/plan/plan.h"

namespace tacoma {

/// What one encoding of a source does.
struct EncodingChoice {
  bool on = false;
  uint8_t temporal = 0;  // the highest temporal layer that is sent
  uint8_t spatial = 0;   // likewise; of a ladder, the rung
  DataRate rate;         // of payload, with the layers that are sent
  bool operator==(const EncodingChoice&) const = default;
};
using SourceChoice = std::array<EncodingChoice, VideoFormat::kMostEncodings>;  // small to large

/// A larger encoding needs so much more than its rate to be switched on as long as it is off, so that it does not flicker.
inline constexpr double kSwitchOnMargin = 1.15;

/// The rule of WebRTC's senders: encodings up to `max_height` lines (-1: all; 0: none; the smallest one counts as low enough for any
/// height) get their rate from the smallest up. A clip's largest one may go without its higher temporal layers; a model's has any
/// rate down to a quarter of its own. The smallest is on whatever the budget, as nobody would see anything else.
SourceChoice choose_layers(const VideoFormat& format, int32_t max_height, DataRate budget, const SourceChoice& before);

/// Spatial layers are chosen in the same way, but a picture has all of its layers up to one, with the same temporal layers.

/// The rate of everything that `max_height` allows.
DataRate wanted_rate(const VideoFormat& format, int32_t max_height);

/// Cuts a budget for several sources that want so much each: equal shares, and what one does not need goes to the others.
std::vector<DataRate> share_budget(DataRate budget, const std::vector<DataRate>& wanted);

}  // namespace tacoma
