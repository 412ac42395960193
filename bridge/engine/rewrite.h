// What differs between a packet as it came and as one receiver gets it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bridge/engine/media_packet.h"

namespace tacoma::bridge {

/// What is added to a packet's numbers, besides the sequence number's shift.
struct Deltas {
  uint32_t timestamp = 0;
  uint16_t picture_id = 0;   // VP8, VP9; AV1: frame number
  uint8_t tl0_pic_idx = 0;   // VP8, VP9
  uint8_t template_id = 0;   // AV1
  bool operator==(const Deltas&) const = default;
};

struct Rewrite {
  uint16_t sequence = 0;
  Deltas deltas;
  bool marker = false;                     // the last packet of its picture for this receiver
  std::optional<uint32_t> active_targets;  // AV1: to be said with this packet
};

/// The first bytes of a payload where they change: picture ids in VP8's and VP9's descriptors.
class PayloadLead {
 public:
  PayloadLead(const MediaPacket& packet, const Deltas& deltas);
  /// They take the place of as many bytes; empty: nothing changes.
  BytesView bytes() const { return BytesView(bytes_.data(), size_); }

 private:
  std::array<uint8_t, 8> bytes_;
  size_t size_ = 0;
};

inline constexpr size_t kMaxDependencyDescriptor = 255;  // an extension element cannot be longer (RFC 8285)
/// Whether the packet's dependency descriptor changes.
bool changes_dependency(const MediaPacket& packet, const Rewrite& rewrite);
/// The changed descriptor, written to `out`; as it came when it would grow too long.
BytesView rewrite_dependency(MutableBytes out, const MediaPacket& packet, const Rewrite& rewrite);

}  // namespace tacoma::bridge
