// ECN at one sending end (RFC 6679): which packet a report of RFC 8888 means, and whether the path lets codepoints through.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/flat_map.h"
#include "core/rtp/ccfb.h"

namespace tacoma {

/// Reports name streams and their numbers; the history of what was sent goes by transport-wide numbers. A path is given up for ECN when
/// packets arrive without the codepoint that they were sent with, or when none arrives at all (section 7.2.1, in short).
class EcnPath {
 public:
  static constexpr size_t kMostStreams = 512;                // of further ones reports are unknown
  static constexpr size_t kFirstRing = 256, kLargestRing = 4096;  // packets of a stream that are remembered
  static constexpr uint32_t kBleached = 10;                  // that arrived bare, one after the other
  static constexpr Duration kSilence = Duration::seconds(3); // since the first packet, and none is known to have arrived

  /// The packet got this transport-wide number; of those so many are still remembered.
  void on_sent(Instant now, Ssrc ssrc, uint16_t sequence, uint16_t transport, size_t remembered);
  /// Reads a report: joined() is what it says in transport-wide numbers. Returns how many of its packets are not known.
  uint64_t read(const CcfbReport& report, Span<const CcfbStatus> statuses);
  Span<const TransportStatus> joined() const { return joined_; }

  Ecn codepoint() const { return failed_ ? Ecn::not_ect : Ecn::ect0; }
  bool take_failure() {
    const bool news = failed_ && !told_;
    told_ = failed_;
    return news;
  }

 private:
  struct Entry {
    uint16_t sequence = 0, transport = 0;
    bool used = false;
  };
  using Ring = std::vector<Entry>;  // a power of two, by sequence
  const Entry* find(const CcfbStatus& status);
  void advance_clock(uint32_t time);

  FlatMap<Ssrc, Ring> streams_;
  std::vector<TransportStatus> joined_;
  Duration clock_;                  // the receiver's, from a zero of ours
  uint32_t last_time_ = 0;
  Instant first_sent_ = Instant::never();
  uint32_t bare_ = 0;               // arrivals without codepoint since the last with one
  bool started_ = false, heard_ = false, failed_ = false, told_ = false;
};

}  // namespace tacoma
