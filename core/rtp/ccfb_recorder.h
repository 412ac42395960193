// The receiving end of RFC 8888: notes when each packet of each stream came and with which codepoint, and reports it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/flat_map.h"
#include "core/base/time.h"
#include "core/rtp/ccfb.h"
#include "core/rtp/sequence.h"

namespace tacoma {

/// One per transport. Reports of one stream join without gaps; what comes late, after it was reported missing, is reported again with all
/// that came after it (section 3.1). Of a packet that came twice the first arrival counts, and CE of either.
class CcfbRecorder {
 public:
  static constexpr Duration kInterval = Duration::milliseconds(100);
  static constexpr size_t kMostStreams = 512;  // further ones are not reported
  static constexpr size_t kMostWaiting = 1024; // packets of a stream; reaching it brings the report forward, beyond it the oldest go
  static constexpr size_t kKept = 64;          // that have been reported and may be once more

  void on_packet(Ssrc ssrc, uint16_t sequence, Instant arrived, Ecn ecn);
  /// never() while nothing is to be reported.
  Instant deadline() const { return deadline_; }
  /// Appends one message about everything new, or about as much as fits; call again until false.
  bool build(Instant now, Ssrc sender, RtcpWriter& out);
  /// Arms the next report after build() returned false at `now`.
  void reported(Instant now) { last_report_ = now; deadline_ = Instant::never(); }
  /// Packets that will not be reported for a limit.
  uint64_t overflowed() const { return overflowed_; }

 private:
  struct Arrival {
    Instant at = Instant::never();
    Ecn ecn = Ecn::not_ect;
  };
  struct Stream {
    Ssrc ssrc;
    SequenceUnwrapper sequences;
    int64_t base = 0;              // sequence of arrivals[0]
    size_t reported = 0;           // how many of arrivals have been
    std::vector<Arrival> arrivals;
  };
  Stream* stream_of(Ssrc ssrc, uint16_t sequence);
  void forget(Stream& stream, size_t count);

  FlatMap<Ssrc, uint32_t> index_;
  std::vector<Stream> streams_;    // in order of appearance
  std::vector<CcfbBlock> blocks_;  // scratch
  std::vector<CcfbStatus> packets_;
  size_t first_ = 0;               // the stream that the next message begins with
  Instant deadline_ = Instant::never(), last_report_;
  uint64_t overflowed_ = 0;
};

}  // namespace tacoma
