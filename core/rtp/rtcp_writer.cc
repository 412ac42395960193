#include "core/rtp/rtcp_writer.h"

#include <cstring>

namespace tacoma {

namespace {
constexpr int64_t kTickNs = 250'000;
constexpr int64_t kTicksPerReference = 256;

void write_block(ByteWriter& w, const ReportBlock& b) {
  w.u32(b.ssrc.value());
  w.u8(b.fraction_lost);
  w.u24(static_cast<uint32_t>(b.lost) & 0xffffff);
  w.u32(b.highest_sequence);
  w.u32(b.jitter);
  w.u32(b.last_sr);
  w.u32(b.delay_since_last_sr);
}

enum Symbol : uint8_t { kMissing = 0, kSmallDelta = 1, kLargeDelta = 2, kImpossible = 3 };

/// Walks the statuses in order and gives each one's symbol and delta.
class DeltaWalk {
 public:
  explicit DeltaWalk(int32_t reference_time) : ticks_(int64_t{reference_time} * kTicksPerReference) {}
  Symbol step(const TransportStatus& status) {
    delta_ = 0;
    if (!status.received) return kMissing;
    const int64_t ticks = status.arrival.ns() / kTickNs;
    delta_ = ticks - ticks_;
    ticks_ = ticks;
    if (delta_ >= 0 && delta_ <= 255) return kSmallDelta;
    return delta_ >= -32768 && delta_ <= 32767 ? kLargeDelta : kImpossible;
  }
  int64_t delta() const { return delta_; }

 private:
  int64_t ticks_;
  int64_t delta_ = 0;
};

/// Cuts the symbols into chunks, greedily: a run where one covers as much as a vector would, else one-bit symbols where
/// they do, else two-bit symbols. Symbols are asked for in order and looked at up to 14 ahead.
class ChunkCutter {
 public:
  template <typename Emit>
  void add(uint8_t symbol, Emit emit) {
    symbols_[count_++] = symbol;
    if (run_ > 0) {
      if (symbol == symbols_[0] && run_ < 0x1fff) { ++run_; count_ = 1; return; }
      emit(run_chunk());
      symbols_[0] = symbol;
      count_ = 1;
      run_ = 0;
      return;
    }
    if (count_ == 14) cut(emit);
  }
  template <typename Emit>
  void finish(Emit emit) {
    if (run_ > 0) { emit(run_chunk()); return; }
    while (count_ > 0) cut(emit);
  }

 private:
  uint16_t run_chunk() const { return static_cast<uint16_t>(symbols_[0] << 13 | run_); }
  template <typename Emit>
  void cut(Emit emit) {
    bool same = true, one_bit = true;
    for (int i = 0; i < count_; ++i) {
      same = same && symbols_[i] == symbols_[0];
      one_bit = one_bit && symbols_[i] <= kSmallDelta;
    }
    if (same) {
      run_ = count_;
      if (count_ < 14) { emit(run_chunk()); count_ = 0; run_ = 0; } else { count_ = 1; }
      return;
    }
    uint32_t chunk = one_bit ? 0x8000 : 0xc000;
    const int taken = one_bit ? count_ : (count_ < 7 ? count_ : 7);
    for (int i = 0; i < taken; ++i)
      chunk |= one_bit ? uint32_t{symbols_[i]} << (13 - i) : uint32_t{symbols_[i]} << (12 - 2 * i);
    emit(static_cast<uint16_t>(chunk));
    count_ -= taken;
    std::memmove(symbols_, symbols_ + taken, static_cast<size_t>(count_));
  }
  uint8_t symbols_[15] = {};
  int count_ = 0;
  int run_ = 0;  // length of the open run of symbols_[0]; 0: none
};
}  // namespace

uint8_t* RtcpWriter::begin(RtcpType type, uint8_t count, size_t size) {
  if (size > out_.size() - size_) return nullptr;
  uint8_t* p = out_.data() + size_;
  p[0] = static_cast<uint8_t>(0x80 | count);
  p[1] = static_cast<uint8_t>(type);
  store_u16(p + 2, static_cast<uint16_t>(size / 4 - 1));
  size_ += size;
  return p + 4;
}

bool RtcpWriter::sender_report(Ssrc sender, const SenderInfo& info, Span<const ReportBlock> blocks) {
  if (blocks.size() > kMaxReportBlocks) return false;
  const size_t size = 28 + 24 * blocks.size();
  uint8_t* p = begin(RtcpType::sender_report, static_cast<uint8_t>(blocks.size()), size);
  if (!p) return false;
  ByteWriter w(MutableBytes(p, size - 4));
  w.u32(sender.value());
  w.u64(info.ntp);
  w.u32(info.rtp_timestamp);
  w.u32(info.packets);
  w.u32(info.bytes);
  for (const ReportBlock& b : blocks) write_block(w, b);
  return true;
}

bool RtcpWriter::receiver_report(Ssrc sender, Span<const ReportBlock> blocks) {
  if (blocks.size() > kMaxReportBlocks) return false;
  const size_t size = 8 + 24 * blocks.size();
  uint8_t* p = begin(RtcpType::receiver_report, static_cast<uint8_t>(blocks.size()), size);
  if (!p) return false;
  ByteWriter w(MutableBytes(p, size - 4));
  w.u32(sender.value());
  for (const ReportBlock& b : blocks) write_block(w, b);
  return true;
}

bool RtcpWriter::source_description(Ssrc ssrc, std::string_view cname) {
  if (cname.size() > 255) return false;
  // Items end with at least one zero byte and are padded with zeros to a word (RFC 3550 section 6.5).
  const size_t chunk = (4 + 2 + cname.size() + 1 + 3) / 4 * 4;
  uint8_t* p = begin(RtcpType::source_description, 1, 4 + chunk);
  if (!p) return false;
  ByteWriter w(MutableBytes(p, chunk));
  w.u32(ssrc.value());
  w.u8(1);
  w.u8(static_cast<uint8_t>(cname.size()));
  w.bytes(as_bytes(cname));
  w.zeros(chunk - w.written());
  return true;
}

bool RtcpWriter::bye(Span<const Ssrc> sources) {
  if (sources.size() > 31) return false;
  uint8_t* p = begin(RtcpType::bye, static_cast<uint8_t>(sources.size()), 4 + 4 * sources.size());
  if (!p) return false;
  for (Ssrc s : sources) { store_u32(p, s.value()); p += 4; }
  return true;
}

bool RtcpWriter::nack(Ssrc sender, Ssrc media, Span<const uint16_t> sequences) {
  if (sequences.empty()) return false;
  const auto within = [](uint16_t first, uint16_t s) { return static_cast<uint16_t>(s - first) <= 16; };
  size_t entries = 0;
  for (size_t i = 0; i < sequences.size(); ++entries) {
    const uint16_t first = sequences[i];
    while (i < sequences.size() && within(first, sequences[i])) ++i;
  }
  uint8_t* p = begin(RtcpType::transport_feedback, kFormatNack, 12 + 4 * entries);
  if (!p) return false;
  store_u32(p, sender.value());
  store_u32(p + 4, media.value());
  p += 8;
  for (size_t i = 0; i < sequences.size(); p += 4) {
    const uint16_t first = sequences[i++];
    uint16_t mask = 0;
    for (; i < sequences.size() && within(first, sequences[i]); ++i) {
      const uint16_t behind = static_cast<uint16_t>(sequences[i] - first);
      if (behind > 0) mask = static_cast<uint16_t>(mask | 1u << (behind - 1));
    }
    store_u16(p, first);
    store_u16(p + 2, mask);
  }
  return true;
}

bool RtcpWriter::pli(Ssrc sender, Ssrc media) {
  uint8_t* p = begin(RtcpType::payload_feedback, kFormatPli, 12);
  if (!p) return false;
  store_u32(p, sender.value());
  store_u32(p + 4, media.value());
  return true;
}

bool RtcpWriter::fir(Ssrc sender, Span<const FirEntry> entries) {
  if (entries.empty()) return false;
  uint8_t* p = begin(RtcpType::payload_feedback, kFormatFir, 12 + 8 * entries.size());
  if (!p) return false;
  store_u32(p, sender.value());
  store_u32(p + 4, 0);
  p += 8;
  for (const FirEntry& e : entries) {
    store_u32(p, e.media.value());
    store_u32(p + 4, uint32_t{e.command} << 24);
    p += 8;
  }
  return true;
}

bool RtcpWriter::remb(Ssrc sender, DataRate rate, Span<const Ssrc> sources) {
  if (sources.size() > 255 || rate.bps() < 0) return false;
  uint8_t* p = begin(RtcpType::payload_feedback, kFormatRemb, 20 + 4 * sources.size());
  if (!p) return false;
  uint64_t mantissa = static_cast<uint64_t>(rate.bps());
  uint32_t exponent = 0;
  for (; mantissa > 0x3ffff; mantissa >>= 1) ++exponent;
  ByteWriter w(MutableBytes(p, 16 + 4 * sources.size()));
  w.u32(sender.value());
  w.u32(0);
  w.u32(0x52454d42);  // "REMB"
  w.u8(static_cast<uint8_t>(sources.size()));
  w.u24(exponent << 18 | static_cast<uint32_t>(mantissa));
  for (Ssrc s : sources) w.u32(s.value());
  return true;
}

bool RtcpWriter::transport_feedback(const TransportFeedback& feedback, Span<const TransportStatus> statuses) {
  if (statuses.empty() || statuses.size() > kMaxTransportStatuses) return false;
  // First the sizes, so that nothing is written that does not fit.
  size_t chunks = 0, deltas = 0;
  {
    DeltaWalk walk(feedback.reference_time);
    ChunkCutter cutter;
    for (const TransportStatus& status : statuses) {
      const Symbol symbol = walk.step(status);
      if (symbol == kImpossible) return false;
      deltas += symbol;  // small takes one byte, large two
      cutter.add(symbol, [&](uint16_t) { ++chunks; });
    }
    cutter.finish([&](uint16_t) { ++chunks; });
  }
  const size_t used = 20 + 2 * chunks + deltas;
  const size_t size = (used + 3) / 4 * 4;
  uint8_t* p = begin(RtcpType::transport_feedback, kFormatTransportCc, size);
  if (!p) return false;
  ByteWriter w(MutableBytes(p, size - 4));
  w.u32(feedback.sender.value());
  w.u32(feedback.media.value());
  w.u16(feedback.base_sequence);
  w.u16(static_cast<uint16_t>(statuses.size()));
  w.u24(static_cast<uint32_t>(feedback.reference_time) & 0xffffff);
  w.u8(feedback.feedback_count);
  {
    DeltaWalk walk(feedback.reference_time);
    ChunkCutter cutter;
    for (const TransportStatus& status : statuses) cutter.add(walk.step(status), [&](uint16_t chunk) { w.u16(chunk); });
    cutter.finish([&](uint16_t chunk) { w.u16(chunk); });
  }
  DeltaWalk walk(feedback.reference_time);
  for (const TransportStatus& status : statuses) {
    const Symbol symbol = walk.step(status);
    if (symbol == kSmallDelta) w.u8(static_cast<uint8_t>(walk.delta()));
    if (symbol == kLargeDelta) w.u16(static_cast<uint16_t>(walk.delta()));
  }
  if (size > used) {
    w.zeros(size - used - 1);
    w.u8(static_cast<uint8_t>(size - used));
    p[-4] |= 0x20;
  }
  TACOMA_ASSERT(w.ok() && w.written() == size - 4);
  return true;
}

}  // namespace tacoma
