// Deterministic randomness, given to every process at construction. Distributions are our own because the standard
// library's may differ from one implementation to the next.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "core/base/time.h"

namespace tacoma {

/// xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64.
class Rng {
 public:
  explicit Rng(uint64_t seed) : seed_(seed) {
    for (uint64_t& word : state_) word = split_mix(seed);
  }

  /// An independent generator for a named part. It depends on the seed and the name only, not on how many draws were
  /// made before, so one more actor does not shift what another draws.
  Rng split(std::string_view name) const {
    uint64_t hash = 0xcbf29ce484222325ull ^ seed_;
    for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
    return Rng(split_mix(hash));
  }
  Rng split(std::string_view name, uint64_t index) const {
    Rng named = split(name);
    uint64_t seed = named.seed_ + index * 0x9e3779b97f4a7c15ull;
    return Rng(split_mix(seed));
  }

  uint64_t u64() {
    const uint64_t result = rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }
  uint32_t u32() { return static_cast<uint32_t>(u64() >> 32); }
  /// Uniform in [0, bound), bound > 0 (Lemire's multiply-shift; its bias is below 2^-32 for our bounds).
  uint32_t below(uint32_t bound) {
    TACOMA_ASSERT(bound > 0);
    return static_cast<uint32_t>((uint64_t{u32()} * bound) >> 32);
  }
  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(u64() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return uniform() < probability; }
  /// Exponential with the given mean.
  double exponential(double mean) { return -mean * std::log1p(-uniform()); }
  Duration uniform(Duration low, Duration high) {
    return low + Duration::nanoseconds(static_cast<int64_t>(uniform() * static_cast<double>((high - low).ns())));
  }
  /// Normal by Box and Muller; one draw is thrown away to keep the state a function of the number of calls.
  double normal(double mean, double deviation) {
    const double u = 1.0 - uniform();
    const double v = uniform();
    return mean + deviation * std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }
  void fill(uint8_t* out, size_t size) {
    for (size_t i = 0; i < size; i += 8) {
      uint64_t word = u64();
      for (size_t k = i; k < size && k < i + 8; ++k, word >>= 8) out[k] = static_cast<uint8_t>(word);
    }
  }

 private:
  static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  static uint64_t split_mix(uint64_t& state) {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  uint64_t seed_;
  uint64_t state_[4];
};

}  // namespace tacoma
