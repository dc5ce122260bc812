#pragma once
// Up to which number every INSERT is over.
//
// The server draws a row's number first and writes the row a moment later, within one statement
// (InnoDB: ha_innobase::write_row calls update_auto_increment before row_insert_for_mysql; only the
// latter starts and lists the transaction). So whoever has a number below one that we have seen
// either is still executing that statement, or has written its row, where a look that does not wait
// for commits finds it, or will never write it.
//
// A look at the sessions that execute something therefore bounds the matter: when each of them has
// been seen at rest, or is gone, then below the highest number known before the look a row that is
// not there will not come. At rest, and not merely with another statement: an INSERT of several
// rows draws all their numbers with the first, and what it calls before the others (functions,
// triggers) begins QUERY_ID, TIME and TIME_MS of its session anew.
//
// Where sessions cannot be seen, time stands in for the look: no statement is believed to take
// longer from its number to its row than the caller's patience.

#include "outbox/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace outbox::mysql {

/// Pure; the caller owns the clock.
class statement_horizon {
public:
    /// Numbers up to this are settled: their rows are there, committed or not, or never will be.
    std::int64_t reached() const noexcept { return reached_; }

    /// `executing`: the ids of all sessions that executed something when it was looked, except the
    /// caller's. `highest_seen`: the highest number of any row that was read before the look began.
    void look(std::int64_t highest_seen, std::span<const std::int64_t> executing);
    /// Instead of a look: everything that was there `patience` ago counts as over.
    void assume(std::int64_t highest_seen, tick_point now, std::chrono::milliseconds patience);

private:
    struct pending {
        std::int64_t up_to = 0;
        std::vector<std::int64_t> waited_for{};
        tick_point since{};
    };

    std::int64_t reached_ = 0;
    std::optional<pending> pending_{};
};

} // namespace outbox::mysql
