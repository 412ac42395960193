// RTCP congestion control feedback (RFC 8888): for each packet of each stream whether it came, when, and with which ECN codepoint.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/ecn.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"

namespace tacoma {

inline constexpr uint8_t kFormatCcfb = 11;  // of RTPFB
/// Packets in one block (section 3.1), and in all blocks of one message that we accept.
inline constexpr size_t kMaxCcfbPackets = 16'384;
inline constexpr size_t kMaxCcfbStatuses = 8192;

/// What a message says besides the packets.
struct CcfbReport {
  Ssrc sender;
  uint32_t time = 0;  // when it was made, on the receiver's clock: the middle 32 bits of NTP, 1/65536 s
};

/// One packet. `age`: how long before the report it arrived, to 1/1024 s, at most kLongest; zero where the receiver cannot tell.
struct CcfbStatus {
  static constexpr Duration kLongest = Duration::nanoseconds(int64_t{0x1ffe} * 1'000'000'000 / 1024);
  Ssrc ssrc;
  uint16_t sequence = 0;
  bool received = false;
  Ecn ecn = Ecn::not_ect;  // as it arrived
  Duration age;
};

/// Appends one status a packet to `statuses` (cleared first), in the order of the wire. nullopt when malformed: blocks that overrun the
/// message or each other, more packets than the limits.
std::optional<CcfbReport> parse_ccfb(const RtcpPacket& packet, std::vector<CcfbStatus>& statuses);

/// A block is `count` packets of one stream from `first` on; `packets` holds those of all blocks, one after the other.
struct CcfbBlock {
  Ssrc ssrc;
  uint16_t first = 0;
  uint16_t count = 0;
};
constexpr size_t ccfb_block_size(size_t count) { return 8 + 4 * ((count + 1) / 2); }
inline constexpr size_t kCcfbOverhead = 12;  // header, sender and report time

/// Appends one message, or nothing where it does not fit or a block has too many packets. `packets` tells received, ecn and age.
bool write_ccfb(RtcpWriter& out, const CcfbReport& report, Span<const CcfbBlock> blocks, Span<const CcfbStatus> packets);

}  // namespace tacoma
