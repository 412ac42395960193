// RTCP (RFC 3550 section 6, RFC 4585, RFC 5104, RFC 5506 reduced size, REMB, transport-wide feedback): iterate a
// validated compound, read each packet's fields from its bytes. Writing is in rtcp_writer.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ecn.h"
#include "core/base/id.h"
#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma {

enum class RtcpType : uint8_t {
  sender_report = 200,
  receiver_report = 201,
  source_description = 202,
  bye = 203,
  application = 204,         // known, not used
  transport_feedback = 205,  // RTPFB: format 1 NACK, 11 RFC 8888 (ccfb.h), 15 transport-wide
  payload_feedback = 206,    // PSFB: format 1 PLI, 4 FIR, 15 REMB
  extended_report = 207,     // known, not used
};
inline constexpr uint8_t kFormatNack = 1;
inline constexpr uint8_t kFormatTransportCc = 15;
inline constexpr uint8_t kFormatPli = 1;
inline constexpr uint8_t kFormatFir = 4;
inline constexpr uint8_t kFormatRemb = 15;
inline constexpr size_t kMaxReportBlocks = 31;   // five bits (RFC 3550 section 6.4.1)
inline constexpr size_t kMaxCompoundPackets = 64;
/// Statuses in one transport-wide feedback that we accept: 8 s at 1,000 packets a second.
inline constexpr size_t kMaxTransportStatuses = 8192;

/// RFC 5761 section 4: on a multiplexed port the second byte tells RTCP (packet types 192..223) from RTP.
inline bool is_rtcp(BytesView packet) { return packet.size() >= 2 && packet.data()[1] >= 192 && packet.data()[1] <= 223; }

/// One packet of a compound; views into it.
struct RtcpPacket {
  RtcpType type = RtcpType::sender_report;  // may hold a value that is not named above: skip it
  uint8_t count = 0;   // report count, source count or feedback format
  BytesView body;      // after the four header bytes, without padding
  BytesView whole;
};

/// Walks a compound or reduced-size packet. The chain of lengths, versions and padding is checked as a whole first (RFC
/// 3550 A.2 without the rule that a report comes first, RFC 5506): a bad one yields nothing.
class RtcpReader {
 public:
  explicit RtcpReader(BytesView compound);
  bool ok() const { return ok_; }
  bool next(RtcpPacket& packet);

 private:
  BytesView rest_;
  bool ok_ = false;
};

struct ReportBlock {
  Ssrc ssrc;
  uint8_t fraction_lost = 0;      // of 256
  int32_t lost = 0;               // 24 bits, signed
  uint32_t highest_sequence = 0;  // extended
  uint32_t jitter = 0;            // timestamp units
  uint32_t last_sr = 0;           // middle 32 bits of NTP; 0: none
  uint32_t delay_since_last_sr = 0;  // 1/65536 s
};

/// The report blocks of an SR or RR, read one at a time.
class ReportBlocks {
 public:
  ReportBlocks() = default;
  explicit ReportBlocks(BytesView bytes) : bytes_(bytes) {}
  size_t size() const { return bytes_.size() / 24; }
  ReportBlock operator[](size_t i) const;

 private:
  BytesView bytes_;
};

/// Sender info of RFC 3550 section 6.4.1.
struct SenderInfo {
  uint64_t ntp = 0;
  uint32_t rtp_timestamp = 0;
  uint32_t packets = 0, bytes = 0;
};
struct SenderReport {
  Ssrc sender;
  SenderInfo info;
  ReportBlocks blocks;
};
struct ReceiverReport {
  Ssrc sender;
  ReportBlocks blocks;
};
std::optional<SenderReport> parse_sender_report(const RtcpPacket& packet);
std::optional<ReceiverReport> parse_receiver_report(const RtcpPacket& packet);

/// The first chunk's source and its CNAME; nullopt when malformed or without CNAME.
struct SourceDescription {
  Ssrc ssrc;
  std::string_view cname;
};
std::optional<SourceDescription> parse_source_description(const RtcpPacket& packet);

/// The sources of a BYE; the reason text is ignored.
class SsrcList {
 public:
  SsrcList() = default;
  explicit SsrcList(BytesView bytes) : bytes_(bytes) {}
  size_t size() const { return bytes_.size() / 4; }
  Ssrc operator[](size_t i) const { TACOMA_ASSERT(i < size()); return Ssrc(load_u32(bytes_.data() + 4 * i)); }

 private:
  BytesView bytes_;
};
std::optional<SsrcList> parse_bye(const RtcpPacket& packet);

/// Generic NACK (RFC 4585 section 6.2.1).
class Nack {
 public:
  Ssrc sender, media;
  BytesView entries;  // of 4 bytes: PID and BLP
  /// Calls visit(uint16_t sequence) for each missing packet in the order of the wire.
  template <typename Visit>
  void each(Visit visit) const {
    for (size_t i = 0; i + 4 <= entries.size(); i += 4) {
      const uint16_t first = load_u16(entries.data() + i);
      const uint16_t mask = load_u16(entries.data() + i + 2);
      visit(first);
      for (int k = 0; k < 16; ++k)
        if (mask & (1 << k)) visit(static_cast<uint16_t>(first + 1 + k));
    }
  }
};
std::optional<Nack> parse_nack(const RtcpPacket& packet);

struct Pli {
  Ssrc sender, media;
};
std::optional<Pli> parse_pli(const RtcpPacket& packet);

/// Full intra requests (RFC 5104 section 4.3.1), one per media source.
struct FirEntry {
  Ssrc media;
  uint8_t command = 0;  // sequence number: a repeat has the same
};
class Fir {
 public:
  Ssrc sender;
  BytesView entries;  // of 8 bytes
  size_t size() const { return entries.size() / 8; }
  FirEntry operator[](size_t i) const {
    TACOMA_ASSERT(i < size());
    return {Ssrc(load_u32(entries.data() + 8 * i)), entries.data()[8 * i + 4]};
  }
};
std::optional<Fir> parse_fir(const RtcpPacket& packet);

/// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03).
struct Remb {
  Ssrc sender;
  DataRate rate;
  SsrcList sources;
};
std::optional<Remb> parse_remb(const RtcpPacket& packet);

/// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
struct TransportFeedback {
  Ssrc sender, media;
  uint16_t base_sequence = 0;
  int32_t reference_time = 0;  // 24 bits, signed, in multiples of 64 ms
  uint8_t feedback_count = 0;
};
/// One reported packet. `arrival` is on the receiver's clock, from zero of its reference time, to 250 us.
struct TransportStatus {
  uint16_t sequence = 0;
  bool received = false;
  Duration arrival;
  Ecn ecn = Ecn::not_ect;  // as it arrived, where the feedback tells (RFC 8888)
};
/// Appends one status a sequence number to `statuses` (cleared first; kept by the caller so that it does not allocate
/// each time). All chunk kinds. nullopt when malformed or more than kMaxTransportStatuses.
std::optional<TransportFeedback> parse_transport_feedback(const RtcpPacket& packet, std::vector<TransportStatus>& statuses);

/// The middle 32 bits of an NTP time, as LSR holds it.
constexpr uint32_t compact_ntp(uint64_t ntp) { return static_cast<uint32_t>(ntp >> 16); }
/// Round trip from a report block about one's own stream (RFC 3550 section 6.4.1); nullopt when it holds no last SR or
/// gives a negative time.
std::optional<Duration> round_trip(const ReportBlock& block, Instant now);

}  // namespace tacoma
