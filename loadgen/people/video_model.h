// Sizes of frames without an encoder: the statistical source of RFC 8593.
#pragma once

#include <cstdint>

#include "core/base/rng.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

/// One encoding's frames at its frame rate. Sizes scatter around the target's mean as RFC 8593 section 5.1 has it; a key frame, and
/// the first frame after a large change of the target, is a burst (section 5.2) that the frames after it pay back. What a frame
/// has too many is paid back within some frames, so that any second keeps the target within 5 %. Unlike there, frames
/// stand at exact times, and the reaction time is 100 ms (RFC 8867 section 4.1 wants no more).
class VideoModel {
 public:
  static constexpr double kScale = 0.15;              // SCALE_B, of the Laplace distribution
  static constexpr double kBurst = 3.25;              // K_B as a multiple of the mean frame: 13.5 KB at 1 Mbps and 30 frames
  static constexpr double kBurstPayBack = 8;          // K_d, frames
  static constexpr double kPayBack = 1.5;             // of what scatter made too large or too small
  static constexpr double kLargeChange = 0.3;         // of the target: the encoder starts a transient
  static constexpr Duration kReaction = Duration::milliseconds(100);  // tau_v: changes in between wait
  static constexpr uint32_t kLargest = 256 * 1024, kSmallest = 40;  // bytes of a frame

  /// `format` is that of one encoding.
  VideoModel(const VideoFormat& format, Rng rng);

  /// Clamped to what the format allows.
  void set_target(DataRate target) { wanted_ = target; }
  DataRate target() const { return target_; }
  /// The size in bytes of the frame captured at `now`, the `number`th after a key frame (0: it is one).
  uint32_t next(Instant now, uint32_t number);

 private:
  double laplace();

  VideoFormat format_;
  Rng rng_;
  DataRate wanted_, target_;
  Instant reacted_;
  double excess_ = 0;  // bytes sent beyond the target
  bool started_ = false;
};

}  // namespace tacoma
