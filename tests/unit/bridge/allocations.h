// Counts what this binary takes from the heap (nothing under AddressSanitizer, which has an operator new of its own).
#pragma once

#include <cstdint>

namespace tacoma::test {
uint64_t allocations();
}
