// Writes RTCP packets one after the other into caller's memory, as a compound.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"
#include "core/rtp/rtcp.h"

namespace tacoma {

/// Each call appends one packet, or appends nothing and returns false when it does not fit. Counts beyond what the
/// format holds also return false.
class RtcpWriter {
 public:
  explicit RtcpWriter(MutableBytes out) : out_(out) {}
  bool sender_report(Ssrc sender, const SenderInfo& info, Span<const ReportBlock> blocks);
  bool receiver_report(Ssrc sender, Span<const ReportBlock> blocks);
  bool source_description(Ssrc ssrc, std::string_view cname);  // at most 255 bytes
  bool bye(Span<const Ssrc> sources);
  /// `sequences` ascending on the circle; packed into as few entries as they need.
  bool nack(Ssrc sender, Ssrc media, Span<const uint16_t> sequences);
  bool pli(Ssrc sender, Ssrc media);
  bool fir(Ssrc sender, Span<const FirEntry> entries);
  bool remb(Ssrc sender, DataRate rate, Span<const Ssrc> sources);
  /// `statuses` are consecutive from feedback.base_sequence, the arrivals as parse_transport_feedback gives them. Each arrival
  /// must be within 16 bits of 250 us steps of the one before (of the reference time for the first): else false.
  bool transport_feedback(const TransportFeedback& feedback, Span<const TransportStatus> statuses);

  BytesView result() const { return out_.subspan(0, size_); }
  size_t size() const { return size_; }
  /// Bytes that still fit.
  size_t left() const { return out_.size() - size_; }

  /// For writers of other formats: room for a packet of `size` bytes (a multiple of 4) with its header written; the body, or null.
  uint8_t* begin(RtcpType type, uint8_t count, size_t size);

 private:
  MutableBytes out_;
  size_t size_ = 0;
};

}  // namespace tacoma
