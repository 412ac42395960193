#pragma once

#include "core/base/rng.h"
#include "core/secure/srtp.h"

namespace tacoma::test {

inline SrtpKey random_key(uint64_t seed) {
  SrtpKey key;
  Rng(seed).fill(key.bytes.data(), key.bytes.size());
  return key;
}

}  // namespace tacoma::test
