// links: tacoma_rtp tacoma_base
// Any bytes as a VP9 payload: shifting the ids of what parses changes the ids and nothing else.
#include <vector>

#include "core/rtp/vp9.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto d = parse_vp9(BytesView(data, size));
  if (!d) return 0;
  TACOMA_ASSERT(d->size < size);
  std::vector<uint8_t> changed(data, data + size);
  shift_vp9_ids(changed, *d, 3, 5);
  const auto e = parse_vp9(changed);
  TACOMA_ASSERT(e && e->size == d->size && e->spatial == d->spatial && e->temporal == d->temporal && e->references == d->references);
  if (d->picture_id) TACOMA_ASSERT(((*d->picture_id + 3) & (d->long_picture_id ? 0x7fff : 0x7f)) == *e->picture_id);
  if (d->tl0_pic_idx) TACOMA_ASSERT(static_cast<uint8_t>(*d->tl0_pic_idx + 5) == *e->tl0_pic_idx);
  shift_vp9_ids(changed, *e, static_cast<uint16_t>(-3), static_cast<uint8_t>(-5));
  TACOMA_ASSERT(std::vector<uint8_t>(data, data + size) == changed);
  return 0;
}
