// The receiving end of transport-wide congestion control: notes when each transport sequence number arrived and reports it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/time.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"
#include "core/rtp/sequence.h"

namespace tacoma {

/// One per transport (all streams of a peer share the numbers).
class TwccRecorder {
 public:
  static constexpr Duration kInterval = Duration::milliseconds(100);
  /// Sequence numbers that wait for a report at most; reaching it brings the report forward, beyond it the oldest go.
  static constexpr size_t kLimit = 1024;

  void on_packet(uint16_t transport_sequence, Instant arrived);
  /// never() while nothing is to be reported.
  Instant deadline() const { return deadline_; }
  /// Appends one feedback packet about everything recorded so far, or about as much as fits; call again until false. The
  /// packets that it reports are forgotten, missing ones before them are reported once as not received.
  bool build(Ssrc sender, Ssrc media, RtcpWriter& out);
  /// Arms the next report after build() returned false at `now`.
  void reported(Instant now) { last_report_ = now; deadline_ = Instant::never(); }
  uint64_t overflowed() const { return overflowed_; }

 private:
  static constexpr size_t kUsual = 16;  // of an interval: room for it from the start; who receives more grows
  /// When a packet arrived, in four bytes, since thousands of peers keep a hundred of them each: the low bits of its time in microseconds (feedback tells
  /// multiples of 250, and what waits for a report is younger than an hour); kMissing: it has not.
  using Arrival = uint32_t;
  static constexpr Arrival kMissing = 0;
  static Arrival arrival_of(Instant at) { return std::max(Arrival{1}, static_cast<Arrival>(at.since_start().us())); }
  Duration since_start(Arrival arrival) const {
    return Duration::microseconds(newest_.since_start().us() - static_cast<uint32_t>(arrival_of(newest_) - arrival));
  }
  SequenceUnwrapper sequences_;
  int64_t base_ = 0;                 // sequence of arrivals_[0]
  bool started_ = false;
  std::vector<Arrival> arrivals_;
  Instant newest_;                   // arrival of all that came
  Instant deadline_ = Instant::never();
  Instant last_report_;
  uint8_t feedback_count_ = 0;
  uint64_t overflowed_ = 0;
};

}  // namespace tacoma
