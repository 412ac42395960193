// links: tacoma_signal tacoma_base
// The two JSON texts of signalling: compact sources and SourceInfo.
#include <cstdint>

#include "core/base/assert.h"
#include "core/signal/presence.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text(BytesView(data, size));
  if (const auto sources = jingle::parse_json_sources(text)) {
    const auto again = jingle::parse_json_sources(jingle::write_json_sources(*sources));
    TACOMA_ASSERT(again && *again == *sources);
    for (const auto& [owner, set] : *sources) (void)jingle::validate(set);
  }
  if (const auto info = parse_source_info(text)) {
    const auto again = parse_source_info(write_source_info(*info));
    TACOMA_ASSERT(again && *again == *info);
  }
  return 0;
}
