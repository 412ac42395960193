// Which packets of an encoding a receiver gets, and where that may change: the rules of each codec.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "bridge/engine/media_packet.h"

namespace tacoma::bridge {

/// What goes through. A value: late packets are judged by what was in force at their place.
struct LayerCut {
  Codec codec = Codec::opaque;
  uint8_t spatial = 0;         // VP9, AV1: the highest spatial id
  uint8_t temporal_mask = 1;   // VP8, VP9: bit t, temporal id t
  uint8_t target = 0;          // AV1: the decode target ...
  uint8_t targets = 0;         // ... of so many
  bool operator==(const LayerCut&) const = default;

  bool lets_through(const MediaPacket& packet) const;
  /// Ends the picture for this receiver although higher layers follow: gets the marker bit.
  bool ends_picture(const MediaPacket& packet) const;
};

/// Follows one encoding in order and moves the cut toward the target where the codec allows it.
class LayerFilter {
 public:
  const LayerCut& cut() const { return cut_; }
  /// A key frame begins: everything within the target is open.
  void start(const MediaPacket& key, const LayerId& target);
  /// A packet that is newer than all before it; `new_picture`: and the first of its timestamp; `follows`: with none missing between. True
  /// when the cut has changed, from this packet's frame on.
  bool advance(const MediaPacket& packet, bool new_picture, bool follows, const LayerId& target);
  /// It goes out, or does not: what later changes may build on. `late`: others have gone out before it that are newer.
  void passed(const MediaPacket& packet, bool late);
  void withheld(const MediaPacket& packet);
  /// The target's spatial layer can be had at a key frame only.
  bool needs_key_frame() const { return needs_key_frame_; }
  /// More goes through than the target has, until a key frame.
  bool is_stuck_above(const LayerId& target) const { return needs_key_frame_ && target.spatial < cut_.spatial; }

 private:
  void advance_vp8(const MediaPacket& packet, const LayerId& target);
  void advance_vp9(const MediaPacket& packet, bool new_picture, bool follows, const LayerId& target);
  void advance_av1(const MediaPacket& packet, bool new_picture, const LayerId& target);
  bool has_references(const DependencyDescriptor& d) const;

  LayerCut cut_;
  bool may_raise_temporal_ = false;   // VP9: a switching up point went out
  bool needs_key_frame_ = false;
  uint8_t withheld_spatial_ = 0;      // VP9: bit s, frames of this layer were left out since the key frame
  bool layers_part_ = false;          // VP9: there are frames that the layers above do not need (k-SVC)
  bool gapped_ = false;               // VP9: something has been missing since the key frame
  /// AV1: frames that went out since the key frame, by number modulo the size.
  struct Frames {
    static constexpr size_t kSize = 256;
    std::array<uint16_t, kSize> numbers{};
    std::array<uint64_t, kSize / 64> known{};
    void add(uint16_t number) {
      numbers[number % kSize] = number;
      known[number % kSize / 64] |= uint64_t{1} << (number % 64);
    }
    bool has(uint16_t number) const { return (known[number % kSize / 64] >> (number % 64) & 1) != 0 && numbers[number % kSize] == number; }
  };
  std::unique_ptr<Frames> frames_;
};

}  // namespace tacoma::bridge
