#pragma once
// Linking counting_allocator.cpp into a test replaces operator new by one that counts.

#include <cstddef>

namespace outbox::wire::test {

/// Bytes that this thread has asked operator new for so far.
std::size_t allocated_bytes() noexcept;

} // namespace outbox::wire::test
