#pragma once
// Up to which number every INSERT is over.
//
// The server draws a row's number first and writes the row a moment later, within one statement
// (InnoDB: ha_innobase::write_row calls update_auto_increment before row_insert_for_mysql; only the
// latter starts and lists the transaction). So whoever has a number below one that we have seen
// either is still executing that statement, or has written its row, where a look that does not wait
// for commits finds it, or will never write it.
//
// A look at the sessions that execute something therefore bounds the matter: when each of the
// statements seen then is over, then below the highest number known before that look a row that is
// not there will not come.
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

/// A session that was executing something, and for how long by the server's clock.
struct busy_session {
    std::int64_t id = 0;
    std::chrono::microseconds busy_for{0};
};

/// Pure; the caller owns the clock.
class statement_horizon {
public:
    /// `resolution` of the times in looks: how much shorter than true `busy_for` may be.
    explicit statement_horizon(std::chrono::microseconds resolution) noexcept
        : resolution_(resolution) {}

    /// Numbers up to this are settled: their rows are there, committed or not, or never will be.
    std::int64_t reached() const noexcept { return reached_; }

    /// All sessions that executed something between `asked` and `answered`, except the caller's.
    /// `highest_seen` is the highest number of any row that was read before `asked`.
    void look(
        std::int64_t highest_seen,
        std::span<const busy_session> executing,
        tick_point asked,
        tick_point answered
    );
    /// Instead of a look: everything that was there `patience` ago counts as over.
    void assume(std::int64_t highest_seen, tick_point now, std::chrono::milliseconds patience);

private:
    struct seen_session {
        busy_session then{};
        tick_point at{};
    };
    struct pending {
        std::int64_t up_to = 0;
        tick_point since{};
        std::vector<seen_session> waited_for{};
    };
    bool
    is_over(const seen_session& old, std::span<const busy_session> now, tick_point asked) const;

    std::chrono::microseconds resolution_;
    std::int64_t reached_ = 0;
    std::optional<pending> pending_{};
};

} // namespace outbox::mysql
