#include "bridge/engine/layers.h"

#include <algorithm>

#include "core/rtp/sequence.h"

namespace tacoma::bridge {

void LayerMeter::roll(Instant now) {
  const int64_t bucket = now.since_start() / kBucket;
  if (bucket <= newest_) return;
  const int64_t steps = std::min<int64_t>(bucket - newest_, kBuckets);
  for (History& history : spatial_) {
    for (int64_t i = 0; i < steps; ++i) {
      Cells& old = history.buckets[static_cast<size_t>(bucket - i) % kBuckets];
      for (size_t t = 0; t < kMaxTemporalLayers; ++t) {
        history.sum[t].bytes -= old[t].bytes;
        history.sum[t].needed -= old[t].needed;
        history.sum[t].frames -= old[t].frames;
      }
      old = {};
    }
  }
  newest_ = bucket;
}

void LayerMeter::on_packet(Instant now, uint8_t spatial, uint8_t temporal, size_t bytes, uint32_t timestamp, bool needed_above) {
  if (!started_) {
    started_ = true;
    newest_ = now.since_start() / kBucket;
  }
  roll(now);
  if (spatial >= spatial_.size()) spatial_.resize(spatial + size_t{1});
  History& history = spatial_[spatial];
  const auto& seen_at = last_seen_[spatial];
  if (seen_[spatial] == 0 || now - *std::max_element(seen_at.begin(), seen_at.end()) >= kPause) history.begun = now;
  const bool new_frame = seen_[spatial] == 0 || is_newer(timestamp, last_timestamp_[spatial]);
  if (new_frame) last_timestamp_[spatial] = timestamp;
  seen_[spatial] = static_cast<uint8_t>(seen_[spatial] | 1u << temporal);
  last_seen_[spatial][temporal] = now;
  const auto size = static_cast<uint32_t>(bytes);
  for (Cell* cell : {&history.buckets[static_cast<size_t>(newest_) % kBuckets][temporal], &history.sum[temporal]}) {
    cell->bytes += size;
    cell->needed += needed_above ? size : 0;
    cell->frames += new_frame ? 1 : 0;
  }
}

double LayerMeter::window_seconds(Instant now, const History& history) const {
  // The bucket that is being filled counts for the part of it that has passed.
  const Duration window = kBucket * static_cast<int64_t>(kBuckets - 1) + (now - Instant::at(kBucket * newest_));
  return std::max(kShortestWindow, std::min(window, now - history.begun)).to_seconds();
}

DataRate LayerMeter::rate(Instant now, uint8_t spatial, uint8_t temporal) {
  roll(now);
  double bytes = 0;  // a second
  for (size_t s = 0; s <= spatial && spatial < spatial_.size(); ++s) {
    uint32_t sum = 0;
    for (size_t t = 0; t <= temporal; ++t) sum += s < spatial ? spatial_[s].sum[t].needed : spatial_[s].sum[t].bytes;
    bytes += sum / window_seconds(now, spatial_[s]);
  }
  return DataRate::bps(static_cast<int64_t>(bytes * 8));
}

float LayerMeter::fps(Instant now, uint8_t spatial, uint8_t temporal) {
  roll(now);
  if (spatial >= spatial_.size()) return 0;
  uint32_t frames = 0;
  for (size_t t = 0; t <= temporal; ++t) frames += spatial_[spatial].sum[t].frames;
  return static_cast<float>(frames / window_seconds(now, spatial_[spatial]));
}

}  // namespace tacoma::bridge
