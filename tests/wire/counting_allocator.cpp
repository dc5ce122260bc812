// A file of its own: GCC takes a pair of replaced operators for a mismatch where it sees only one
// of them inlined.

#include "tests/wire/counting_allocator.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocated = 0;

} // namespace

void* operator new(std::size_t size) {
    allocated += size;
    if (void* p = std::malloc(size))
        return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}

namespace outbox::wire::test {

std::size_t allocated_bytes() noexcept {
    return allocated;
}

} // namespace outbox::wire::test
