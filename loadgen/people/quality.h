// What a person would notice: frozen pictures and bad sound, by published definitions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/time.h"

namespace tacoma {

/// Inputs of the E-model (ITU-T G.107) that vary here; all others have the recommendation's default values.
struct CallConditions {
  Duration mouth_to_ear;              // Ta: absolute one-way delay
  double loss = 0;                    // packet loss 0..1 as the decoder meets it: after repair, with late packets
  double burst_ratio = 1;             // BurstR: 1 for independent loss
  double equipment_impairment = 0;    // Ie of the codec without loss
  double loss_robustness = 20;        // Bpl of the codec
};

/// Opus has no values in G.113. At the rates used here it sounds better than G.711, so Ie is 0; its concealment is taken to be
/// about as good as that of G.729A (Bpl 19) and G.711 with PLC (25.1). Figures that come of it are estimates and are called so.
constexpr double kOpusImpairment = 0;
constexpr double kOpusLossRobustness = 20;

/// The transmission rating R (G.107 section 7) for default values of all that CallConditions does not say: 93.2 without delay
/// and loss. The talker echo is taken as perfectly cancelled.
double transmission_rating(const CallConditions& conditions);

/// Mean opinion score of a rating (G.107 Annex B): 1 to 4.5.
double mos_of_rating(double rating);

/// An estimate of how good a second of video looks, 1 (bad) to 5 (excellent), from what a receiver knows without decoding: lines, frames
/// a second, bits a second and the share of the time that was frozen. Its shape is that of parametric models such as ITU-T G.1070
/// (each factor saturates), its constants are our own and were not fitted to viewers: 720 lines at 30 frames and 2.5 Mbps come to
/// 4.7, 180 lines at 200 kbps to 3.2. 0 when there was no picture.
double video_quality(uint32_t height, double fps, double bits_per_second, double frozen_share);

/// Freezes by the definition of webrtc-stats (freezeCount): the time between two rendered frames is at least
/// max(3 x mean, mean + 150 ms), the mean being over the last 30 such times, and there are at least 5 of them.
class FreezeDetector {
 public:
  struct Interval {
    uint32_t freezes = 0;
    Duration frozen;
    Duration longest;  // of the freezes that touch the interval, the longest: from its beginning, so far
  };
  /// A frame is shown. Instants must not go back.
  void rendered(Instant at);
  /// The stream was switched off on purpose at `at`: what follows is no freeze, until a frame is shown.
  void pause(Instant at);
  /// What happened since the last call, up to `until`. A freeze that goes on is counted once, when it has become one, and its
  /// length in each interval that it touches; never more than the interval's own length.
  Interval take(Instant until);

 private:
  static constexpr size_t kMean = 30, kEnough = 5;
  Duration threshold() const;
  void account(Instant until);

  std::array<uint32_t, kMean> gaps_{};  // microseconds, ring
  uint64_t sum_ = 0;
  uint8_t held_ = 0, next_ = 0;
  bool has_frame_ = false, frozen_now_ = false;
  Instant last_frame_, interval_start_, counted_to_;
  Interval interval_;
};

}  // namespace tacoma
