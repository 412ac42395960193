// links: tacoma_rtp tacoma_base
// Any bytes as a VP8 payload: what parses is written back as it was, but for reserved bits.
#include "core/rtp/vp8.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView in(data, size);
  const auto descriptor = parse_vp8(in);
  if (!descriptor) return 0;
  TACOMA_ASSERT(descriptor->size() < size);
  starts_vp8_key_frame(in, *descriptor);
  vp8_key_frame_size(in, *descriptor);
  uint8_t out[8];
  TACOMA_ASSERT(write_vp8(out, *descriptor) == descriptor->size());
  out[descriptor->size()] = 0;
  const auto again = parse_vp8(BytesView(out, descriptor->size() + 1));
  TACOMA_ASSERT(again && again->size() == descriptor->size() && again->picture_id == descriptor->picture_id &&
                again->tl0_pic_idx == descriptor->tl0_pic_idx && again->temporal_layer == descriptor->temporal_layer);
  return 0;
}
