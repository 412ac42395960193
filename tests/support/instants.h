// Times of tests.
#pragma once

#include <cstdint>

#include "core/base/time.h"

namespace tacoma {

constexpr Instant at_ms(int64_t ms) { return Instant::at(Duration::milliseconds(ms)); }

}  // namespace tacoma
