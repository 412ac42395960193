// An endpoint that only has to be somewhere.
#pragma once

#include "bridge/engine/endpoint.h"

namespace tacoma::test {

inline bridge::Endpoint& nobody() {
  alignas(bridge::Endpoint) static unsigned char place[sizeof(bridge::Endpoint)];
  return *reinterpret_cast<bridge::Endpoint*>(place);  // only its address is used
}

}  // namespace tacoma::test
