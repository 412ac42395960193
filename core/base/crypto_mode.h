#pragma once

#include <cstdint>

namespace tacoma {

/// `null` keeps every size and every step of DTLS and SRTP but encrypts nothing, for scale.
enum class Crypto : uint8_t { real, null };

}  // namespace tacoma
