#include "core/rtp/vp8.h"

namespace tacoma {

namespace {
bool extended(const Vp8Descriptor& d) { return d.picture_id || d.tl0_pic_idx || d.temporal_layer || d.key_index; }
}  // namespace

size_t Vp8Descriptor::size() const {
  size_t n = 1;
  if (!extended(*this)) return n;
  ++n;
  if (picture_id) n += long_picture_id ? 2 : 1;
  if (tl0_pic_idx) ++n;
  if (temporal_layer || key_index) ++n;
  return n;
}

std::optional<Vp8Descriptor> parse_vp8(BytesView payload) {
  ByteReader r(payload);
  Vp8Descriptor d;
  const uint8_t first = r.u8();
  d.non_reference = (first & 0x20) != 0;
  d.partition_start = (first & 0x10) != 0;
  d.partition = first & 0x07;
  if (first & 0x80) {
    const uint8_t flags = r.u8();
    if (flags & 0x80) {
      const uint8_t high = r.u8();
      d.long_picture_id = (high & 0x80) != 0;
      d.picture_id = d.long_picture_id ? static_cast<uint16_t>((high & 0x7f) << 8 | r.u8()) : uint16_t{high};
    }
    if (flags & 0x40) d.tl0_pic_idx = r.u8();
    if (flags & 0x30) {
      const uint8_t layers = r.u8();
      if (flags & 0x20) {
        d.temporal_layer = layers >> 6;
        d.layer_sync = (layers & 0x20) != 0;
      }
      if (flags & 0x10) d.key_index = layers & 0x1f;
    }
    // Flags that announce nothing would be written back as no extension: the sizes must agree.
    if ((flags & 0xf0) == 0) return std::nullopt;
  }
  if (!r.ok() || r.remaining() == 0) return std::nullopt;
  return d;
}

size_t write_vp8(MutableBytes out, const Vp8Descriptor& d) {
  ByteWriter w(out);
  const bool has_extension = extended(d);
  w.u8(static_cast<uint8_t>((has_extension ? 0x80 : 0) | (d.non_reference ? 0x20 : 0) | (d.partition_start ? 0x10 : 0) | (d.partition & 7)));
  if (has_extension) {
    w.u8(static_cast<uint8_t>((d.picture_id ? 0x80 : 0) | (d.tl0_pic_idx ? 0x40 : 0) | (d.temporal_layer ? 0x20 : 0) | (d.key_index ? 0x10 : 0)));
    if (d.picture_id) {
      if (d.long_picture_id) w.u16(static_cast<uint16_t>(0x8000 | *d.picture_id));
      else w.u8(static_cast<uint8_t>(*d.picture_id & 0x7f));
    }
    if (d.tl0_pic_idx) w.u8(*d.tl0_pic_idx);
    if (d.temporal_layer || d.key_index)
      w.u8(static_cast<uint8_t>(d.temporal_layer.value_or(0) << 6 | (d.temporal_layer && d.layer_sync ? 0x20 : 0) | (d.key_index.value_or(0) & 0x1f)));
  }
  return w.ok() ? w.written() : 0;
}

void shift_vp8_ids(MutableBytes payload, const Vp8Descriptor& d, uint16_t picture_id, uint8_t tl0_pic_idx) {
  size_t at = 2;  // after the two bytes of flags
  if (d.picture_id) {
    const auto id = static_cast<uint16_t>(*d.picture_id + picture_id);
    if (d.long_picture_id) store_u16(payload.data() + at, static_cast<uint16_t>(0x8000 | (id & 0x7fff)));
    else payload.data()[at] = static_cast<uint8_t>(id & 0x7f);
    at += d.long_picture_id ? 2 : 1;
  }
  if (d.tl0_pic_idx) payload.data()[at] = static_cast<uint8_t>(*d.tl0_pic_idx + tl0_pic_idx);
}

bool starts_vp8_key_frame(BytesView payload, const Vp8Descriptor& descriptor) {
  const size_t header = descriptor.size();
  return starts_frame(descriptor) && payload.size() > header && (payload[header] & 1) == 0;
}

std::optional<Vp8Size> vp8_key_frame_size(BytesView payload, const Vp8Descriptor& descriptor) {
  if (!starts_vp8_key_frame(payload, descriptor)) return std::nullopt;
  const BytesView frame = payload.subspan(descriptor.size());
  if (frame.size() < 10 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a) return std::nullopt;
  // Little-endian, 14 bits each; the upper two are a scaling hint.
  return Vp8Size{static_cast<uint16_t>((frame[6] | frame[7] << 8) & 0x3fff), static_cast<uint16_t>((frame[8] | frame[9] << 8) & 0x3fff)};
}

}  // namespace tacoma
