// links: tacoma_plan
// A deployment's config.js comes from a stranger: whatever stands in it, reading ends, within its limits.
#include <cstddef>
#include <cstdint>

#include "core/base/assert.h"
#include "loadgen/plan/config_js.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto values = tacoma::read_config_js(text, "meet.example:8443", "meet.example");
  TACOMA_ASSERT(values.size() <= tacoma::kMaxConfigValues);
  for (const auto& [path, value] : values) TACOMA_ASSERT(path.size() <= 256 && value.size() <= 4096);
  return 0;
}
