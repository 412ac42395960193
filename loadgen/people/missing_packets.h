// Which packets of one stream have not come, when to ask for them again and when to give them up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/time.h"

namespace tacoma {

/// The gaps in one stream's sequence numbers (unwrapped, so they only grow). A packet counts as lost when it is still missing
/// after `tolerance`; where the stream repairs, it is then asked for again and again until it comes or is given up.
class MissingPackets {
 public:
  struct Policy {
    bool repairs = false;                           // ask with NACK (video); else only count (audio)
    Duration tolerance = Duration::milliseconds(5); // for reordering
    Duration keep = Duration::seconds(1);           // after it a packet is given up
    uint8_t tries = 10;                             // NACKs for one packet
  };
  enum class Arrival : uint8_t {
    next,      // beyond all before
    early_gap, // filled a gap before it counted as lost: reordering
    repaired,  // filled a gap that had counted as lost
    known,     // had come before, or had been given up
    jump,      // so far ahead that the gap cannot be repaired: the list has been emptied
  };
  static constexpr size_t kMost = 256;  // packets missing at a time; a longer gap is a jump

  explicit MissingPackets(Policy policy) : policy_(policy) {}

  Arrival arrived(Instant now, int64_t seq);
  /// True for a packet that is missing now.
  bool missing(int64_t seq) const;
  /// When due() has something to do; never() when nothing is missing.
  Instant next_due() const { return next_due_; }
  /// Counts what became lost, appends the sequence numbers to ask for (at most `most` of them; the rest are due again soon) and
  /// gives up what is too old. `retry` is the time between two requests for one packet (a round trip).
  void due(Instant now, Duration retry, size_t most, std::vector<uint16_t>& ask);
  /// What is missing below `seq` is of no more use.
  void forget_before(int64_t seq);
  /// What this one holds, if it is missing, has come another way in time: when it is lost it counts as covered, too.
  void cover(int64_t seq);
  /// Covered of those lost since the last call.
  uint32_t take_covered() { const uint32_t n = covered_; covered_ = 0; return n; }
  /// True once after a packet was given up.
  bool take_gave_up() { const bool was = gave_up_; gave_up_ = false; return was; }
  /// Lost since the last call.
  uint32_t take_lost() { const uint32_t n = lost_; lost_ = 0; return n; }
  /// Noticed first of those that are missing; never() when none is.
  Instant oldest() const { return missing_.empty() ? Instant::never() : missing_.front().noticed; }
  /// A new numbering begins with the next packet.
  void restart();

 private:
  struct Missing {
    int64_t seq;
    Instant noticed, next;
    uint8_t tries = 0;
    bool lost = false, covered = false;
  };
  void lose(Missing& missing);
  void set_next_due();

  Policy policy_;
  std::vector<Missing> missing_;  // ascending
  Instant next_due_ = Instant::never();
  int64_t highest_ = 0;
  uint32_t lost_ = 0, covered_ = 0;
  bool started_ = false, gave_up_ = false;
};

}  // namespace tacoma
