#include "bridge/engine/picture_ids.h"

namespace tacoma::bridge {

namespace {
/// All bits that the packet's picture id can have; 0: it has none.
uint16_t mask_of(const MediaPacket& packet) {
  const auto mask = [](const auto& d) -> uint16_t { return !d.picture_id ? 0 : d.long_picture_id ? 0x7fff : 0x7f; };
  switch (packet.codec) {
    case Codec::vp8: return mask(packet.vp8());
    case Codec::vp9: return mask(packet.vp9());
    case Codec::av1: return 0xffff;
    case Codec::h264:
    case Codec::opaque: return 0;
  }
  return 0;
}
bool has_tl0(const MediaPacket& packet) {
  if (packet.codec == Codec::vp8) return packet.vp8().tl0_pic_idx.has_value();
  return packet.codec == Codec::vp9 && packet.vp9().tl0_pic_idx.has_value();
}
}  // namespace

PictureIds ids_of(const MediaPacket& packet) {
  switch (packet.codec) {
    case Codec::vp8: return {packet.vp8().picture_id.value_or(0), packet.vp8().tl0_pic_idx.value_or(0)};
    case Codec::vp9: return {packet.vp9().picture_id.value_or(0), packet.vp9().tl0_pic_idx.value_or(0)};
    case Codec::av1: return {packet.av1().descriptor.frame_number, 0};
    case Codec::h264:
    case Codec::opaque: return {};
  }
  return {};
}

PictureIds PictureIdTracker::on_newest(const MediaPacket& packet) {
  const PictureIds ids = ids_of(packet);
  const uint16_t mask = mask_of(packet);
  const bool tl0 = has_tl0(packet);
  const int64_t gap = packet.sequence - sequence_;
  const bool new_picture = packet.view.timestamp() != timestamp_;
  const bool is_base = packet.layer.temporal == 0;
  PictureIds ahead;
  bool names_older = false;
  if (packet.codec == codec_ && gap <= kJudged) {
    int64_t pictures = gap + kMostSkippedOfShort;  // that TL0PICIDX may have counted
    if (mask != 0 && mask == mask_) {
      const auto step = static_cast<uint16_t>((ids.picture_id - last_.picture_id) & mask);
      const int64_t most = gap + (packet.codec == Codec::av1 ? kMostSkippedFrames : mask == 0x7f ? kMostSkippedOfShort : kMostSkipped);
      if (step > most) ahead.picture_id = static_cast<uint16_t>(step - (new_picture ? 1 : 0));
      pictures = step > most ? gap : step;
    }
    const auto step = static_cast<uint8_t>(ids.tl0_pic_idx - last_.tl0_pic_idx);
    names_older = has_tl0_ && !is_base && step >= 0x100 - kOldestNamed;
    if (tl0 && has_tl0_ && step > pictures && !names_older) ahead.tl0_pic_idx = static_cast<uint8_t>(step - (new_picture && is_base ? 1 : 0));
  }
  if (!names_older) last_.tl0_pic_idx = ids.tl0_pic_idx;
  last_.picture_id = ids.picture_id;
  sequence_ = packet.sequence;
  timestamp_ = packet.view.timestamp();
  mask_ = mask;
  codec_ = packet.codec;
  has_tl0_ = tl0;
  return ahead;
}

}  // namespace tacoma::bridge
