// One receiver's view of one source: its own continuous sequence numbers, whatever upstream lost or the bridge held back.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/layers.h"
#include "core/base/time.h"

namespace tacoma::bridge {

class Endpoint;

/// Maps incoming (extended) sequence numbers to outgoing ones. A packet that the bridge holds back closes the numbers up behind
/// it; one that upstream lost leaves its gap, so that it still fits in when it comes late. Payload, timestamps and SSRC
/// are not changed.
class Projection {
 public:
  /// Places in the history of shifts: late packets from before the oldest can no longer be placed.
  static constexpr size_t kMaxShifts = 8;
  static constexpr size_t kMaxRepeatRecords = 128;
  /// A record gives way to another number's only when it is as old: who asks for more than fits waits.
  static constexpr Duration kRepeatRecordKept = Duration::milliseconds(250);
  static constexpr uint8_t kMaxRepeats = 5;
  static constexpr size_t kPlisPerWindow = 3;
  static constexpr Duration kPliWindow = Duration::seconds(10);

  Projection(Endpoint& receiver, bool video, uint16_t first_rtx_sequence)
      : receiver_(&receiver), video_(video), waits_for_key_frame_(video), rtx_sequence_(first_rtx_sequence) {}

  Endpoint& receiver() const { return *receiver_; }
  /// The layer that the receiver shall get from now on, as soon as that is possible; nullopt: nothing (suspended). Ids above what the
  /// source has mean its highest. At first: all of the lowest encoding.
  void set_target(std::optional<LayerId> target) { target_ = target; }
  const std::optional<LayerId>& target() const { return target_; }
  bool started() const { return started_; }
  bool waits_for_key_frame() const { return waits_for_key_frame_; }
  void key_frame_came() { waits_for_key_frame_ = false; }
  /// Newer than all before it: only such a key frame is a place to start.
  bool is_ahead(int64_t in) const { return !started_ || in > highest_in_; }

  /// The number that this packet would go out with; nullopt when it is older than what can be placed.
  std::optional<uint16_t> place(int64_t in) const {
    if (!started_) return static_cast<uint16_t>(in);
    if (in > highest_in_) return static_cast<uint16_t>(in + shift_);
    return place_late(in);
  }
  /// It went out with the number of place().
  void sent(int64_t in, size_t bytes) {
    bytes_sent_ += bytes;
    ++packets_sent_;
    if (!started_) { start(in); return; }
    if (in <= highest_in_) { sent_late(in); return; }
    const int64_t step = in - highest_in_;
    missing_ += step - 1;
    recent_ = step < 64 ? recent_ << step | 1 : 1;
    highest_in_ = in;
  }
  /// The bridge held it back. A video receiver needs a key frame when `breaks_video`.
  void held_back(int64_t in, bool breaks_video);

  /// The incoming number of a packet that went out with `out`; nullopt when none did, as far as is known.
  std::optional<int64_t> source_of(uint16_t out) const;

  /// Whether this packet may be sent again now; notes that it is.
  bool may_repeat(uint16_t out, Instant now, Duration round_trip);
  /// Whether this receiver may ask for another key frame now; notes that it does.
  bool may_ask_key_frame(Instant now);
  uint16_t next_rtx_sequence() { return rtx_sequence_++; }

  uint32_t packets_sent() const { return static_cast<uint32_t>(packets_sent_); }
  uint32_t bytes_sent() const { return static_cast<uint32_t>(bytes_sent_); }
  void report_sent(uint32_t compact_ntp, Instant at) { report_ntp_ = compact_ntp; report_at_ = at; }
  /// When the sender report with this NTP time went out to the receiver.
  std::optional<Instant> report_sent_at(uint32_t compact_ntp) const {
    if (compact_ntp == 0 || compact_ntp != report_ntp_) return std::nullopt;
    return report_at_;
  }

  /// Empty when the law holds: numbers sent and numbers still missing make up the range, none twice.
  std::string violation() const;

 private:
  struct Shift {
    int64_t from;   // incoming numbers from here on ...
    int64_t shift;  // ... go out with this added
  };
  struct Repeat {
    uint16_t sequence;
    uint8_t times;
    Instant last;
  };
  void start(int64_t in);
  std::optional<uint16_t> place_late(int64_t in) const;
  std::optional<int64_t> shift_at(int64_t in) const;
  void sent_late(int64_t in);

  Endpoint* receiver_;
  std::optional<LayerId> target_ = LayerId{0, kMaxSpatialLayers - 1, kMaxTemporalLayers - 1};
  int64_t highest_in_ = 0;
  int64_t shift_ = 0;
  int64_t missing_ = 0;           // outgoing numbers passed over so far
  uint64_t packets_sent_ = 0, bytes_sent_ = 0;
  uint64_t recent_ = 0;           // bit n: highest - n went out
  bool video_ = false, waits_for_key_frame_ = false, started_ = false;
  uint8_t doubled_ = 0;           // numbers that went out twice: a bug, kept for the audit

  uint16_t rtx_sequence_ = 0;
  uint32_t report_ntp_ = 0;
  Instant report_at_;
  int64_t first_out_ = 0;
  int64_t oldest_ = 0;            // incoming numbers before it cannot be placed
  int64_t oldest_shift_ = 0;      // of those from oldest_ to the first of shifts_
  std::vector<Shift> shifts_;     // ascending
  std::vector<Repeat> repeats_;   // a ring
  size_t next_repeat_ = 0;
  std::array<Instant, kPlisPerWindow> asked_{};
  uint32_t asks_ = 0;
};

}  // namespace tacoma::bridge
