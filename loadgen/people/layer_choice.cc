#include "loadgen/people/layer_choice.h"

#include <algorithm>

#include "loadgen/media/clip.h"

namespace tacoma {
namespace {

/// Of its best rate, what an encoding above the smallest needs: between WebRTC's 150 of 700 and 600 of 2500 kbps.
constexpr double kLeastShare = 0.25;

DataRate times(DataRate rate, double factor) { return DataRate::bps(static_cast<int64_t>(static_cast<double>(rate.bps()) * factor)); }

bool is_low_enough(const VideoFormat& one, uint32_t index, int32_t max_height) {
  return index == 0 || max_height < 0 || one.height <= static_cast<uint32_t>(max_height);
}

/// The highest temporal layer whose rate fits; nullopt-like 0xff when not even the lowest does.
uint8_t fitting_layer(const VideoFormat& one, DataRate left, double margin, uint8_t before) {
  uint8_t best = 0xff;
  for (uint32_t layer = 0; layer < one.temporal_layers; ++layer) {
    const double needed = temporal_share(layer, one.temporal_layers) * (layer > before ? kSwitchOnMargin : margin);
    if (times(one.rate, needed) <= left) best = static_cast<uint8_t>(layer);
  }
  return best;
}

/// The highest spatial layer whose rate, and that of those below it, fits: with its highest temporal layer but one if need be.
EncodingChoice choose_spatial(const VideoFormat& format, int32_t max_height, DataRate budget, const EncodingChoice& before) {
  const uint8_t top = static_cast<uint8_t>(format.temporal_layers - 1);
  EncodingChoice chosen{true, 0, 0, times(format.layer(0).rate, temporal_share(0, format.temporal_layers, format.codec))};
  DataRate sum;
  for (uint32_t s = 0; s < format.spatial_layers; ++s) {
    const VideoFormat one = format.layer(s);
    if (!is_low_enough(one, s, max_height)) break;
    sum = sum + one.rate;
    for (uint8_t t = s == 0 || top == 0 ? 0 : static_cast<uint8_t>(top - 1); t <= top; ++t) {
      const bool is_more = !before.on || s > before.spatial || (s == before.spatial && t > before.temporal);
      const DataRate rate = times(sum, temporal_share(t, format.temporal_layers, format.codec));
      if (times(rate, before.on && is_more ? kSwitchOnMargin : 1) <= budget) chosen = {true, t, static_cast<uint8_t>(s), rate};
    }
  }
  return chosen;
}

/// The highest rung that fits; the lowest, if none does, with as many temporal layers as fit.
EncodingChoice choose_rung(const VideoFormat& format, DataRate budget, const EncodingChoice& before) {
  const uint8_t top = static_cast<uint8_t>(format.temporal_layers - 1);
  for (uint8_t r = format.ladder; r-- > 0;) {
    const DataRate rate = format.rung(r).rate;
    if (times(rate, before.on && r > before.spatial ? kSwitchOnMargin : 1) <= budget) return {true, top, r, rate};
  }
  const uint8_t layer = fitting_layer(format.rung(0), budget, 1, before.on ? before.temporal : top);
  const uint8_t chosen = layer == 0xff ? uint8_t{0} : layer;
  return {true, chosen, 0, times(format.rung(0).rate, temporal_share(chosen, format.temporal_layers))};
}

}  // namespace

SourceChoice choose_layers(const VideoFormat& format, int32_t max_height, DataRate budget, const SourceChoice& before) {
  SourceChoice choice;
  if (max_height == 0) return choice;
  if (format.spatial_layers > 1) {
    choice[0] = choose_spatial(format, max_height, budget, before[0]);
    return choice;
  }
  if (format.ladder > 1) {
    choice[0] = choose_rung(format, budget, before[0]);
    return choice;
  }
  DataRate left = budget;
  for (uint32_t i = 0; i < format.encodings; ++i) {
    const VideoFormat one = format.encoding(i);
    if (!is_low_enough(one, i, max_height)) break;
    const uint8_t top = static_cast<uint8_t>(format.temporal_layers - 1);
    EncodingChoice& chosen = choice[i];
    if (format.content == VideoContent::model) {
      const DataRate least = i == 0 ? one.lowest : times(one.rate, before[i].on ? kLeastShare : kLeastShare * kSwitchOnMargin);
      if (i > 0 && left < least) break;
      chosen = {true, top, 0, std::clamp(left, std::min(least, one.rate), one.rate)};
    } else {
      const uint8_t layer = fitting_layer(one, left, i == 0 || before[i].on ? 1 : kSwitchOnMargin, before[i].on ? before[i].temporal : top);
      // Half the frames of a larger picture are worth it, a quarter of them is not.
      const uint8_t least = top == 0 ? 0 : static_cast<uint8_t>(top - 1);
      if (i > 0 && (layer == 0xff || layer < least)) break;
      chosen.on = true;
      chosen.temporal = layer == 0xff ? 0 : layer;
      chosen.rate = times(one.rate, temporal_share(chosen.temporal, format.temporal_layers));
    }
    left = left.is_infinite() ? left : DataRate::bps(std::max<int64_t>(0, left.bps() - chosen.rate.bps()));
    // Only the largest that is on goes without something.
    if (chosen.temporal < top || chosen.rate < one.rate) break;
  }
  return choice;
}

DataRate wanted_rate(const VideoFormat& format, int32_t max_height) {
  DataRate sum;
  if (max_height == 0) return sum;
  for (uint32_t i = 0; i < format.encodings; ++i) {
    const VideoFormat one = format.encoding(i);
    if (is_low_enough(one, i, max_height)) sum = sum + one.rate;
  }
  if (format.spatial_layers == 1) return sum;
  sum = DataRate::zero();
  for (uint32_t s = 0; s < format.spatial_layers; ++s)
    if (is_low_enough(format.layer(s), s, max_height)) sum = sum + format.layer(s).rate;
  return sum;
}

std::vector<DataRate> share_budget(DataRate budget, const std::vector<DataRate>& wanted) {
  std::vector<DataRate> shares(wanted.size());
  if (budget.is_infinite()) {
    for (DataRate& share : shares) share = DataRate::infinite();
    return shares;
  }
  // The modest first: what they leave goes to the rest.
  std::vector<size_t> order(wanted.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return wanted[a] < wanted[b]; });
  int64_t left = budget.bps(), others = static_cast<int64_t>(order.size());
  for (size_t i : order) {
    const int64_t share = std::min(wanted[i].bps(), left / others);
    shares[i] = DataRate::bps(share);
    left -= share;
    --others;
  }
  // What nobody wants goes to the largest: a budget is an upper bound, not an order to fill it.
  if (!order.empty()) shares[order.back()] = shares[order.back()] + DataRate::bps(left);
  return shares;
}

}  // namespace tacoma
