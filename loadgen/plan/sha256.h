#pragma once

#include <string>
#include <string_view>

namespace tacoma {

/// SHA-256 (FIPS 180-4) in hex; here for the scenario's text, so that this room needs no crypto library.
std::string sha256_hex(std::string_view text);

}  // namespace tacoma
