#pragma once
// The seam between a relay and one business database: lease, reading, progress, removal. One object
// is one connection and belongs to one thread. Every call has a deadline of its own and throws
// outbox::error; `unreachable` means that the connection is gone and the object must be replaced.

#include "outbox/message/envelope.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

/// How far a relay has come. Opaque to the relay: only the store that made it can read it.
struct cursor {
    /// What besides `seq` defines the place, such as a pair of snapshots; empty where seq alone
    /// does.
    std::string window{};
    std::int64_t seq = 0;

    bool operator==(const cursor&) const = default;
};

struct slice_limits {
    std::size_t message_count_max = 5'000;
    /// Of payloads, headers and keys; at least one message is read however large it is.
    std::size_t bytes_max = 8U << 20U;
};

/// Consecutive committed messages behind a cursor, in delivery order. Without messages, `more` and
/// `stalled`: nothing was there.
struct slice {
    std::vector<stored_message> messages{};
    /// Where to read on once these are delivered. May differ from the place asked for even when
    /// there is no message.
    cursor after{};
    /// True when more is known to be there, so that reading on at once is worth it.
    bool more = false;
    /// More is there and cannot be read before something else has ended: ask again later.
    bool stalled = false;
    /// True: `after` is worth recording even though there is no message.
    bool record = false;
};

struct lease {
    /// Rises with every grant, also to the same owner, because a write of its lost session may
    /// still be under way; goes into every write of the relay.
    std::int64_t epoch = 0;
    cursor from{};
};

struct lease_answer {
    std::optional<lease> granted{};
    /// Who holds it instead, and for how long by the database's clock, counted from now.
    std::string holder{};
    std::chrono::milliseconds held_for{0};
};

enum class write_result {
    done,
    /// Somebody else has the lease: stop acting for this shard at once.
    lease_lost,
    /// The database is busy with somebody's write transaction (SQLite): nothing is wrong, try again
    /// soon.
    busy,
};

/// What became of the scheduled messages that are due.
struct release_answer {
    write_result result = write_result::done;
    std::size_t released = 0;
    /// How long until the next one is due by the database's clock, 0 when more are due already;
    /// nothing when none is waiting.
    std::optional<std::chrono::milliseconds> next_due{};
};

/// For people and metrics.
struct store_status {
    /// Committed and not yet delivered; counted to `backlog_counted_max`, not further.
    std::int64_t backlog = 0;
    static constexpr std::int64_t backlog_counted_max = 100'001;
    /// Age of the oldest of them by the database's clock; nothing when there is none.
    std::optional<std::chrono::milliseconds> oldest_age{};
    /// Waiting until they are due; counted like `backlog`, and not part of it.
    std::int64_t scheduled = 0;
    std::string lease_holder{};
    std::int64_t lease_epoch = 0;
    std::chrono::milliseconds lease_left{0};
    cursor at{};
    /// As text for people: what `at` says in this database's words.
    std::string cursor_text{};
};

class intent_book;

class relay_store {
public:
    virtual ~relay_store() = default;

    /// The book of numbers in the same database (intent_book.hpp), as long-lived as this object;
    /// null where there is none.
    virtual intent_book* intents() noexcept { return nullptr; }

    /// Takes the shard's lease for `duration` on the database's clock if it is free, expired, or
    /// already `owner`'s, and publishes `doorbell` for producers. `owner` is unique for each start
    /// of a process.
    virtual lease_answer acquire(
        int shard,
        const std::string& owner,
        std::chrono::milliseconds duration,
        const std::string& doorbell
    ) = 0;

    virtual write_result
    renew(int shard, std::int64_t epoch, std::chrono::milliseconds duration) = 0;

    /// Gives the lease back so that another may take it at once. Harmless when it is not held.
    virtual void release(int shard, std::int64_t epoch) = 0;

    /// Committed messages behind `from`. Never one whose transaction is not yet durable, never one
    /// twice for consecutive cursors, and sooner or later every one: a transaction that commits
    /// late, under a lower seq than those already read, is part of a later slice.
    virtual slice read(int shard, const cursor& from, const slice_limits& limits) = 0;

    /// Records that everything before `to` is delivered. The write itself may be lost in a crash:
    /// that re-sends.
    virtual write_result advance(int shard, std::int64_t epoch, const cursor& to) = 0;

    /// Gives back space behind the recorded cursor, a bounded piece of work at a time. True: there
    /// is more to remove.
    virtual bool remove_delivered(int shard, std::int64_t epoch) = 0;

    /// Makes at most `count_max` scheduled messages that are due by the database's clock readable,
    /// each once, the one that was due first before the others. When it throws anything but
    /// `unreachable`, none has been, and the session is as it was.
    virtual release_answer release_due(int shard, std::int64_t epoch, std::size_t count_max) = 0;

    /// Removes what consumers have noted longer than `age` ago by the database's clock: keys,
    /// claims that are done or whose lease is over, sets of numbers; at most `rows_max` of each
    /// kind, of all groups. True: there is more to remove. It asks for no epoch, because what it
    /// may remove depends on nothing but the age. Tables of an older version that have no place for
    /// notes hold none.
    virtual bool forget_applied(std::chrono::seconds age, std::size_t rows_max) = 0;

    virtual store_status status(int shard) = 0;
};

} // namespace outbox
