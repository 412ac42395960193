// One receiver's continuous numbers for packets that come from one encoding after another, with holes where upstream lost some and
// without where the bridge left some out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bridge/engine/layer_filter.h"
#include "bridge/engine/rewrite.h"

namespace tacoma::bridge {

/// Packets of one encoding that go out with the same rewrite, through the same cut.
struct Run {
  int64_t from = 0;             // incoming numbers from here on ...
  int64_t shift = 0;            // ... go out with this added
  uint32_t from_timestamp = 0;  // when the cut changed here: of the frame that it changed with
  Deltas deltas;
  LayerCut cut;
  uint8_t encoding = 0;
  bool changes_cut = false;
  int64_t first_out() const { return from + shift; }
};

/// Outgoing numbers grow by one for each packet that goes out. A packet that the bridge holds back closes the numbers up behind it;
/// one that upstream lost leaves its gap, so that it still fits in when it comes late.
class Numbering {
 public:
  /// Runs that are remembered for late packets and NACKs: two seconds of a layer that loses every second frame at 60 a second.
  static constexpr size_t kMaxRuns = 64;
  static constexpr size_t kMaxRunsOfAudio = 8;

  /// Remembers so many runs, a power of two.
  explicit Numbering(size_t max_runs = kMaxRuns) : max_runs_(static_cast<uint16_t>(max_runs)) {}

  /// Before the first: it shall get this number, not its own.
  void begin_at(uint16_t next) {
    next_ = first_out_ = next;
    begins_at_ = true;
  }
  bool started() const { return started_; }
  const Run& current() const { return at(count_ - 1); }
  /// The number that the next packet in order gets; only when started().
  int64_t next() const { return next_; }
  bool follows(int64_t in) const { return in == highest_ + 1; }
  bool is_ahead(uint8_t encoding, int64_t in) const { return !started_ || encoding != current().encoding || in > highest_; }

  /// `in` of `encoding` continues the outgoing numbers, whatever came before it. The very first keeps its number.
  void restart(uint8_t encoding, int64_t in, uint32_t timestamp, const Deltas& deltas, const LayerCut& cut);
  /// The cut or the rewrite changes with the frame of `in`, which is ahead.
  void change(int64_t in, uint32_t timestamp, const LayerCut& cut, const Deltas& deltas);
  /// A packet of the current encoding that is ahead goes out: its number.
  uint16_t pass(int64_t in) {
    const int64_t step = in - highest_;
    missing_ += step - 1;
    next_ += step;
    recent_ = step < 64 ? recent_ << step | 1 : 1;
    highest_ = in;
    ++passed_;
    return static_cast<uint16_t>(next_ - 1);
  }
  /// The last pass() did not come about.
  void take_back(int64_t in);
  /// A packet that is ahead is left out, and from then on `picture_ids` fewer pictures have been sent than came.
  void leave_out(int64_t in, uint16_t picture_ids);

  /// The run that a packet which is not ahead belongs to, and its number; null when there is no place for it (any more).
  const Run* find_late(uint8_t encoding, int64_t in, uint32_t timestamp, uint16_t& out) const;
  /// It took its place (or `filled`: something without meaning did).
  void pass_late(uint16_t out, bool filled);
  void take_back_late(uint16_t out);

  /// What went out, or should have, with number `out`; nullopt when none did, as far as is known.
  struct Origin {
    const Run* run;   // by its number
    int64_t in;
    const Run* next;  // the one after it; null: none
    /// The run whose cut and rewrite the packet has, now that its timestamp is known.
    const Run& run_of(uint32_t timestamp) const { return next && belongs_to(*next, run->encoding, timestamp) ? *next : *run; }
  };
  std::optional<Origin> origin_of(uint16_t out) const;

  /// Empty when the law holds: numbers sent, filled and still missing make up the range, none twice.
  std::string violation() const;

 private:
  Run& at(size_t i) { return more_ ? more_[(first_ + i) & (room_ - 1u)] : one_; }
  const Run& at(size_t i) const { return more_ ? more_[(first_ + i) & (room_ - 1u)] : one_; }
  /// In the gap before the first packet seen of a frame with which the cut changed there may be others of that frame.
  static bool belongs_to(const Run& next, uint8_t encoding, uint32_t timestamp) {
    return next.changes_cut && next.encoding == encoding && next.from_timestamp == timestamp;
  }
  void push(const Run& run);
  void continue_from(int64_t in, int64_t shift, const Deltas& deltas);
  int64_t extend(uint16_t out) const { return next_ - 1 + static_cast<int16_t>(static_cast<uint16_t>(out - static_cast<uint16_t>(next_ - 1))); }

  Run one_;                       // here, since most receivers never need another: a packet that goes out looks at it
  std::unique_ptr<Run[]> more_;   // or else a ring of them all, `room_` of them, growing to max_runs_
  int64_t highest_ = 0;           // incoming number of the newest packet of the current encoding
  int64_t next_ = 0, first_out_ = 0;
  int64_t missing_ = 0;           // outgoing numbers passed over so far
  uint64_t passed_ = 0, filled_ = 0;
  uint64_t recent_ = 0;           // bit n: number next_ - 1 - n went out
  uint16_t max_runs_, room_ = 1, first_ = 0, count_ = 0;
  bool started_ = false, begins_at_ = false;
  uint8_t doubled_ = 0;           // numbers that went out twice: a bug, kept for the audit
};

}  // namespace tacoma::bridge
