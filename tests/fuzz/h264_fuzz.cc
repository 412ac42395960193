// links: tacoma_rtp tacoma_base
// Any bytes as an H.264 payload: a height comes from a parameter set alone.
#include "core/rtp/h264.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto payload = parse_h264(BytesView(data, size));
  if (payload) TACOMA_ASSERT(payload->height == 0 || payload->parameters);
  return 0;
}
