// A broken internal rule must never forward media: the check stays on in release builds and aborts.
#pragma once

#include <cstdio>
#include <cstdlib>

#define TACOMA_ASSERT(condition)                                                               \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      std::fprintf(stderr, "%s:%d: internal rule broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                            \
    }                                                                                          \
  } while (false)
