#include "allocations.h"

#include <cstdlib>
#include <new>

#ifdef __SANITIZE_ADDRESS__  // AddressSanitizer has an operator new of its own and wants no other
namespace tacoma::test {
uint64_t allocations() { return 0; }
}  // namespace tacoma::test
#else
namespace {
uint64_t count = 0;
void* take(std::size_t size) {
  ++count;
  if (void* p = std::malloc(size ? size : 1)) return p;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace tacoma::test {
uint64_t allocations() { return count; }
}  // namespace tacoma::test
#endif
