// What a receiver knows of one RTP stream: RFC 3550 sections 6.4.1, A.3 and A.8.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/sequence.h"

namespace tacoma {

/// Feed it packets that came first hand (not retransmissions, not duplicates). There is no probation: the stream was
/// signalled and its packets are authenticated.
class Reception {
 public:
  explicit Reception(uint32_t clock_rate) : clock_rate_(clock_rate) {}

  void on_packet(uint16_t sequence, uint32_t timestamp, Instant arrived);
  /// An SR of the stream's sender, for LSR and DLSR of the next report.
  void on_sender_report(uint64_t ntp, Instant arrived) { last_sr_ = compact_ntp(ntp); sr_arrived_ = arrived; }

  bool started() const { return sequences_.started(); }
  /// By sequence numbers, from the first packet to the highest.
  uint64_t expected() const { return started() ? static_cast<uint64_t>(sequences_.newest() - first_ + 1) : 0; }
  uint64_t received() const { return received_; }
  /// May be negative when duplicates were fed.
  int64_t lost() const { return static_cast<int64_t>(expected()) - static_cast<int64_t>(received_); }
  Duration jitter() const;
  /// The block for the next RR; the fraction covers the time since the last call.
  ReportBlock report(Ssrc ssrc, Instant now);

 private:
  uint32_t clock_rate_;
  SequenceUnwrapper sequences_;
  int64_t first_ = 0;
  uint64_t received_ = 0;
  uint64_t expected_before_ = 0, received_before_ = 0;
  uint32_t last_transit_ = 0;
  uint32_t jitter_q4_ = 0;  // timestamp units, four fraction bits as in A.8
  uint32_t last_sr_ = 0;
  Instant sr_arrived_;
};

}  // namespace tacoma
