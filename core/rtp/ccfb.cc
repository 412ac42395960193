#include "core/rtp/ccfb.h"

namespace tacoma {

namespace {

constexpr uint16_t kTooOld = 0x1ffe, kUnknownTime = 0x1fff;  // of 13 bits (section 3.1)

Duration age_of(uint16_t offset) {
  if (offset == kUnknownTime) return Duration::zero();
  return Duration::nanoseconds(int64_t{offset} * 1'000'000'000 / 1024);
}

uint16_t offset_of(Duration age) {
  if (age < Duration::zero()) return kUnknownTime;
  const int64_t units = age >= CcfbStatus::kLongest ? kTooOld : (age.ns() * 1024 + 500'000'000) / 1'000'000'000;
  return static_cast<uint16_t>(units < kTooOld ? units : kTooOld);
}

}  // namespace

std::optional<CcfbReport> parse_ccfb(const RtcpPacket& packet, std::vector<CcfbStatus>& statuses) {
  statuses.clear();
  if (packet.body.size() < 8) return std::nullopt;
  CcfbReport report;
  report.sender = Ssrc(load_u32(packet.body.data()));
  report.time = load_u32(packet.body.data() + packet.body.size() - 4);
  ByteReader r(packet.body.subspan(4, packet.body.size() - 8));
  while (r.remaining() > 0) {
    const Ssrc ssrc(r.u32());
    const uint16_t first = r.u16(), count = r.u16();
    if (!r.ok() || count > kMaxCcfbPackets || statuses.size() + count > kMaxCcfbStatuses) return std::nullopt;
    const BytesView metrics = r.bytes(4 * ((size_t{count} + 1) / 2));  // an odd one is filled up
    if (!r.ok()) return std::nullopt;
    for (uint16_t i = 0; i < count; ++i) {
      const uint16_t metric = load_u16(metrics.data() + 2 * i);
      CcfbStatus status{ssrc, static_cast<uint16_t>(first + i), (metric & 0x8000) != 0, Ecn::not_ect, Duration::zero()};
      // Of a packet that did not come the rest is to be ignored.
      if (status.received) {
        status.ecn = static_cast<Ecn>(metric >> 13 & 3);
        status.age = age_of(metric & 0x1fff);
      }
      statuses.push_back(status);
    }
  }
  return report;
}

bool write_ccfb(RtcpWriter& out, const CcfbReport& report, Span<const CcfbBlock> blocks, Span<const CcfbStatus> packets) {
  size_t size = kCcfbOverhead, held = 0;
  for (const CcfbBlock& block : blocks) {
    if (block.count > kMaxCcfbPackets) return false;
    size += ccfb_block_size(block.count);
    held += block.count;
  }
  if (size > 4u * 0x10000) return false;
  TACOMA_ASSERT(held == packets.size());
  uint8_t* p = out.begin(RtcpType::transport_feedback, kFormatCcfb, size);
  if (!p) return false;
  ByteWriter w(MutableBytes(p, size - 4));
  w.u32(report.sender.value());
  size_t next = 0;
  for (const CcfbBlock& block : blocks) {
    w.u32(block.ssrc.value());
    w.u16(block.first);
    w.u16(block.count);
    for (uint16_t i = 0; i < block.count; ++i) {
      const CcfbStatus& packet = packets[next++];
      w.u16(packet.received ? static_cast<uint16_t>(0x8000 | static_cast<unsigned>(packet.ecn) << 13 | offset_of(packet.age)) : uint16_t{0});
    }
    if (block.count % 2 != 0) w.u16(0);
  }
  w.u32(report.time);
  TACOMA_ASSERT(w.ok() && w.written() == size - 4);
  return true;
}

}  // namespace tacoma
