#pragma once
// What of one partition has been read and not yet committed. Records are finished in any order, but
// what may be committed is only the prefix: everything below the first one that is not finished.
// Offsets have gaps, where a log was compacted or a transaction ended; they do not matter here.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace outbox {

class partition_window {
public:
    /// A record was read. Returns its number in this window. Precondition: `offset` is above all
    /// before it.
    std::uint64_t add(std::int64_t offset);
    /// Done with it, whichever way. Precondition: add() returned `number`, and it was not finished.
    void finish(std::uint64_t number);

    /// The offset to commit: that of the first record that is not finished, or the one behind the
    /// last. Nothing as long as nothing was read.
    std::optional<std::int64_t> committable() const noexcept;
    /// Records from the first unfinished one to the last that was read: the span that would be read
    /// again.
    std::size_t span() const noexcept { return entries_.size(); }

    /// Records that were ever in the prefix.
    std::uint64_t prefix_count() const noexcept { return first_number_; }
    /// Records that were ever finished, in the prefix or not.
    std::uint64_t finished_count() const noexcept { return finished_count_; }

private:
    struct entry {
        std::int64_t offset = 0;
        bool finished = false;
    };
    std::deque<entry> entries_;
    std::uint64_t first_number_ = 0;
    std::uint64_t finished_count_ = 0;
    std::optional<std::int64_t> behind_last_;
};

} // namespace outbox
