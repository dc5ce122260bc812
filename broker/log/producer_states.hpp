#pragma once
// What one partition remembers of its idempotent producers, so that a retry is recognised and a gap
// refused. A pure structure: the log feeds it and asks it; it is rebuilt by feeding it the log
// again.
//
// The rules are Kafka's. A producer nobody knows may begin with any sequence number: its history
// may have expired. Sequence numbers run from 0 to 2^31 - 1 and then begin again at 0. One thread
// at a time.

#include "broker/log/format.hpp"
#include "broker/log/stored_batch.hpp"
#include "outbox/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

namespace outbox::broker {

/// The sequence number `steps` after `sequence`, beyond 2^31 - 1 from 0 again.
std::int32_t sequence_after(std::int32_t sequence, std::int32_t steps) noexcept;

class producer_states {
public:
    explicit producer_states(std::size_t count_max) noexcept : count_max_(count_max) {}

    enum class verdict {
        append,    // new: write it, then note() it
        duplicate, // written before
        out_of_order,
        invalid_epoch,
    };
    struct decision {
        verdict what = verdict::append;
        std::int64_t base_offset = -1; // of the first time, when duplicate
        std::int64_t last_offset = -1;
    };

    /// What to do with a batch of a producer (producer id >= 0). Changes nothing.
    decision check(const wire::batch_header& batch) const;

    /// `batch` stands in the log at its base offset. Forgets the producer silent the longest when
    /// there are too many.
    void note(const wire::batch_header& batch);

    std::size_t count() const noexcept { return states_.size(); }

    /// The body of a snapshot, and its reverse: nothing if `body` is not one.
    bytes encode() const;
    static std::optional<producer_states> decode(bytes_view body, std::size_t count_max);

private:
    struct written_batch {
        std::int32_t first_sequence = 0;
        std::int32_t last_sequence = 0;
        std::int64_t base_offset = 0;
        std::int64_t last_offset = 0;
    };
    struct state {
        std::int16_t epoch = -1;
        std::size_t batch_count = 0;
        std::array<written_batch, format::producer_batches_max> batches{}; // oldest first
        std::list<std::int64_t>::iterator age;
    };

    state& touch(std::int64_t producer_id);

    std::size_t count_max_;
    std::unordered_map<std::int64_t, state> states_;
    std::list<std::int64_t> by_age_; // silent the longest first
};

} // namespace outbox::broker
