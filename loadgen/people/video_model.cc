#include "loadgen/people/video_model.h"

#include <algorithm>
#include <cmath>

#include "loadgen/media/clip.h"

namespace tacoma {
namespace {

/// How much larger a frame of its layer is than the mean frame: the layer's share of the rate over its share of the frames.
double layer_weight(uint32_t number, uint32_t layers) {
  const uint8_t layer = temporal_layer_of(number, layers);
  const double rate = temporal_share(layer, layers) - (layer == 0 ? 0 : temporal_share(layer - 1u, layers));
  const double frames = 1.0 / (layer == 0 ? 1u << (layers - 1) : 1u << (layers - layer));
  return rate / frames;
}

}  // namespace

VideoModel::VideoModel(const VideoFormat& format, Rng rng) : format_(format), rng_(rng), wanted_(format.lowest), target_(format.lowest) {}

// By inversion; the tails are cut at three scales, which 95 % of draws stay within.
double VideoModel::laplace() {
  const double u = rng_.uniform() - 0.5;
  const double x = -kScale * std::copysign(std::log(std::max(1e-9, 1 - 2 * std::fabs(u))), u);
  return std::clamp(x, -3 * kScale, 3 * kScale);
}

uint32_t VideoModel::next(Instant now, uint32_t number) {
  bool burst = number == 0;
  const DataRate wanted = std::clamp(wanted_, std::min(format_.lowest, format_.rate), format_.rate);
  if (wanted != target_ && (!started_ || now - reacted_ >= kReaction)) {
    const double change = static_cast<double>(wanted.bps()) / static_cast<double>(std::max<int64_t>(target_.bps(), 1)) - 1;
    burst = burst || (started_ && change > kLargeChange);
    // What an encoder owed at the old rate is forgiven when its rate is cut: its buffer is set anew.
    if (change < -kLargeChange) excess_ = 0;
    target_ = wanted;
    reacted_ = now;
  }
  started_ = true;
  const double mean = static_cast<double>(target_.bps()) / 8 / format_.fps;
  const double ideal = mean * layer_weight(number, format_.temporal_layers);
  double size = burst ? mean * kBurst : std::max(ideal * 0.15, ideal - excess_ / (excess_ > 1.5 * mean ? kBurstPayBack : kPayBack)) * (1 + laplace());
  size = std::clamp(size, static_cast<double>(kSmallest), static_cast<double>(kLargest));
  const uint32_t bytes = static_cast<uint32_t>(size);
  excess_ += bytes - ideal;
  return bytes;
}

}  // namespace tacoma
