#pragma once
// The relay's side of a PostgreSQL outbox: windows between snapshots (window.hpp), read in one
// statement when they are small and through a list of places (row_list.hpp) when they are big.

#include "outbox/store/intent_book.hpp"
#include "outbox/store/postgresql/connection.hpp"
#include "outbox/store/postgresql/ring.hpp"
#include "outbox/store/postgresql/row_list.hpp"
#include "outbox/store/postgresql/window.hpp"
#include "outbox/store/relay_store.hpp"

#include <map>
#include <optional>
#include <string>

namespace outbox::postgresql {

struct relay_store_options {
    outbox_name name{};
    timeouts limits{};
    /// Rows of a big window whose places are remembered at once, 16 bytes each. A bigger window is
    /// scanned again for each such part.
    std::size_t listed_rows_max = 2'000'000;
    /// How long one read may go on collecting places before it returns, so that the caller can see
    /// to its lease.
    std::chrono::milliseconds listing_time_max{500};
    ring_options ring{};
};

class relay_store final : public outbox::relay_store, private outbox::intent_book {
public:
    /// Throws unreachable, also when the server is a standby.
    explicit relay_store(const std::string& url, relay_store_options options = {});

    outbox::intent_book* intents() noexcept override { return this; }
    lease_answer acquire(
        int shard,
        const std::string& owner,
        std::chrono::milliseconds duration,
        const std::string& doorbell
    ) override;
    write_result renew(int shard, std::int64_t epoch, std::chrono::milliseconds duration) override;
    void release(int shard, std::int64_t epoch) override;
    slice read(int shard, const cursor& from, const slice_limits& limits) override;
    write_result advance(int shard, std::int64_t epoch, const cursor& to) override;
    bool remove_delivered(int shard, std::int64_t epoch) override;
    release_answer release_due(int shard, std::int64_t epoch, std::size_t count_max) override;
    bool
    forget_applied(std::chrono::seconds age, std::size_t rows_max) override; // forget_applied.cpp
    store_status status(int shard) override;

private:
    // In intents.cpp.
    claim_answer claim(int shard, std::int64_t epoch, const std::string& source) override;
    std::vector<intent> load(int shard) override;
    write_result bind(int shard, const intent& what) override;
    write_result advance_and_forget(
        int shard,
        std::int64_t epoch,
        const cursor& to,
        std::span<const std::int64_t> places
    ) override;

    /// The places of a big window's rows, while it is read.
    struct listing {
        std::string window;
        std::int64_t listed_after = 0;
        row_list rows;
        /// Transactions below are collected; nothing when all are.
        std::optional<std::uint64_t> next_xid{};
    };
    struct shard_state {
        /// The recorded cursor as this session has read it.
        std::optional<cursor> recorded{};
        std::optional<listing> big{};
    };

    /// Whether `epoch` is the lease's. By the lease's own clock it may be over.
    bool has_lease(int shard, std::int64_t epoch);
    static bool is_start(const cursor& at);
    /// Throws corrupt.
    window window_of(const cursor& at) const;
    cursor trusted(int shard, const cursor& given);
    bool is_trusted(int shard, const cursor& given) const;
    cursor recorded_cursor(int shard);
    void adopt_foreign_rows();

    // In reading.cpp.
#ifdef OUTBOX_BREAK_ID_CURSOR
    slice read_by_number(int shard, const cursor& from, const slice_limits& limits);
#endif
    slice read_new_window(int shard, const cursor& from, const slice_limits& limits);
    slice
    read_listed(int shard, const cursor& from, const window& between, const slice_limits& limits);
    bool collect_places(int shard, const cursor& from, const window& between);
    std::optional<slice> fetch(
        const listing& big,
        const cursor& from,
        const window& between,
        const slice_limits& limits
    );
    void make_durable();

    // In scheduled.cpp.
    /// False on the tables of the version before scheduling.
    bool can_schedule();
    std::int64_t count_scheduled(int shard);

    relay_store_options options_;
    connection db_;
    std::string server_;
    identity identity_;
    ring ring_;
    std::map<int, shard_state> shards_;
    bool can_schedule_ = false;
};

} // namespace outbox::postgresql
