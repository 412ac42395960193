// From "the queue grows" to a rate: additive or multiplicative increase, multiplicative decrease
// (draft-ietf-rmcat-gcc-02 section 5.5).
#pragma once

#include <optional>
#include <utility>

#include "core/cc/delay_trend.h"
#include "core/cc/rate_controller.h"

namespace tacoma {

class AimdRate {
 public:
  explicit AimdRate(const RateLimits& limits) : limits_(limits), rate_(limits.start) {}

  /// `delivered` is what arrives now, if known; `limited` says that the sender sends less than it might (then the rate is
  /// not raised: nothing proves that more would fit).
  DataRate update(Instant now, PathUse use, std::optional<DataRate> delivered, bool limited);
  void lower_to(DataRate rate) { set(std::min(rate, rate_)); }
  /// A probe measured this much.
  void raise_to(DataRate measured);
  DataRate rate() const { return rate_; }
  /// The link delivers more than it did when it was full. True once.
  bool has_got_faster() { return std::exchange(faster_, false); }

 private:
  enum class Mode : uint8_t { hold, increase, decrease };
  void set(DataRate rate);
  double additive_bps(double seconds) const;

  RateLimits limits_;
  DataRate rate_;
  Mode mode_ = Mode::hold;
  Instant last_update_ = Instant::never();
  // The rate at which the link was last seen full, and how sure that is: near it the increase is additive.
  std::optional<double> full_kbps_;
  double full_deviation_ = 0.4;
  bool faster_ = false;
};

}  // namespace tacoma
