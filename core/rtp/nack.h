// Which packets of a stream are missing, and when to ask for them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/time.h"
#include "core/rtp/sequence.h"

namespace tacoma {

struct NackLimits {
  size_t missing = 256;                                    // at once; the oldest are given up beyond it
  uint32_t later_packets = 3;                              // a gap this far behind the newest packet is loss, not reordering
  Duration reorder_wait = Duration::milliseconds(10);      // ... or one that has lasted this long
  Duration shortest_retry = Duration::milliseconds(20);    // between two requests, or 1.25 round trips if that is longer
  uint32_t tries = 10;
  Duration give_up = Duration::milliseconds(1000);         // after the gap was seen
};

/// Follows one stream's sequence numbers. The round trip sets the retry interval.
class NackTracker {
 public:
  enum class Seen : uint8_t {
    newest,      // in order or ahead
    filled,      // a late or retransmitted packet that was missing
    not_missing, // an old packet that nothing waits for: a duplicate, given up, or from before the start
  };
  explicit NackTracker(NackLimits limits = {}) : limits_(limits) {}

  Seen on_packet(uint16_t sequence, Instant now);
  /// Appends the sequence numbers to ask for now, ascending, to `sequences` (not cleared). Call at deadline() or after a
  /// batch of packets. Returns how many packets were given up since the last call: a video receiver that lost one needs a
  /// key frame.
  uint32_t due(Instant now, Duration round_trip, std::vector<uint16_t>& sequences);
  /// What is missing before `sequence`, which has come, is of no more use: it is neither asked for nor counted as given up.
  void forget_before(uint16_t sequence);
  /// When due() next has something to do; never() while nothing is missing.
  Instant deadline() const { return deadline_; }

  size_t missing() const { return missing_.size(); }
  uint64_t given_up() const { return given_up_; }
  uint64_t filled() const { return filled_; }

 private:
  struct Missing {
    int64_t sequence;
    Instant seen;  // when the gap was noticed
    Instant next;  // when to ask (again)
    uint32_t tries;
  };
  void give_up_front(size_t count);
  void schedule();

  NackLimits limits_;
  SequenceUnwrapper sequences_;
  std::vector<Missing> missing_;  // ascending
  Instant deadline_ = Instant::never();
  uint64_t given_up_ = 0, filled_ = 0;
  uint32_t given_up_unreported_ = 0;
};

}  // namespace tacoma
