// Whether what a video stream says of the order of its pictures can be true: picture ids and TL0PICIDX of VP8 and VP9, frame numbers of AV1.
#pragma once

#include <cstdint>

#include "core/rtp/dependency_descriptor.h"
#include "core/rtp/vp8.h"
#include "core/rtp/vp9.h"

namespace tacoma {

/// Follows one stream. A packet is judged when it comes right behind the newest before it (its sequence number is one more), is of the same
/// codec, and begins no key frame: an encoder that was restarted may begin anew there. After a loss or a packet out of order, and at the
/// start, there is nothing to judge by. So judged, it jumps when
/// - VP8 (RFC 7741 section 4.2), VP9 (RFC 9628 section 4.2): its picture id is not one more than that of the picture before, or not that of
///   the packet before in the same picture, modulo the shorter of both widths. The same for TL0PICIDX in pictures of the temporal base
///   layer; in others it may name an earlier base picture, but none to come.
/// - AV1 (RTP payload specification, appendix A): the first packet of a frame has a number that is not above that of the frame before, or
///   is above it by more than frames can refer back; or a later packet has another than the first.
/// What jumped is the measure for what comes next, so that each jump is one.
class PictureOrder {
 public:
  /// How far a frame can refer back (12 bits, plus one). Numbers in between may be missing: simulcast streams can share them.
  static constexpr uint16_t kMostAhead = 4096;

  /// Takes a packet that is newer than all before; `key_frame`: the first of a key frame. False: it jumps.
  bool takes(int64_t sequence, uint32_t timestamp, bool key_frame, const Vp8Descriptor& d);
  bool takes(int64_t sequence, uint32_t timestamp, bool key_frame, const Vp9Descriptor& d);
  bool takes(int64_t sequence, bool key_frame, const DependencyDescriptor& d);

 private:
  enum class Of : uint8_t { nothing, vp8, vp9, av1 };
  struct Said {
    std::optional<uint16_t> picture_id;
    bool is_long = false;
    std::optional<uint8_t> tl0_pic_idx;
    bool is_base = true;
    bool new_picture = false;
  };
  bool is_judged(Of codec, int64_t sequence, bool key_frame);
  bool compare(bool judged, const Said& said);

  int64_t sequence_ = 0;
  uint32_t timestamp_ = 0;
  uint16_t number_ = 0;      // picture id, or frame number
  uint8_t tl0_pic_idx_ = 0;  // of the newest base picture
  Of codec_ = Of::nothing;
  bool has_number_ = false, is_long_ = false, has_tl0_ = false;
};

}  // namespace tacoma
