#pragma once
// The relay's side of a SQLite outbox. One writer at a time means that the order of seq is the
// order of the commits, so the cursor is a plain number.

#include "outbox/base/unique_fd.hpp"
#include "outbox/store/intent_book.hpp"
#include "outbox/store/relay_store.hpp"
#include "outbox/store/sqlite/statement.hpp"

#include <string>

namespace outbox::sqlite {

class relay_store final : public outbox::relay_store, private outbox::intent_book {
public:
    /// The outbox called `name` in the file.
    explicit relay_store(const std::string& path, const outbox_name& name = {});

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

    /// Phantom guard: with `synchronous` below FULL a commit is visible before it is on the disk.
    /// What is about to be told to the world is made durable first.
    void make_durable();
    /// Runs a write that must touch the row of the lease: lease_lost when it touches none.
    write_result write(statement& change);
    bool has_table(const std::string& name);
    bool is_ours(int shard, std::int64_t epoch);
    /// False on the tables of the version before scheduling.
    bool can_schedule();
    std::optional<std::chrono::milliseconds> next_due(int shard);

    outbox_connection db_;
    std::string path_;
    std::string wal_;
    std::string journal_;
    unique_fd folder_;
    statement read_;
    statement advance_;
    statement renew_;
    statement remove_;
    /// Below this seq nothing is left to remove.
    std::int64_t removed_to_ = 0;
    bool can_schedule_ = false;
};

} // namespace outbox::sqlite
