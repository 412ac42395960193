// RTP packets (RFC 3550 section 5.1) with header extensions (RFC 8285): read without copying, written in one pass.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/id.h"

namespace tacoma {

inline constexpr size_t kRtpFixedHeader = 12;
/// More elements than any of our peers negotiates; a packet with more is malformed to us.
inline constexpr size_t kMaxRtpExtensions = 16;

/// A validated RTP packet in somebody else's memory. Cheap to copy; lives no longer than the bytes.
class RtpView {
 public:
  /// nullopt when anything in the header points outside of the packet: version, CSRC list, extension block and its
  /// elements, padding. Repeated extension ids are kept in order; extension() finds the first.
  static std::optional<RtpView> parse(BytesView packet);

  bool marker() const { return (packet_.data()[1] & 0x80) != 0; }
  uint8_t payload_type() const { return packet_.data()[1] & 0x7f; }
  uint16_t sequence() const { return load_u16(packet_.data() + 2); }
  uint32_t timestamp() const { return load_u32(packet_.data() + 4); }
  Ssrc ssrc() const { return Ssrc(load_u32(packet_.data() + 8)); }
  size_t csrc_count() const { return packet_.data()[0] & 0x0f; }
  Ssrc csrc(size_t i) const {
    TACOMA_ASSERT(i < csrc_count());
    return Ssrc(load_u32(packet_.data() + kRtpFixedHeader + 4 * i));
  }
  /// The whole packet.
  BytesView packet() const { return packet_; }
  /// Fixed header, CSRC list and extension block.
  size_t header_size() const { return header_size_; }
  /// What is carried, without padding.
  BytesView payload() const { return packet_.subspan(header_size_, packet_.size() - header_size_ - padding_); }
  size_t padding() const { return padding_; }
  size_t extension_count() const { return extension_count_; }
  /// The data of the extension element with this negotiated id; nullopt when there is none (data may be empty).
  std::optional<BytesView> extension(uint8_t id) const {
    for (size_t i = 0; i < extension_count_; ++i)
      if (extensions_[i].id == id) return packet_.subspan(extensions_[i].offset, extensions_[i].size);
    return std::nullopt;
  }

 private:
  struct Element {
    uint8_t id;
    uint8_t size;
    uint16_t offset;
  };
  bool parse_extensions(size_t offset, size_t size, uint16_t profile);

  BytesView packet_;
  uint16_t header_size_ = 0;
  uint8_t padding_ = 0;
  uint8_t extension_count_ = 0;
  std::array<Element, kMaxRtpExtensions> extensions_;
};

/// The fixed fields of a packet to be written.
struct RtpHeader {
  uint8_t payload_type = 0;
  bool marker = false;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  Ssrc ssrc;
};

/// One header extension element to be written. Ids 1..14 with 1..16 bytes fit the one-byte form.
struct RtpExtension {
  uint8_t id = 0;
  BytesView data;
};

/// The size of a header with these extensions, known before anything is written. No CSRC list.
size_t rtp_header_size(Span<const RtpExtension> extensions);
/// Writes fixed header and extensions: the one-byte form (0xBEDE) when every element fits it, else the two-byte form
/// (0x1000). Returns the bytes written, or 0 when `out` is too small. Ids must be 1..255 (1..14 and not 15 for the
/// one-byte form), data at most 255 bytes.
size_t write_rtp_header(MutableBytes out, const RtpHeader& header, Span<const RtpExtension> extensions);

// In-place changes of a packet that has been parsed or written (at least kRtpFixedHeader bytes).
inline void set_rtp_payload_type(MutableBytes packet, uint8_t payload_type) {
  TACOMA_ASSERT(packet.size() >= kRtpFixedHeader);
  packet.data()[1] = static_cast<uint8_t>((packet.data()[1] & 0x80) | (payload_type & 0x7f));
}
inline void set_rtp_sequence(MutableBytes packet, uint16_t sequence) {
  TACOMA_ASSERT(packet.size() >= kRtpFixedHeader);
  store_u16(packet.data() + 2, sequence);
}
inline void set_rtp_timestamp(MutableBytes packet, uint32_t timestamp) {
  TACOMA_ASSERT(packet.size() >= kRtpFixedHeader);
  store_u32(packet.data() + 4, timestamp);
}
inline void set_rtp_ssrc(MutableBytes packet, Ssrc ssrc) {
  TACOMA_ASSERT(packet.size() >= kRtpFixedHeader);
  store_u32(packet.data() + 8, ssrc.value());
}

}  // namespace tacoma
