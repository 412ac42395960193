// What was sent under which transport-wide sequence number, until its feedback comes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/time.h"
#include "core/base/units.h"
#include "core/cc/rate_controller.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/sequence.h"

namespace tacoma {

/// Bounded: the oldest are forgotten beyond kLimit packets or kAge, and sooner when their feedback has come. It grows
/// with what is in flight only: a bridge has one for each receiver.
class SentHistory {
 public:
  static constexpr size_t kLimit = 8192;
  static constexpr size_t kUnheardLimit = 512;  // before the first feedback: it may never come
  static constexpr Duration kAge = Duration::seconds(10);
  static constexpr Duration kReceivedAge = Duration::milliseconds(250);  // so that a repeated report is known for one
  static constexpr Duration kLostAge = Duration::seconds(1);             // one reported lost may still be reported received

  static constexpr uint32_t kMaxProbe = (1u << 19) - 1;  // ids of probe clusters
  static constexpr uint32_t kLargest = (1u << 11) - 1;   // bytes of a packet

  /// The next transport-wide sequence number; on_sent must follow for it, in order.
  uint16_t next_sequence() const { return static_cast<uint16_t>(next_); }
  void on_sent(Instant now, DataSize size, uint32_t probe = 0);
  /// Joins feedback with what was sent. `results` is cleared; it gets each packet once, ascending: repeated reports of one that
  /// was received are dropped, a packet first reported lost may be reported received later. Returns how many statuses named
  /// packets that were never sent or are long forgotten.
  uint64_t on_feedback(Instant now, Span<const TransportStatus> statuses, std::vector<PacketResult>& results);
  size_t remembered() const { return static_cast<size_t>(next_ - first_); }
  /// Sent, and not yet reported.
  DataSize in_flight() const { return in_flight_; }
  /// The time from sending to feedback of the newest received packet of the last report: at most one feedback interval more
  /// than the round trip. Zero before the first.
  Duration feedback_round_trip() const { return feedback_round_trip_; }

 private:
  /// Eight bytes, since a bridge remembers a hundred and more of them for each receiver.
  struct Entry {
    uint32_t sent_us = 0;    // low bits of the time it was sent: kAge is far below an hour
    uint32_t size : 11 = 0;  // bytes, kMaxPacket at most
    uint32_t probe : 19 = 0;
    uint32_t reported : 1 = 0;
    uint32_t received : 1 = 0;
  };
  static Instant sent(const Entry& entry, Instant now) {
    const auto now_us = static_cast<uint32_t>(now.since_start().us());
    return Instant::at(Duration::microseconds(now.since_start().us() - static_cast<uint32_t>(now_us - entry.sent_us)));
  }
  Entry& at(int64_t sequence) { return ring_[static_cast<size_t>(sequence) & (ring_.size() - 1)]; }
  bool may_forget_front(Instant now);
  void forget_front();

  std::vector<Entry> ring_;  // power of two
  int64_t next_ = 1;         // extended sequence of the next packet
  int64_t first_ = 1;        // the oldest that is known
  bool heard_ = false;
  DataSize in_flight_;
  Duration feedback_round_trip_;
};

}  // namespace tacoma
