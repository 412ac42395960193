// links: tacoma_base
// What parses as a URL is written back as one that means the same.
#include <cstddef>
#include <cstdint>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tacoma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  is_loopback_host(text);
  const auto url = Url::parse(text);
  if (!url) return 0;
  TACOMA_ASSERT(!url->host.empty() && url->port != 0 && url->target.front() == '/');
  const auto again = Url::parse(url->to_string());
  TACOMA_ASSERT(!again || (again->host == url->host && again->port == url->port && again->target == url->target && again->fragment == url->fragment));
  TACOMA_ASSERT(again || url->to_string().size() > kMaxUrl);
  return 0;
}
