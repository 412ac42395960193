// Which congestion controller bridges and people of a run use.
#pragma once

#include <cstdint>

namespace tacoma {

/// none: senders send what they have, whatever the network makes of it.
enum class Congestion : uint8_t { gcc, nada, none };

}  // namespace tacoma
