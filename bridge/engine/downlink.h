// The network between the bridge and one receiver: what it is thought to carry, what goes over it, what is worth finding out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "core/base/units.h"
#include "core/cc/repair_budget.h"
#include "core/cc/send_side.h"

namespace tacoma::bridge {

/// How the bridge controls its ways out.
struct CongestionConfig {
  Congestion controller = Congestion::gcc;
  RateLimits estimate;                       // JVB's: begins at 2.5 Mbps, 30 kbps to 20 Mbps
  /// Video sources that anybody is given at most; -1: no limit.
  int32_t last_n = -1;
  /// Fewer when the bridge is loaded: LastNReducer.
  bool reduce_last_n = false;
  /// Of audio only the so many loudest and the dominant speaker's go out; 0: all of it.
  uint32_t loudest = 0;
};

/// What a packet is, for the sharing of the estimate.
enum class Cargo : uint8_t { audio, video, repeat, probe };

class Downlink {
 public:
  static constexpr Duration kAgain = Duration::seconds(5);  // allocation is done anew at least so often
  static constexpr double kMoved = 0.15;                    // or when the estimate has moved by this
  static constexpr double kMovedFollowed = 0.03;            // ... or by this, where a sender adapts to it
  static constexpr Duration kGrace = Duration::seconds(10), kNoGrace = Duration::seconds(30);
  /// After a step up that did not hold for kProof, nothing more is tried for kHold, twice as long each time, kLongestHold at most; unless the
  /// estimate is kMuchMore than what was tried. Short at first: the key frames of several sources that come back together can cost a step
  /// that the link carries well.
  static constexpr Duration kProof = Duration::seconds(8), kHold = Duration::seconds(2), kLongestHold = Duration::seconds(32);
  static constexpr double kMuchMore = 1.5;
  static constexpr uint16_t kMostRepeats = 64;              // by the probes of one go; the rest is padding
  static constexpr Duration kMeter = Duration::milliseconds(500);
  static constexpr Duration kWaitKept = Duration::seconds(2), kWaitGrown = Duration::milliseconds(10);
  static constexpr Duration kNoWait = Duration::milliseconds(30);  // that much is jitter, which kNackDelay allows for
  static constexpr Duration kQueueStands = Duration::milliseconds(60);  // packets that wait for so long wait in a queue of our own making

  explicit Downlink(const CongestionConfig& config) : side(config.controller, config.estimate), controlled_(config.controller != Congestion::none) {}

  SendSide side;

  /// A packet went out, `size` as it goes to UDP.
  void on_sent(Instant now, DataSize size, Cargo cargo, bool numbered) {
    if (cargo == Cargo::audio || cargo == Cargo::repeat) meter_other(now, size);
    if (numbered && controlled_) side.on_sent(now, size);
    else if (numbered) ++plain_sequence_;
  }
  uint16_t next_sequence() const { return controlled_ ? side.next_sequence() : plain_sequence_; }

  /// Whether `size` may be repeated now. While a queue stands, repeats are a share of the target: without a bound, what a full
  /// queue drops is asked for at once and keeps it full. Without a queue losses are the network's own, and all of them are mended. So is what a
  /// new key frame needs: without it nothing else is of use, and another key frame, which is asked for, is larger than what is missing of this one.
  bool may_repeat(Instant now, DataSize size, bool of_new_key) {
    return of_new_key || repairs_.take(now, size, side.waited() >= kQueueStands ? side.target() : DataRate::infinite());
  }

  /// Somebody estimates.
  bool is_controlled() const { return controlled_; }

  /// The whole of it. `assumed`: what the receiver says instead of what is measured.
  DataRate estimate(std::optional<int64_t> assumed_bps) const;
  /// What of the estimate is left for video: audio and repeats come first.
  DataRate for_video(std::optional<int64_t> assumed_bps) const;
  /// The same for senders that adapt to it, who can also hold back for a moment, while a queue drains. Layers stay: one that was taken back
  /// costs a key frame.
  DataRate for_followers(std::optional<int64_t> assumed_bps) const;
  /// Audio and repeats, lately.
  DataRate other() const { return DataRate::bps(static_cast<int64_t>(other_bps_)); }

  /// Feedback has come. True when packets wait longer than was known.
  bool note_wait(Instant now);
  /// The longest that a packet has waited on the path lately.
  Duration waited() const { return waited_; }

  /// Whether allocation is due for one of the reasons that lie here.
  bool is_due(Instant now, std::optional<int64_t> assumed_bps) const;
  /// `lacks`: with so much more for video somebody would have been given more.
  void allocated(Instant now, std::optional<int64_t> assumed_bps, DataRate lacks);
  /// A source whose sender is to adapt to this receiver may go over the estimate for kGrace. If the sender has not adapted by then it
  /// does not, and the next grace is kNoGrace away.
  bool tolerates_oversend(Instant now) const;
  void note_oversend(Instant now, bool oversends);
  /// Steps up are held back, with so much to share out.
  bool holds(Instant now, DataRate available) const;
  /// What the last sharing did: raised or lowered somebody, the latter for want of estimate.
  void note_steps(Instant now, bool raised, bool lowered, DataRate used);
  bool followed = false;                     // some sender's limit is this receiver's
  bool dirty = true;                         // sources, wants or speakers have changed

  uint16_t next_padding_sequence = 1;        // of padding that has no RTX stream to go in
  uint16_t probe_back = 0;                   // recent packets that the probes under way have repeated

 private:
  void meter_other(Instant now, DataSize size);
  DataRate less_other(DataRate all) const { return all.is_infinite() ? all : DataRate::bps(std::max<int64_t>(0, all.bps() - other().bps())); }
  DataRate watched(std::optional<int64_t> assumed_bps) const { return followed ? for_followers(assumed_bps) : for_video(assumed_bps); }

  bool controlled_;
  RepairBudget repairs_;
  uint16_t plain_sequence_ = 1;
  Instant allocated_at_ = Instant::never();
  DataRate allocated_for_;                   // what was left for video, or for senders that adapt
  DataRate more_from_ = DataRate::infinite();  // with so much for video somebody is given more
  Instant raised_at_ = Instant::never(), hold_until_;
  DataRate raised_to_;
  bool held_ = false;                        // steps up are held back since the last sharing
  Duration hold_ = kHold;
  Instant over_since_ = Instant::never(), gave_up_at_ = Instant::never();
  Instant waited_at_ = Instant::never();
  Duration waited_;
  Instant metered_from_ = Instant::never();
  int64_t metered_bytes_ = 0;
  double other_bps_ = 0;
};

}  // namespace tacoma::bridge
