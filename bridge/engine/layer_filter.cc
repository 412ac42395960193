#include "bridge/engine/layer_filter.h"

#include <algorithm>

namespace tacoma::bridge {

namespace {
constexpr uint8_t up_to(uint8_t id) { return static_cast<uint8_t>((2u << id) - 1); }

/// The decode target for a wish; when all of them are above it, the lowest.
uint8_t target_for(const DependencyStructure& s, const LayerId& wish) {
  if (const auto t = s.target_within(wish.spatial, wish.temporal)) return *t;
  uint8_t lowest = 0;
  for (uint8_t t = 1; t < s.targets; ++t) {
    const auto &a = s.layer_of_target[t], &b = s.layer_of_target[lowest];
    if (a.spatial < b.spatial || (a.spatial == b.spatial && a.temporal < b.temporal)) lowest = t;
  }
  return lowest;
}
}  // namespace

bool LayerCut::lets_through(const MediaPacket& packet) const {
  if (packet.codec != codec) return false;
  const auto has = [this](uint8_t t) { return (temporal_mask >> t & 1) != 0; };
  switch (codec) {
    case Codec::vp8: {
      // A layer sync frame needs the base layer only (RFC 7741 section 4.2); others may need every layer below theirs.
      const uint8_t t = packet.layer.temporal;
      return has(t) && (packet.vp8().layer_sync || (temporal_mask & up_to(t)) == up_to(t));
    }
    case Codec::vp9:
      return packet.layer.spatial <= spatial && has(packet.layer.temporal) && !(packet.vp9().not_needed_above && packet.layer.spatial < spatial);
    case Codec::av1: {
      const DependencyDescriptor& d = packet.av1().descriptor;
      return d.targets == targets && d.indications.has(target);
    }
    case Codec::h264:
    case Codec::opaque: return true;
  }
  return true;
}

bool LayerCut::ends_picture(const MediaPacket& packet) const {
  if (packet.codec != codec || packet.layer.spatial != spatial) return false;  // a late one may be from before the codec changed
  if (codec == Codec::vp9) return packet.vp9().has_layers && packet.vp9().ends_frame;
  return codec == Codec::av1 && packet.av1().descriptor.ends_frame;
}

void LayerFilter::start(const MediaPacket& key, const LayerId& target) {
  cut_ = {};
  cut_.codec = key.codec;
  cut_.temporal_mask = up_to(target.temporal);
  needs_key_frame_ = may_raise_temporal_ = gapped_ = false;
  withheld_spatial_ = 0;
  if (key.codec == Codec::vp9) cut_.spatial = std::min(target.spatial, key.top_spatial);
  if (key.codec == Codec::av1) {
    if (!frames_) frames_ = std::make_unique<Frames>();
    frames_->known.fill(0);
    const DependencyStructure& s = *key.av1().structure;
    cut_.target = target_for(s, target);
    cut_.targets = s.targets;
    cut_.spatial = s.layer_of_target[cut_.target].spatial;
  }
}

bool LayerFilter::advance(const MediaPacket& packet, bool new_picture, bool follows, const LayerId& target) {
  const LayerCut before = cut_;
  if (packet.key_frame) {
    start(packet, target);
  } else if (packet.codec == cut_.codec) {
    if (packet.codec == Codec::vp8 && new_picture) advance_vp8(packet, target);
    if (packet.codec == Codec::vp9) advance_vp9(packet, new_picture, follows, target);
    if (packet.codec == Codec::av1) advance_av1(packet, new_picture, target);
  }
  return cut_ != before;
}

void LayerFilter::advance_vp8(const MediaPacket& packet, const LayerId& target) {
  const uint8_t t = packet.layer.temporal;
  cut_.temporal_mask = static_cast<uint8_t>(cut_.temporal_mask & up_to(target.temporal));
  if (t <= target.temporal && packet.vp8().layer_sync) cut_.temporal_mask = static_cast<uint8_t>(cut_.temporal_mask | 1u << t);
}

void LayerFilter::advance_vp9(const MediaPacket& packet, bool new_picture, bool follows, const LayerId& target) {
  const Vp9Descriptor& d = packet.vp9();
  const uint8_t wanted = std::min(target.spatial, packet.top_spatial);
  // What is missing may be such a frame, and will be left out when it comes late.
  layers_part_ |= d.not_needed_above && d.spatial < packet.top_spatial;
  gapped_ |= !follows;
  if (layers_part_ && gapped_) withheld_spatial_ = up_to(kMaxSpatialLayers - 1);
  if (new_picture) {
    // RFC 9628: after a switching up point, nothing of higher temporal layers refers to what was before it. What is missing since then
    // would be left out when it comes late.
    if (may_raise_temporal_ && follows) cut_.temporal_mask = up_to(target.temporal);
    else cut_.temporal_mask = static_cast<uint8_t>(cut_.temporal_mask & up_to(target.temporal));
    may_raise_temporal_ = false;
    // Down at once, unless frames of the lower layer were left out because the higher one did not need them.
    if (wanted < cut_.spatial && !(withheld_spatial_ & up_to(wanted))) cut_.spatial = wanted;
  }
  // Up where a layer begins from the one below it alone.
  if (wanted > cut_.spatial && d.spatial == cut_.spatial + 1 && d.starts_frame && !d.inter_picture_predicted &&
      (cut_.temporal_mask >> d.temporal & 1))
    ++cut_.spatial;
  needs_key_frame_ = wanted != cut_.spatial;
}

void LayerFilter::advance_av1(const MediaPacket& packet, bool new_picture, const LayerId& target) {
  const Av1Facts& av1 = packet.av1();
  if (av1.descriptor.targets != cut_.targets) {  // another structure without its key frame
    needs_key_frame_ = true;
    return;
  }
  const uint8_t wanted = target_for(*av1.structure, target);
  if (wanted != cut_.target) {
    const bool down = new_picture && av1.structure->contains(cut_.target, wanted);
    const bool here = av1.descriptor.starts_frame && av1.descriptor.indications[wanted] == DecodeTargetIndication::switch_point &&
                      has_references(av1.descriptor);
    if (down || here) cut_.target = wanted;
  }
  cut_.spatial = av1.structure->layer_of_target[cut_.target].spatial;
  needs_key_frame_ = av1.structure->layer_of_target[wanted].spatial != cut_.spatial;
}

bool LayerFilter::has_references(const DependencyDescriptor& d) const {
  for (size_t i = 0; i < d.differences; ++i) {
    if (!frames_->has(static_cast<uint16_t>(d.frame_number - d.difference[i]))) return false;
  }
  return true;
}

void LayerFilter::passed(const MediaPacket& packet, bool late) {
  if (packet.codec == Codec::vp9 && !late && packet.vp9().switching_up_point) may_raise_temporal_ = true;
  if (packet.codec == Codec::av1 && cut_.codec == Codec::av1) frames_->add(packet.av1().descriptor.frame_number);
}

void LayerFilter::withheld(const MediaPacket& packet) {
  // What temporal layers leave out, the lower spatial layer would not have needed either.
  if (packet.codec == Codec::vp9 && packet.layer.spatial < cut_.spatial && (cut_.temporal_mask >> packet.layer.temporal & 1))
    withheld_spatial_ = static_cast<uint8_t>(withheld_spatial_ | 1u << packet.layer.spatial);
}

}  // namespace tacoma::bridge
