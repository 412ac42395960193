// Counts what this binary takes from the heap.
#pragma once

#include <cstdint>

namespace tacoma::test {
uint64_t allocations();
}
