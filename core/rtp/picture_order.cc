#include "core/rtp/picture_order.h"

namespace tacoma {

bool PictureOrder::is_judged(Of codec, int64_t sequence, bool key_frame) {
  const bool judged = codec == codec_ && sequence == sequence_ + 1 && !key_frame;
  codec_ = codec;
  sequence_ = sequence;
  return judged;
}

bool PictureOrder::compare(bool judged, const Said& said) {
  bool follows = true;
  if (judged && said.picture_id && has_number_) {
    const int width = said.is_long && is_long_ ? 0x7fff : 0x7f;
    follows = ((*said.picture_id - number_) & width) == (said.new_picture ? 1 : 0);
  }
  if (said.tl0_pic_idx) {
    bool tl0_follows = true;
    if (judged && has_tl0_) {
      const auto step = static_cast<uint8_t>(*said.tl0_pic_idx - tl0_pic_idx_);
      tl0_follows = said.is_base ? step == (said.new_picture ? 1 : 0) : step == 0 || step >= 0x80;
    }
    if (said.is_base || !judged || !has_tl0_ || !tl0_follows) tl0_pic_idx_ = *said.tl0_pic_idx;
    follows = follows && tl0_follows;
  }
  number_ = said.picture_id.value_or(0);
  has_number_ = said.picture_id.has_value();
  is_long_ = said.is_long;
  has_tl0_ = said.tl0_pic_idx.has_value();
  return follows;
}

bool PictureOrder::takes(int64_t sequence, uint32_t timestamp, bool key_frame, const Vp8Descriptor& d) {
  const bool judged = is_judged(Of::vp8, sequence, key_frame);
  const bool new_picture = timestamp != timestamp_ || starts_frame(d);
  timestamp_ = timestamp;
  // TL0PICIDX means something together with the temporal id only.
  return compare(judged, {d.picture_id, d.long_picture_id, d.temporal_layer ? d.tl0_pic_idx : std::nullopt, d.temporal_layer == uint8_t{0}, new_picture});
}

bool PictureOrder::takes(int64_t sequence, uint32_t timestamp, bool key_frame, const Vp9Descriptor& d) {
  const bool judged = is_judged(Of::vp9, sequence, key_frame);
  const bool new_picture = timestamp != timestamp_;
  timestamp_ = timestamp;
  return compare(judged, {d.picture_id, d.long_picture_id, d.tl0_pic_idx, d.temporal == 0, new_picture});
}

bool PictureOrder::takes(int64_t sequence, bool key_frame, const DependencyDescriptor& d) {
  const bool judged = is_judged(Of::av1, sequence, key_frame);
  const auto step = static_cast<uint16_t>(d.frame_number - number_);
  number_ = d.frame_number;
  return !judged || (d.starts_frame ? step >= 1 && step <= kMostAhead : step == 0);
}

}  // namespace tacoma
