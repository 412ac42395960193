// Explicit congestion notification in the IP header (RFC 3168 section 5).
#pragma once

#include <cstdint>

namespace tacoma {

/// The codepoint of a datagram, as the two low bits of IPv4's type of service and IPv6's traffic class have it. Who sends ECT(0) or ECT(1)
/// has an end that reports marks back; a queue that would drop such a packet early may make it CE instead.
enum class Ecn : uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

}  // namespace tacoma
