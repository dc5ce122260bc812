#pragma once
// Numbers the messages of a relay: a store around the store of a database, for a relay with
// relay_options::numbers on. Every message it hands out carries the headers outbox-source,
// outbox-shard and outbox-number. The numbers of one source begin at 1, have no gap, and rise in
// the order of delivery; and a message that is sent again, whoever died in between, carries the
// number it had. A consumer can therefore remember what it has applied in one row per source.
//
// Before a slice is handed out, its numbers are written into the intent book (intent_book.hpp). Who
// takes the lease claims the book for a source of its own, a random id, and first hands out again
// what is in the book: under the numbers that it has there and in their order, with the cursor
// staying where it is recorded. Then it reads from there once more, leaves out what is in the book,
// and numbers the rest. Two passes, because the store may show the same rows in another order the
// second time.
//
// docs/numbering.md has the reasons and the limits.

#include "outbox/base/random.hpp"
#include "outbox/store/intent_book.hpp"
#include "outbox/store/relay_store.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

/// What may be bound and not yet behind the recorded cursor. At either limit nothing more is read
/// until progress has been recorded; a relay that takes over holds so much in memory.
struct numbering_limits {
    std::size_t intents_max = 4'096;
    std::size_t messages_max = 100'000;
    std::size_t bytes_max = 64U << 20U;
};

/// For one shard. Who uses it calls acquire() again after any call has thrown and the object has
/// been replaced, and then begins at the cursor that acquire() returns.
class numbered_store final : public relay_store {
public:
    /// Throws outbox::error (invalid_argument) when `inner` has no intent book. `random` must
    /// outlive this object and never repeat itself between processes: system_random().
    numbered_store(
        std::unique_ptr<relay_store> inner,
        random_source& random,
        numbering_limits limits = {}
    );

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
    bool forget_applied(std::chrono::seconds age, std::size_t rows_max) override;
    release_answer release_due(int shard, std::int64_t epoch, std::size_t count_max) override;
    store_status status(int shard) override;

private:
    /// An intent of an earlier source.
    struct old_intent {
        std::int64_t place = 0;
        std::string source{};
        /// Messages that the second pass has not met yet.
        std::size_t unpassed = 0;
    };
    /// A message of one of them.
    struct old_message {
        std::size_t intent = 0; // index
        std::int64_t number = 0;
        bool handed_out = false;
        std::optional<stored_message> found{};
    };
    /// What a recorded cursor settles.
    struct read_step {
        cursor after{};
        /// Of the latest reading behind it that brought nothing.
        std::optional<cursor> idle_after{};
        std::vector<std::int64_t> places{};
        std::size_t bound_count = 0;
        std::size_t bound_bytes = 0;
    };
    enum class phase { collecting, sending_again, numbering };
    /// From one acquire() to the next.
    struct reign {
        int shard = 0;
        std::string source{};
        std::int64_t next_place = 0;
        std::int64_t next_number = 1;
        cursor begin{};

        phase now = phase::numbering;
        std::vector<old_intent> old_intents{};
        std::vector<old_message> old_messages{}; // in the order of their numbers
        std::map<bound_message, std::size_t> old_by_row{};
        std::size_t unpassed_intents = 0;
        std::size_t found_count = 0;
        std::size_t send_again_from = 0; // index in old_messages
        cursor collected_to{};

        std::deque<read_step> unrecorded{};
        std::size_t bound_count = 0; // in unrecorded
        std::size_t bound_bytes = 0;
    };

    reign& current(int shard);
    static void take_over(reign& r, const std::vector<intent>& left);
    slice collect(reign& r, const cursor& from, const slice_limits& limits);
    static void end_collecting(reign& r);
    static slice send_again(reign& r, const cursor& from, const slice_limits& limits);
    static void end_second_pass(reign& r, read_step& step);
    slice read_new(reign& r, const cursor& from, const slice_limits& limits);
    static old_message* old_one(reign& r, const stored_message& m);

    std::unique_ptr<relay_store> inner_;
    intent_book* book_;
    random_source* random_;
    numbering_limits limits_;
    std::optional<reign> reign_;
};

} // namespace outbox
