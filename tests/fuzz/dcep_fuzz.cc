// links: tacoma_secure tacoma_base
// What is read as a DCEP OPEN is written as the same bytes.
#include "core/secure/dcep.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView bytes(data, size);
  const auto open = dcep::parse_open(bytes);
  if (open) {
    const std::vector<uint8_t> again = dcep::write(*open);
    TACOMA_ASSERT(again == std::vector<uint8_t>(bytes.begin(), bytes.end()));
  }
  TACOMA_ASSERT(!(open && dcep::is_ack(bytes)));
  return 0;
}
