// Layers: what of a source can be chosen for a receiver, and what each choice costs.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma::bridge {

inline constexpr size_t kMaxEncodings = 3;        // of one source: its simulcast streams, low to high
inline constexpr size_t kMaxSpatialLayers = 4;    // of one encoding; packets of higher ones are dropped as over_layer_limit
inline constexpr size_t kMaxTemporalLayers = 4;   // likewise

/// A layer of a source and with it all that it needs: everything of its encoding with no higher spatial and temporal id.
struct LayerId {
  uint8_t encoding = 0, spatial = 0, temporal = 0;
  /// By encoding, then spatial, then temporal id.
  auto operator<=>(const LayerId&) const = default;
};

struct LayerInfo {
  LayerId id;
  uint16_t height = 0;   // pixels: as the stream says, or, where it does not, 720 halved for each encoding below the highest
  float fps = 0;         // frames a second with this layer and all it needs
  DataRate rate;         // measured at ingress over the last second, of this layer and all it needs
};

/// Measures the layers of one encoding over the last second.
class LayerMeter {
 public:
  static constexpr Duration kBucket = Duration::milliseconds(100);
  static constexpr size_t kBuckets = 10;
  static constexpr Duration kShortestWindow = Duration::milliseconds(500);  // a rate is taken over no less
  static constexpr Duration kPause = Duration::milliseconds(1500);  // a layer begins anew after it; a screen at rest is sent once a second

  /// A packet of `bytes` came. `needed_above`: layers of higher spatial id refer to it (RFC 9628: Z is not set).
  void on_packet(Instant now, uint8_t spatial, uint8_t temporal, size_t bytes, uint32_t timestamp, bool needed_above);

  bool started() const { return started_; }
  /// The last packet of exactly this layer; only when seen().
  Instant last_seen(uint8_t spatial, uint8_t temporal) const { return last_seen_[spatial][temporal]; }
  bool seen(uint8_t spatial, uint8_t temporal) const { return seen_[spatial] & (1u << temporal); }
  /// It has been coming for long enough that its rate is known.
  bool is_measured(Instant now, uint8_t spatial) const { return spatial < spatial_.size() && now - spatial_[spatial].begun >= kShortestWindow; }
  /// Of the layer and all that it needs.
  DataRate rate(Instant now, uint8_t spatial, uint8_t temporal);
  float fps(Instant now, uint8_t spatial, uint8_t temporal);

 private:
  struct Cell {
    uint32_t bytes = 0;
    uint32_t needed = 0;  // of them, by higher spatial layers
    uint32_t frames = 0;
  };
  using Cells = std::array<Cell, kMaxTemporalLayers>;
  /// Of one spatial layer.
  struct History {
    std::array<Cells, kBuckets> buckets{};
    Cells sum{};
    Instant begun;  // with nothing for kPause before
  };
  void roll(Instant now);
  double window_seconds(Instant now, const History& history) const;

  std::vector<History> spatial_;  // as many as have come: most streams have one
  int64_t newest_ = 0;  // number of the bucket that is being filled, counted from the start of the run
  bool started_ = false;
  std::array<uint8_t, kMaxSpatialLayers> seen_{};
  std::array<uint32_t, kMaxSpatialLayers> last_timestamp_{};
  std::array<std::array<Instant, kMaxTemporalLayers>, kMaxSpatialLayers> last_seen_{};
};

}  // namespace tacoma::bridge
