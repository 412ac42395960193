// links: tacoma_signal tacoma_base
// The JSON form of colibri2.
#include <cstdint>

#include "core/base/bytes.h"
#include "core/signal/colibri2_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request = tacoma::colibri2::parse_json_request(tacoma::as_text(tacoma::BytesView(data, size)));
  if (request) (void)tacoma::to_xml(tacoma::colibri2::to_element(*request));
  return 0;
}
