#pragma once
// How a consumer consumes. Only the group and the subjects must be given.
//
//   {.group = billing, .subjects = {order_paid}, .tags = outbox::tag_filter::any_of({vip})}

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/record_source.hpp"
#include "outbox/consumer/retry_policy.hpp"
#include "outbox/consumer/tag_filter.hpp"
#include "outbox/message/names.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

enum class consume_order {
    /// Of the messages with one order key at most one is in hand at a time, and they come in the
    /// order in which they were sent. One that fails is tried again in memory and holds up its key,
    /// nothing else, until it is done or dead; its partition can be read `span_max` further.
    by_key,
    /// Whatever is there goes to whoever is free. One that fails waits in a retry topic, so that it
    /// holds up nothing.
    none,
};

/// Ordered by key, what becomes of a message that is to wait longer than
/// retry_policy::in_place_max.
enum class ordered_retry {
    /// It waits in memory, and so do those of its key behind it; its partition can be read
    /// `span_max` further.
    in_place,
    /// It is parked: written to SUBJECT.GROUP.parked, and those of its key follow it there, in
    /// their
    /// order, until the last one is done. The partition goes on. For groups all of whose members
    /// are ours.
    park_key,
};

enum class consume_audience {
    /// Each message goes to one member of the group.
    group,
    /// Every instance sees every message ("broadcast"). No progress is recorded: an instance begins
    /// at `start` each time, usually start_point::last(). Retries are in memory.
    everyone,
};

enum class consume_promise {
    /// Handled, then committed. After a crash some messages come again.
    at_least_once,
    /// Committed, then handled. Some messages never come: after a crash, after a partition was lost
    /// to another member, or when the handlers do not get to what is committed within
    /// `stop_patience` or `revoke_patience`. Nothing is retried.
    at_most_once,
};

/// One partition, for callbacks and figures.
struct consumed_partition {
    std::string topic{};
    std::int32_t partition = -1;

    auto operator<=>(const consumed_partition&) const = default;
};

struct consumer_options {
    group_name group;
    /// All members of a group must have the same.
    std::vector<subject> subjects{};
    tag_filter tags{};

    consume_order order = consume_order::by_key;
    ordered_retry retry_order = ordered_retry::in_place;
    consume_audience audience = consume_audience::group;
    consume_promise promise = consume_promise::at_least_once;
    start_point start = start_point::first();

    /// How many threads call the handler.
    std::size_t handlers = 4;
    retry_policy retries{};
    /// Whether what the handler needs is there: the bank, the mail server. Asked before the first
    /// message, when a handler has failed, and before the next try while it is away. As long as it
    /// says no nothing is handed out and no attempt is counted. An exception is a no. Called on the
    /// handlers' threads, several at a time. Without one, only outcome::unavailable() has this
    /// effect.
    std::function<bool()> gate{};
    /// Between two questions to a closed gate: from the first, doubling, to the second.
    std::chrono::milliseconds gate_shortest{200};
    std::chrono::milliseconds gate_longest{10'000};

    // What may be in memory. At the limit nothing more is asked for; when the handlers then finish
    // nothing for a second, partitions that hold their share or more are paused, and the others are
    // read on, so that a limit may be exceeded by half.

    /// Messages read and not finished. 2 or more.
    std::size_t prefetch_count_max = 2'000;
    std::size_t prefetch_bytes_max = 64U << 20U;
    /// How far one partition may be read beyond its first unfinished message, in messages. So many
    /// may come again after a crash; a message that holds up its key for long stops its partition
    /// here.
    std::size_t span_max = 10'000;

    /// Of each partition, how many messages may be parked. At either limit what fails waits in
    /// memory, as with ordered_retry::in_place. All of them are in memory.
    std::size_t parked_count_max = 1'000;
    std::size_t parked_bytes_max = 8U << 20U;

    // When. More than a year is a year, so milliseconds::max() is for ever.

    /// Progress is committed so often, when there is any.
    std::chrono::milliseconds commit_interval{200};
    /// How long messages in hand may take to finish when their partition goes to another member,
    /// and at the end. What takes longer is not committed and comes again, elsewhere.
    std::chrono::milliseconds revoke_patience{10'000};
    std::chrono::milliseconds stop_patience{10'000};
    /// How long the start waits for a broker that is away, before run() and pull() throw. Nothing:
    /// for ever, and the log says so once; a stop ends it within five seconds.
    std::optional<std::chrono::milliseconds> start_patience{};

    // Who wants to know. Called on the consumer's thread: be quick, do not throw.

    std::function<void(const consumed_partition&)> on_assigned{};
    /// Nothing of it is in hand any more, but what has outlasted its patience; `lost`: another
    /// member may have had it for a while, and something of it may be in hand.
    std::function<void(const consumed_partition&, bool lost)> on_revoked{};
    /// A message was given up; it stands in the dead-letter topic.
    std::function<void(const delivery&, const std::string& why)> on_dead_letter{};

    /// Throws outbox::error (invalid_argument) when a value is outside its rule or two contradict
    /// each other.
    void check() const;
};

} // namespace outbox
