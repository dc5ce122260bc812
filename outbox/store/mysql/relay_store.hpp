#pragma once
// The relay's side of an outbox in MariaDB or MySQL. InnoDB numbers rows before it commits them, so
// the cursor is a number and the holes below it that may still be filled (open_holes.hpp).
//
// What runs must be the server that the messages are written on: a replica shows the past.

#include "outbox/store/intent_book.hpp"
#include "outbox/store/mysql/connection.hpp"
#include "outbox/store/mysql/open_holes.hpp"
#include "outbox/store/mysql/server_traits.hpp"
#include "outbox/store/mysql/slice_plan.hpp"
#include "outbox/store/mysql/statement_horizon.hpp"
#include "outbox/store/relay_store.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outbox::mysql {

struct relay_store_options {
    outbox_name name{};
    timeouts limits{};
    /// How often it is looked whether holes can be closed. Each time costs three or four short
    /// statements.
    std::chrono::milliseconds settle_interval{50};
    /// Where the sessions of others cannot be seen: how long a single INSERT is believed to take at
    /// most, from its number to its row. A hole closes when one to two times this has passed and no
    /// transaction, however old, has a row in it.
    std::chrono::milliseconds hole_patience{10'000};
    /// How often a relay with nothing to do looks whether the numbers have begun again below its
    /// cursor: after a TRUNCATE by hand.
    std::chrono::milliseconds counter_interval{1'000};
    /// At so many open holes no message above them is read until some close. Each costs about 10
    /// bytes of the recorded cursor and 1 us of every read.
    std::size_t open_holes_max = 20'000;
    /// How long a slice may wait until the log is on the disk, where not each commit sees to that.
    std::chrono::milliseconds durable_patience{5'000};
};

class relay_store final : public outbox::relay_store, private outbox::intent_book {
public:
    /// Throws unreachable.
    explicit relay_store(const server_url& where, relay_store_options options = {});

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

    struct found_row {
        int shard = 0;
        std::size_t bytes = 0;
        /// Too big to have come along with the others.
        bool lacks_content = false;
        stored_message message{};
    };
    struct shard_state {
        /// Up to here everything is removed, but for what stood in these holes.
        std::int64_t removed_to = 0;
        open_holes passed_over{};
        /// The recorded number when the numbers began again. While it stands, nothing is removed.
        std::optional<std::int64_t> outlived{};
    };

    open_holes next_piece(shard_state& state, const cursor& recorded, const open_holes& open);
    rows relay_row(int shard, const char* columns);
    write_result write(const std::string& sql, const char* failure);
    /// Runs `work`, which says whether to commit, in a transaction.
    template <class Work>
    write_result in_transaction(const char* failure, const Work& work);
    // In reading.cpp.
    std::vector<found_row>
    fetch(const std::string& where, std::size_t count_max, std::size_t content_max);
    void fetch_big_contents(std::vector<found_row>& rows);
    /// Whether messages get numbers that the cursor has passed.
    bool is_beyond_counter(const cursor& at);
    void make_durable(int shard);
    // In settling.cpp.
    void settle(slice_plan& plan);
    void look_at_sessions();
    void close_where_nothing_is(slice_plan& plan, const open_holes& settled);
    bool holds_nothing(std::span<const number_range> ranges, int& statements_left);
    void
    close_clean_parts(slice_plan& plan, std::span<const number_range> ranges, int& statements_left);
    // In scheduled.cpp.
    bool has_table(const char* name);
    /// False on the tables of the version before scheduling.
    bool can_schedule();
    std::optional<std::chrono::milliseconds> next_due(int shard);
    std::size_t move_due(int shard, std::size_t count_max);
    std::int64_t count_scheduled(int shard);

    relay_store_options options_;
    connection db_;
    server_traits traits_;
    statement_horizon horizon_;
    /// Of all rows ever read by this session.
    std::int64_t highest_seen_ = 0;
    tick_point settle_at_{};
    tick_point look_at_counter_at_{};
    bool is_stalled_ = false;
    bool can_schedule_ = false;
    std::map<int, shard_state> shards_;
};

} // namespace outbox::mysql
