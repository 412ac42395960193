// links: tacoma_rtp tacoma_base
// Any bytes as a redundant audio payload: what parses is written back byte for byte.
#include <vector>

#include "core/rtp/red.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto red = parse_red(BytesView(data, size));
  if (!red) return 0;
  TACOMA_ASSERT(red->count <= kMaxRedCopies && !red->primary.empty());
  for (size_t i = 0; i < red->count; ++i) TACOMA_ASSERT(red->distance(i) <= kMaxRedCopies);
  std::vector<uint8_t> out(size);
  TACOMA_ASSERT(write_red(MutableBytes(out), Span<const RedBlock>(red->copies.data(), red->count), red->primary_type, red->primary) == size);
  TACOMA_ASSERT(std::memcmp(out.data(), data, size) == 0);
  return 0;
}
