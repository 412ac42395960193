#include "core/rtp/vp9.h"

namespace tacoma {

namespace {
Vp9Structure read_structure(ByteReader& r) {
  Vp9Structure s;
  const uint8_t first = r.u8();
  s.spatial_layers = static_cast<uint8_t>((first >> 5) + 1);
  if (first & 0x10) {  // Y: a resolution for each
    for (size_t i = 0; i < s.spatial_layers; ++i) {
      s.widths[i] = r.u16();
      s.heights[i] = r.u16();
    }
  }
  if (first & 0x08) {  // G: the picture group
    const uint8_t pictures = r.u8();
    for (size_t i = 0; i < pictures && r.ok(); ++i) {
      const uint8_t references = (r.u8() >> 2) & 3;
      r.skip(references);
    }
  }
  return s;
}
}  // namespace

std::optional<Vp9Descriptor> parse_vp9(BytesView payload) {
  ByteReader r(payload);
  Vp9Descriptor d;
  const uint8_t first = r.u8();
  d.inter_picture_predicted = (first & 0x40) != 0;
  d.flexible = (first & 0x10) != 0;
  d.starts_frame = (first & 0x08) != 0;
  d.ends_frame = (first & 0x04) != 0;
  d.not_needed_above = (first & 0x01) != 0;
  if (first & 0x80) {
    const uint8_t high = r.u8();
    d.long_picture_id = (high & 0x80) != 0;
    d.picture_id = d.long_picture_id ? static_cast<uint16_t>((high & 0x7f) << 8 | r.u8()) : uint16_t{high};
  }
  if (first & 0x20) {
    d.has_layers = true;
    const uint8_t layers = r.u8();
    d.temporal = layers >> 5;
    d.switching_up_point = (layers & 0x10) != 0;
    d.spatial = (layers >> 1) & 7;
    d.inter_layer_predicted = (layers & 0x01) != 0;
    if (!d.flexible) {
      d.tl0_at = static_cast<uint8_t>(payload.size() - r.remaining());
      d.tl0_pic_idx = r.u8();
    }
  }
  if (d.flexible && d.inter_picture_predicted) {
    for (bool more = true; more;) {
      if (d.references == d.reference_differences.size()) return std::nullopt;
      const uint8_t difference = r.u8();
      d.reference_differences[d.references++] = difference >> 1;
      more = r.ok() && (difference & 1);
    }
  }
  if (first & 0x02) d.structure = read_structure(r);
  if (!r.ok() || r.remaining() == 0) return std::nullopt;
  d.size = static_cast<uint16_t>(payload.size() - r.remaining());
  return d;
}

namespace {
struct GroupPicture {
  uint8_t temporal, references;
  uint8_t back[2];
};
Span<const GroupPicture> group_of(uint8_t temporal_layers) {
  static constexpr GroupPicture kOne[] = {{0, 1, {1, 0}}}, kTwo[] = {{0, 1, {2, 0}}, {1, 1, {1, 0}}},
                                kThree[] = {{0, 1, {4, 0}}, {2, 1, {1, 0}}, {1, 1, {2, 0}}, {2, 2, {1, 2}}};
  if (temporal_layers <= 1) return kOne;
  return temporal_layers == 2 ? Span<const GroupPicture>(kTwo) : Span<const GroupPicture>(kThree);
}
}  // namespace

size_t vp9_size(const Vp9Descriptor& d, uint8_t temporal_layers) {
  size_t size = 5;
  if (!d.structure) return size;
  size += 2 + size_t{4} * d.structure->spatial_layers;
  for (const GroupPicture& picture : group_of(temporal_layers)) size += 1u + picture.references;
  return size;
}

size_t write_vp9(MutableBytes out, const Vp9Descriptor& d, uint8_t temporal_layers) {
  ByteWriter w(out);
  const auto bits = [](bool set, unsigned bit) { return set ? bit : 0u; };
  w.u8(static_cast<uint8_t>(0xa0u | bits(d.inter_picture_predicted, 0x40) | bits(d.starts_frame, 8) | bits(d.ends_frame, 4) |
                            bits(d.structure.has_value(), 2) | bits(d.not_needed_above, 1)));
  w.u16(static_cast<uint16_t>(0x8000u | (d.picture_id.value_or(0) & 0x7fff)));
  w.u8(static_cast<uint8_t>(static_cast<unsigned>(d.temporal << 5) | bits(d.switching_up_point, 0x10) | static_cast<unsigned>(d.spatial << 1) |
                            bits(d.inter_layer_predicted, 1)));
  w.u8(d.tl0_pic_idx.value_or(0));
  if (d.structure) {
    const Vp9Structure& s = *d.structure;
    w.u8(static_cast<uint8_t>(static_cast<unsigned>((s.spatial_layers - 1) << 5) | 0x18));
    for (size_t i = 0; i < s.spatial_layers; ++i) {
      w.u16(s.widths[i]);
      w.u16(s.heights[i]);
    }
    const Span<const GroupPicture> group = group_of(temporal_layers);
    w.u8(static_cast<uint8_t>(group.size()));
    for (const GroupPicture& picture : group) {
      w.u8(static_cast<uint8_t>(static_cast<unsigned>(picture.temporal << 5) | bits(picture.temporal == 0, 0x10) | static_cast<unsigned>(picture.references << 2)));
      for (size_t i = 0; i < picture.references; ++i) w.u8(picture.back[i]);
    }
  }
  return w.ok() ? w.result().size() : 0;
}

void shift_vp9_ids(MutableBytes payload, const Vp9Descriptor& d, uint16_t picture_id, uint8_t tl0_pic_idx) {
  uint8_t* p = payload.data();
  if (d.picture_id) {
    const auto id = static_cast<uint16_t>(*d.picture_id + picture_id);
    if (d.long_picture_id) store_u16(p + 1, static_cast<uint16_t>(0x8000 | (id & 0x7fff)));
    else p[1] = static_cast<uint8_t>(id & 0x7f);
  }
  if (d.tl0_pic_idx) p[d.tl0_at] = static_cast<uint8_t>(*d.tl0_pic_idx + tl0_pic_idx);
}

}  // namespace tacoma
