// The VP9 payload descriptor (RFC 9628 section 4.2), in flexible and non-flexible mode.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/base/bytes.h"

namespace tacoma {

/// Of the scalability structure (V) what a forwarding unit needs.
struct Vp9Structure {
  uint8_t spatial_layers = 1;               // 1 to 8
  std::array<uint16_t, 8> widths{}, heights{};  // 0: not said
};

struct Vp9Descriptor {
  bool inter_picture_predicted = false;     // P
  bool flexible = false;                    // F
  bool starts_frame = false;                // B: first packet of this spatial layer's frame
  bool ends_frame = false;                  // E
  bool not_needed_above = false;            // Z: no higher spatial layer refers to it, now or later
  std::optional<uint16_t> picture_id;       // I; 7 or 15 bits
  bool long_picture_id = true;              // M
  bool has_layers = false;                  // L
  uint8_t temporal = 0, spatial = 0;        // TID, SID: 0..7
  bool switching_up_point = false;          // U: later pictures of higher temporal layers need none of theirs from before this one
  bool inter_layer_predicted = false;       // D
  std::optional<uint8_t> tl0_pic_idx;       // non-flexible mode with layers
  uint8_t references = 0;                   // P_DIFFs, 0..3: flexible mode
  std::array<uint8_t, 3> reference_differences{};
  std::optional<Vp9Structure> structure;    // V
  uint16_t size = 0;                        // bytes on the wire
  uint8_t tl0_at = 0;                       // where TL0PICIDX lies; the picture id lies at 1
};

/// Reads the descriptor at the start of an RTP payload; nullopt when it is cut off or nothing follows it.
std::optional<Vp9Descriptor> parse_vp9(BytesView payload);

/// Writes one in non-flexible mode, with a picture id of 15 bits, layers and TL0PICIDX; with `structure` also the pictures' sizes and the
/// picture group of one to three temporal layers (0; 0 1; 0 2 1 2). Returns vp9_size(), or 0 when `out` is too small.
size_t write_vp9(MutableBytes out, const Vp9Descriptor& descriptor, uint8_t temporal_layers);
size_t vp9_size(const Vp9Descriptor& descriptor, uint8_t temporal_layers);

/// First packet of a key frame: the base layer's frame, predicted from nothing.
inline bool starts_vp9_key_frame(const Vp9Descriptor& d) { return d.starts_frame && !d.inter_picture_predicted && d.spatial == 0; }

/// Adds to picture id (modulo its width) and TL0PICIDX in place. `payload` begins with the descriptor that was parsed as `d`.
void shift_vp9_ids(MutableBytes payload, const Vp9Descriptor& d, uint16_t picture_id, uint8_t tl0_pic_idx);

}  // namespace tacoma
