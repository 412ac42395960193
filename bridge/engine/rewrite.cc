#include "bridge/engine/rewrite.h"

#include <algorithm>

namespace tacoma::bridge {

PayloadLead::PayloadLead(const MediaPacket& packet, const Deltas& deltas) {
  if (deltas.picture_id == 0 && deltas.tl0_pic_idx == 0) return;
  const BytesView payload = packet.view.payload();
  if (packet.codec == Codec::vp8) {
    size_ = packet.vp8().size();  // at most six
    std::copy_n(payload.data(), size_, bytes_.data());
    shift_vp8_ids(MutableBytes(bytes_.data(), size_), packet.vp8(), deltas.picture_id, deltas.tl0_pic_idx);
  } else if (packet.codec == Codec::vp9) {
    size_ = std::min<size_t>(packet.vp9().size, bytes_.size());  // both ids lie within the first five
    std::copy_n(payload.data(), size_, bytes_.data());
    shift_vp9_ids(MutableBytes(bytes_.data(), size_), packet.vp9(), deltas.picture_id, deltas.tl0_pic_idx);
  }
}

bool changes_dependency(const MediaPacket& packet, const Rewrite& rewrite) {
  return packet.codec == Codec::av1 && (rewrite.deltas.picture_id != 0 || rewrite.deltas.template_id != 0 || rewrite.active_targets);
}

BytesView rewrite_dependency(MutableBytes out, const MediaPacket& packet, const Rewrite& rewrite) {
  const Av1Facts& av1 = packet.av1();
  const DependencyShift shift{rewrite.deltas.picture_id, rewrite.deltas.template_id, rewrite.active_targets};
  const size_t size = shift_dependency_descriptor(out, av1.bytes, av1.descriptor, shift);
  if (size != 0) return BytesView(out.data(), size);
  const size_t plain = shift_dependency_descriptor(out, av1.bytes, av1.descriptor, {shift.frame_number, shift.template_id, std::nullopt});
  return BytesView(out.data(), plain);
}

}  // namespace tacoma::bridge
