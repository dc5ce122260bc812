#pragma once
// What the machine was doing meanwhile: how much of it others took, and how fast its disk flushes.
// A figure without these says little on a shared machine.

#include "harness/temp_dir.hpp"
#include "outbox/base/unique_fd.hpp"

#include <cstdint>

namespace outbox::bench {

struct conditions {
    double other_cpu = 0; // part of all cores that processes outside this bench took, 0 to 1
    double steal = 0;     // part that the hypervisor kept
    double syncs_per_s =
        0; // append of 4 KiB and fdatasync, one after another, measured just before
};

/// A round of which more than this went elsewhere is marked; its ratio may stand, its absolute
/// figures not.
inline constexpr double disturbed_above = 0.25;

class machine {
public:
    machine();

    /// Measures the disk, then begins to count processor time.
    void begin();
    conditions end();

    /// Append of 4 KiB + fdatasync per second, over about `milliseconds`.
    double measure_syncs(int milliseconds);

private:
    struct ticks {
        std::uint64_t all = 0;
        std::uint64_t idle = 0;
        std::uint64_t steal = 0;
        std::uint64_t ours = 0; // this process and all below it, also those that have ended
    };
    static ticks count();

    harness::temp_dir dir_;
    unique_fd file_;
    ticks begin_{};
    double syncs_per_s_ = 0;
};

} // namespace outbox::bench
