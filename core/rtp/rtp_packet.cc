#include "core/rtp/rtp_packet.h"

namespace tacoma {

namespace {
constexpr uint16_t kOneByteProfile = 0xbede;
constexpr uint16_t kTwoByteProfile = 0x1000;  // the low four bits are "appbits"

bool fits_one_byte(const RtpExtension& e) { return e.id >= 1 && e.id <= 14 && e.data.size() >= 1 && e.data.size() <= 16; }

/// Size of the elements, without the block's own four bytes and without padding; sets whether the one-byte form will do.
size_t elements_size(Span<const RtpExtension> extensions, bool& one_byte) {
  one_byte = true;
  size_t data = 0;
  for (const RtpExtension& e : extensions) {
    one_byte = one_byte && fits_one_byte(e);
    data += e.data.size();
  }
  return data + extensions.size() * (one_byte ? 1 : 2);
}
}  // namespace

std::optional<RtpView> RtpView::parse(BytesView packet) {
  if (packet.size() < kRtpFixedHeader || packet.size() > 0xffff) return std::nullopt;
  const uint8_t* p = packet.data();
  if ((p[0] >> 6) != 2) return std::nullopt;
  RtpView view;
  view.packet_ = packet;
  size_t size = kRtpFixedHeader + 4u * (p[0] & 0x0f);
  if (p[0] & 0x10) {
    if (size + 4 > packet.size()) return std::nullopt;
    const uint16_t profile = load_u16(p + size);
    const size_t block = 4u * load_u16(p + size + 2);
    size += 4;
    if (block > packet.size() - size) return std::nullopt;
    if (!view.parse_extensions(size, block, profile)) return std::nullopt;
    size += block;
  }
  if (size > packet.size()) return std::nullopt;
  view.header_size_ = static_cast<uint16_t>(size);
  if (p[0] & 0x20) {
    if (size == packet.size()) return std::nullopt;
    view.padding_ = p[packet.size() - 1];
    if (view.padding_ == 0 || view.padding_ > packet.size() - size) return std::nullopt;
  }
  return view;
}

bool RtpView::parse_extensions(size_t offset, size_t size, uint16_t profile) {
  const bool one_byte = profile == kOneByteProfile;
  // Another profile is somebody's private block: valid, and nothing in it for us.
  if (!one_byte && (profile & 0xfff0) != kTwoByteProfile) return true;
  const uint8_t* p = packet_.data();
  const size_t end = offset + size;
  while (offset < end) {
    const uint8_t first = p[offset++];
    uint8_t id = first;
    size_t length = 0;
    if (one_byte) {
      if (first == 0) continue;  // padding
      id = first >> 4;
      length = (first & 0x0f) + 1u;
      // RFC 8285 section 4.2: 15 is reserved, 0 has no length; both end the processing, what came before counts.
      if (id == 15 || id == 0) return true;
    } else {
      if (first == 0) continue;
      if (offset == end) return false;
      length = p[offset++];
    }
    if (length > end - offset || extension_count_ == kMaxRtpExtensions) return false;
    extensions_[extension_count_++] = {id, static_cast<uint8_t>(length), static_cast<uint16_t>(offset)};
    offset += length;
  }
  return true;
}

size_t rtp_header_size(Span<const RtpExtension> extensions) {
  if (extensions.empty()) return kRtpFixedHeader;
  bool one_byte = false;
  return kRtpFixedHeader + 4 + (elements_size(extensions, one_byte) + 3) / 4 * 4;
}

size_t write_rtp_header(MutableBytes out, const RtpHeader& header, Span<const RtpExtension> extensions) {
  ByteWriter w(out);
  w.u8(static_cast<uint8_t>(0x80 | (extensions.empty() ? 0 : 0x10)));
  w.u8(static_cast<uint8_t>((header.marker ? 0x80 : 0) | (header.payload_type & 0x7f)));
  w.u16(header.sequence);
  w.u32(header.timestamp);
  w.u32(header.ssrc.value());
  if (!extensions.empty()) {
    bool one_byte = false;
    const size_t elements = elements_size(extensions, one_byte);
    const size_t words = (elements + 3) / 4;
    w.u16(one_byte ? kOneByteProfile : kTwoByteProfile);
    w.u16(static_cast<uint16_t>(words));
    for (const RtpExtension& e : extensions) {
      TACOMA_ASSERT(e.id != 0 && e.data.size() <= 255);
      if (one_byte) {
        w.u8(static_cast<uint8_t>(e.id << 4 | (e.data.size() - 1)));
      } else {
        w.u8(e.id);
        w.u8(static_cast<uint8_t>(e.data.size()));
      }
      w.bytes(e.data);
    }
    w.zeros(words * 4 - elements);
  }
  return w.ok() ? w.written() : 0;
}

}  // namespace tacoma
