// links: tacoma_signal tacoma_base
// Messages of the bridge channel, and the addresses of channels.
#include <cstdint>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/signal/bridge_channel.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text(BytesView(data, size));
  if (const auto message = channel::parse(text)) {
    const std::string written = channel::write(*message);
    if (written.size() <= channel::kMaxMessage) {  // escapes may make it longer
      const auto again = channel::parse(written);
      TACOMA_ASSERT(again && *again == *message);
    }
  }
  if (const auto target = channel::parse_target(text)) {
    const auto again = channel::parse_target(channel::to_string(*target));
    TACOMA_ASSERT(again && *again == *target);
  }
  return 0;
}
