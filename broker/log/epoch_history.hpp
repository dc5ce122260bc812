#pragma once
// Which leader epoch wrote which offsets of a partition: a short list, one entry for each run of
// the broker that could append. Because it knows the epoch of every offset it notices when the
// epoch in a stored batch, which no checksum covers, has been damaged. A pure structure.

#include <cstdint>
#include <vector>

namespace outbox::broker {

struct epoch_start {
    std::int32_t epoch = 0;
    std::int64_t offset = 0;
    friend bool operator==(const epoch_start&, const epoch_start&) = default;
};

class epoch_history {
public:
    epoch_history() = default;
    /// `starts` ascending in both members, as from entries().
    explicit epoch_history(std::vector<epoch_start> starts) : starts_(std::move(starts)) {}

    /// From `offset` on, `epoch` writes. Entries at or beyond `offset` are dropped: they wrote
    /// nothing.
    void begin(std::int32_t epoch, std::int64_t offset);

    /// Drops what only concerns offsets below `first_offset`, the first that stands in a file.
    void trim(std::int64_t first_offset);

    /// -1 if unknown.
    std::int32_t epoch_of(std::int64_t offset) const noexcept;

    const std::vector<epoch_start>& entries() const noexcept { return starts_; }
    bool empty() const noexcept { return starts_.empty(); }

private:
    std::vector<epoch_start> starts_;
};

} // namespace outbox::broker
