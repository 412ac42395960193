#include "core/rtp/rtcp.h"

namespace tacoma {

namespace {
constexpr size_t kHeader = 4;
constexpr Duration kDeltaUnit = Duration::microseconds(250);
constexpr int64_t kTicksPerReference = 256;  // 64 ms

/// Size of the packet at the front, or 0 when it is malformed there.
size_t packet_size(BytesView rest) {
  if (rest.size() < kHeader || (rest.data()[0] >> 6) != 2) return 0;
  const size_t size = 4u * (load_u16(rest.data() + 2) + 1u);
  if (size > rest.size()) return 0;
  if (rest.data()[0] & 0x20) {
    // A padding count of zero or beyond the body would be a trap for whoever trusts it.
    const uint8_t padding = rest.data()[size - 1];
    if (size == kHeader || padding == 0 || padding > size - kHeader) return 0;
  }
  return size;
}
}  // namespace

RtcpReader::RtcpReader(BytesView compound) {
  size_t at = 0;
  for (size_t packets = 0; at < compound.size(); ++packets) {
    const size_t size = packets < kMaxCompoundPackets ? packet_size(compound.subspan(at)) : 0;
    if (size == 0) return;
    at += size;
  }
  if (at == 0) return;
  rest_ = compound;
  ok_ = true;
}

bool RtcpReader::next(RtcpPacket& packet) {
  if (rest_.empty()) return false;
  const uint8_t* p = rest_.data();
  const size_t size = packet_size(rest_);
  packet.type = static_cast<RtcpType>(p[1]);
  packet.count = p[0] & 0x1f;
  packet.whole = rest_.subspan(0, size);
  const size_t padding = (p[0] & 0x20) ? p[size - 1] : 0;
  packet.body = rest_.subspan(kHeader, size - kHeader - padding);
  rest_ = rest_.subspan(size);
  return true;
}

ReportBlock ReportBlocks::operator[](size_t i) const {
  TACOMA_ASSERT(i < size());
  const uint8_t* p = bytes_.data() + 24 * i;
  ReportBlock b;
  b.ssrc = Ssrc(load_u32(p));
  b.fraction_lost = p[4];
  b.lost = static_cast<int32_t>(load_u24(p + 5) << 8) >> 8;
  b.highest_sequence = load_u32(p + 8);
  b.jitter = load_u32(p + 12);
  b.last_sr = load_u32(p + 16);
  b.delay_since_last_sr = load_u32(p + 20);
  return b;
}

std::optional<SenderReport> parse_sender_report(const RtcpPacket& packet) {
  ByteReader r(packet.body);
  SenderReport report;
  report.sender = Ssrc(r.u32());
  report.info.ntp = r.u64();
  report.info.rtp_timestamp = r.u32();
  report.info.packets = r.u32();
  report.info.bytes = r.u32();
  report.blocks = ReportBlocks(r.bytes(24u * packet.count));
  if (!r.ok()) return std::nullopt;
  return report;
}

std::optional<ReceiverReport> parse_receiver_report(const RtcpPacket& packet) {
  ByteReader r(packet.body);
  ReceiverReport report;
  report.sender = Ssrc(r.u32());
  report.blocks = ReportBlocks(r.bytes(24u * packet.count));
  if (!r.ok()) return std::nullopt;
  return report;
}

std::optional<SourceDescription> parse_source_description(const RtcpPacket& packet) {
  if (packet.count == 0) return std::nullopt;
  constexpr uint8_t kEnd = 0, kCname = 1;
  ByteReader r(packet.body);
  SourceDescription description;
  description.ssrc = Ssrc(r.u32());
  while (r.ok()) {
    const uint8_t item = r.u8();
    if (item == kEnd) return std::nullopt;
    const BytesView text = r.bytes(r.u8());
    if (!r.ok()) return std::nullopt;
    if (item == kCname) {
      description.cname = as_text(text);
      return description;
    }
  }
  return std::nullopt;
}

std::optional<SsrcList> parse_bye(const RtcpPacket& packet) {
  if (packet.body.size() < 4u * packet.count) return std::nullopt;
  return SsrcList(packet.body.subspan(0, 4u * packet.count));
}

std::optional<Nack> parse_nack(const RtcpPacket& packet) {
  if (packet.body.size() < 12 || packet.body.size() % 4 != 0) return std::nullopt;
  Nack nack;
  nack.sender = Ssrc(load_u32(packet.body.data()));
  nack.media = Ssrc(load_u32(packet.body.data() + 4));
  nack.entries = packet.body.subspan(8);
  return nack;
}

std::optional<Pli> parse_pli(const RtcpPacket& packet) {
  if (packet.body.size() < 8) return std::nullopt;
  return Pli{Ssrc(load_u32(packet.body.data())), Ssrc(load_u32(packet.body.data() + 4))};
}

std::optional<Fir> parse_fir(const RtcpPacket& packet) {
  // The media source of the header is unused (RFC 5104 section 4.3.1.2): the entries name theirs.
  if (packet.body.size() < 16 || packet.body.size() % 8 != 0) return std::nullopt;
  Fir fir;
  fir.sender = Ssrc(load_u32(packet.body.data()));
  fir.entries = packet.body.subspan(8);
  return fir;
}

std::optional<Remb> parse_remb(const RtcpPacket& packet) {
  ByteReader r(packet.body);
  Remb remb;
  remb.sender = Ssrc(r.u32());
  r.skip(4);
  const uint32_t name = r.u32();
  const uint8_t sources = r.u8();
  const uint32_t rate = r.u24();
  const BytesView list = r.bytes(4u * sources);
  if (!r.ok() || name != 0x52454d42 /* "REMB" */) return std::nullopt;
  const uint32_t exponent = rate >> 18;
  const uint64_t mantissa = rate & 0x3ffff;
  // Beyond what a signed 64-bit rate holds there is nothing left to limit.
  remb.rate = exponent > 45 ? DataRate::infinite() : DataRate::bps(static_cast<int64_t>(mantissa << exponent));
  remb.sources = SsrcList(list);
  return remb;
}

namespace {
enum Symbol : uint8_t { kMissing = 0, kSmallDelta = 1, kLargeDelta = 2 };

/// A status holds its symbol in `arrival` until the deltas are read.
void push(std::vector<TransportStatus>& statuses, uint16_t base, uint32_t symbol) {
  statuses.push_back({static_cast<uint16_t>(base + statuses.size()), symbol != kMissing, Duration::nanoseconds(symbol)});
}

/// Appends the statuses of one chunk, at most up to `total`. False for the reserved symbol and for an empty run.
bool read_chunk(uint16_t chunk, size_t total, uint16_t base, std::vector<TransportStatus>& statuses) {
  if ((chunk & 0x8000) == 0) {  // run length: one symbol, 13 bits of count
    const uint32_t symbol = (chunk >> 13) & 3;
    if (symbol > kLargeDelta) return false;
    for (uint32_t left = chunk & 0x1fff; left > 0 && statuses.size() < total; --left) push(statuses, base, symbol);
    return (chunk & 0x1fff) != 0;
  }
  if ((chunk & 0x4000) == 0) {  // vector of 14 one-bit symbols
    for (int bit = 13; bit >= 0 && statuses.size() < total; --bit) push(statuses, base, (chunk >> bit) & 1);
    return true;
  }
  for (int shift = 12; shift >= 0 && statuses.size() < total; shift -= 2) {  // vector of 7 two-bit symbols
    const uint32_t symbol = (chunk >> shift) & 3;
    if (symbol > kLargeDelta) return false;
    push(statuses, base, symbol);
  }
  return true;
}
}  // namespace

std::optional<TransportFeedback> parse_transport_feedback(const RtcpPacket& packet, std::vector<TransportStatus>& statuses) {
  statuses.clear();
  ByteReader r(packet.body);
  TransportFeedback feedback;
  feedback.sender = Ssrc(r.u32());
  feedback.media = Ssrc(r.u32());
  feedback.base_sequence = r.u16();
  const size_t total = r.u16();
  feedback.reference_time = static_cast<int32_t>(r.u24() << 8) >> 8;
  feedback.feedback_count = r.u8();
  if (!r.ok() || total == 0 || total > kMaxTransportStatuses) return std::nullopt;
  while (statuses.size() < total) {
    const uint16_t chunk = r.u16();
    if (!r.ok() || !read_chunk(chunk, total, feedback.base_sequence, statuses)) return std::nullopt;
  }
  int64_t ticks = int64_t{feedback.reference_time} * kTicksPerReference;
  for (TransportStatus& status : statuses) {
    if (!status.received) continue;
    ticks += status.arrival.ns() == kSmallDelta ? r.u8() : static_cast<int16_t>(r.u16());
    status.arrival = kDeltaUnit * ticks;
  }
  if (!r.ok()) return std::nullopt;
  return feedback;
}

std::optional<Duration> round_trip(const ReportBlock& block, Instant now) {
  if (block.last_sr == 0) return std::nullopt;
  const int32_t units = static_cast<int32_t>(compact_ntp(to_ntp(now)) - block.last_sr - block.delay_since_last_sr);
  if (units < 0) return std::nullopt;
  return Duration::nanoseconds(static_cast<int64_t>(units) * 1'000'000'000 / 65536);
}

}  // namespace tacoma
