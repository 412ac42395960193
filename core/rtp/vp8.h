// The VP8 payload descriptor (RFC 7741 section 4.2) and what tells a key frame.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/bytes.h"

namespace tacoma {

struct Vp8Descriptor {
  bool non_reference = false;       // N
  bool partition_start = false;     // S
  uint8_t partition = 0;            // PID, 0..7
  std::optional<uint16_t> picture_id;      // I; 15 bits
  bool long_picture_id = true;      // M: two bytes, also when the value would fit in one
  std::optional<uint8_t> tl0_pic_idx;      // L
  std::optional<uint8_t> temporal_layer;   // T: TID, 0..3
  bool layer_sync = false;          // Y
  std::optional<uint8_t> key_index;        // K: KEYIDX, 0..31

  /// The bytes that it takes on the wire.
  size_t size() const;
};

/// Reads the descriptor at the start of an RTP payload; nullopt when it is cut off or nothing follows it.
std::optional<Vp8Descriptor> parse_vp8(BytesView payload);
/// Writes it; returns size(), or 0 when `out` is too small.
size_t write_vp8(MutableBytes out, const Vp8Descriptor& descriptor);

/// Adds to picture id (modulo its width) and TL0PICIDX in place. `payload` begins with the descriptor that was parsed as `d`.
void shift_vp8_ids(MutableBytes payload, const Vp8Descriptor& d, uint16_t picture_id, uint8_t tl0_pic_idx);

/// First packet of a frame: start of partition 0.
inline bool starts_frame(const Vp8Descriptor& d) { return d.partition_start && d.partition == 0; }
/// First packet of a key frame: the inverse key frame bit of the payload header (RFC 7741 section 4.3) is zero.
bool starts_vp8_key_frame(BytesView payload, const Vp8Descriptor& descriptor);
/// Width and height from the first packet of a key frame (RFC 6386 section 9.1); nullopt when it is not one or is short.
struct Vp8Size {
  uint16_t width = 0, height = 0;
};
std::optional<Vp8Size> vp8_key_frame_size(BytesView payload, const Vp8Descriptor& descriptor);

}  // namespace tacoma
