#pragma once
// The seam through which chance enters: identities, message ids, jitter, the nemesis of the crash
// tests.

#include <cstdint>
#include <span>

namespace outbox {

class random_source {
public:
    virtual ~random_source() = default;
    virtual std::uint64_t next() = 0;

    /// Uniform in [0, bound); bound must be positive.
    std::uint64_t below(std::uint64_t bound);
    void fill(std::span<unsigned char> out);
};

/// Unpredictable and safe to use from any thread; for identities that must not collide between
/// processes, and so correct in a child after fork().
random_source& system_random() noexcept;

/// Reproducible: the same seed gives the same numbers on every machine (splitmix64). One thread at
/// a time.
class seeded_random final : public random_source {
public:
    explicit seeded_random(std::uint64_t seed) noexcept : state_(seed) {}
    std::uint64_t next() override;

private:
    std::uint64_t state_;
};

} // namespace outbox
