#include "core/secure/openssl_scope.h"

// RAND_METHOD is deprecated in favour of providers, which take ten times the code for the same; OpenSSL 3 honours it.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>
#include <sys/time.h>
#include <time.h>

#include "core/base/assert.h"

namespace tacoma {
namespace {

// constinit: reading them costs no guard, and gettimeofday may be called before any constructor has run.
constinit thread_local bool has_virtual_now = false;
constinit thread_local int64_t virtual_now_ns = 0;
constinit thread_local Rng* seeded_rng = nullptr;

// OpenSSL takes a time of zero for "no timer", so the virtual zero lies at an arbitrary later date.
constexpr int64_t kVirtualEpochSeconds = 1'000'000'000;

int draw(unsigned char* out, int size) {
  if (size < 0) return 0;
  if (!seeded_rng) return RAND_OpenSSL()->bytes(out, size);
  seeded_rng->fill(out, static_cast<size_t>(size));
  return 1;
}
int ignore_seed(const void*, int) { return 1; }
int ignore_add(const void*, int, double) { return 1; }
int always_ready() { return 1; }

void install_method() {
  static const RAND_METHOD method = {ignore_seed, draw, nullptr, ignore_add, draw, always_ready};
  static const bool installed = RAND_set_rand_method(&method) == 1;
  TACOMA_ASSERT(installed);
}

}  // namespace

OpenSslScope::OpenSslScope(Instant now, Rng& rng, SecureRandomness randomness) {
  TACOMA_ASSERT(!has_virtual_now);
  install_method();
  has_virtual_now = true;
  virtual_now_ns = now.ns();
  seeded_rng = randomness == SecureRandomness::seeded ? &rng : nullptr;
}

OpenSslScope::~OpenSslScope() {
  has_virtual_now = false;
  seeded_rng = nullptr;
}

}  // namespace tacoma

// OpenSSL 3.0's DTLS timer has no other door (d1_lib.c calls gettimeofday). A definition in the program goes before libc's for
// every library it loads; whoever calls without a scope gets the kernel's answer.
extern "C" int gettimeofday(struct timeval* tv, void*) noexcept {
  if (tacoma::has_virtual_now) {
    tv->tv_sec = tacoma::kVirtualEpochSeconds + tacoma::virtual_now_ns / 1'000'000'000;
    tv->tv_usec = tacoma::virtual_now_ns / 1'000 % 1'000'000;
    return 0;
  }
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  tv->tv_sec = now.tv_sec;
  tv->tv_usec = now.tv_nsec / 1'000;
  return 0;
}
