// What is measured of every received stream, audio or video.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/histogram.h"
#include "core/rtp/reception.h"
#include "core/rtp/rtp_packet.h"
#include "loadgen/plan/result_sink.h"

namespace tacoma {

/// Median and greatest delay of an interval in fixed memory: up to kKept values spread evenly over it, in steps of 0.1 ms.
class IntervalDelays {
 public:
  static constexpr size_t kKept = 40;
  void add(Duration delay);
  Duration median() const;  // zero when there is none
  Duration max() const { return max_; }
  void clear() { *this = IntervalDelays(); }

 private:
  Duration max_;
  std::array<uint16_t, kKept> kept_{};
  uint16_t held_ = 0, skipped_ = 0;
  uint16_t stride_ = 1;  // every so many values is kept; doubles when the room is full
};

/// Counts of one interval, jitter, and one-way delay. Delay is from capture to arrival: the sender's reports map RTP time to the
/// run's clock, which all share. Packets before the first report have no known capture time and are left out of the delays.
class ReceiveMeter {
 public:
  ReceiveMeter(Media media, uint32_t clock_rate) : media_(media), clock_rate_(clock_rate), reception_(clock_rate) {}

  /// A packet that came first hand. Returns its delay if that is known; it is counted here.
  std::optional<Duration> packet(const RtpView& packet, Instant arrived);
  void sender_report(const SenderInfo& info, Instant arrived);
  /// The sender's clock is not the run's: its delays are unknown.
  void set_foreign_clock() { foreign_clock_ = true; }
  /// When the media of this RTP time was captured.
  std::optional<Instant> captured(uint32_t timestamp) const;
  /// The numbering of the stream begins anew (another bridge): nothing is lost by it.
  void restart();
  /// The interval's part of a sample: packets, bytes, expected, jitter, delays. The next interval begins.
  void take(ReceiveSample& sample);

  Reception& reception() { return reception_; }
  Media media() const { return media_; }

 private:
  Media media_;
  uint32_t clock_rate_;
  Reception reception_;
  struct Mapping {
    Instant at;
    uint32_t timestamp = 0;
    bool known = false;
  } mapping_;
  bool foreign_clock_ = false;
  uint32_t packets_ = 0, bytes_ = 0;
  uint64_t expected_before_ = 0, expected_carried_ = 0;
  IntervalDelays delays_;
};

}  // namespace tacoma
