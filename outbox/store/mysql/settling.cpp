// Which gaps in the numbers nobody can fill any more.

#include "outbox/store/mysql/relay_store.hpp"
#include "outbox/store/mysql/row_condition.hpp"

namespace outbox::mysql {
namespace {

// Of each look at uncommitted rows. What lies behind the last one of them stays open.
constexpr std::size_t uncommitted_rows_max = 10'000;
// When something in the settled holes is locked: so many statements at a time to find out where.
constexpr int probes_per_settling_max = 64;

} // namespace

void relay_store::settle(slice_plan& plan) {
    const tick_point now = system_clock().ticks();
    if (plan.holes.empty() || now < settle_at_)
        return;
    settle_at_ = now + options_.settle_interval;
    if (plan.holes.ranges().back().last > horizon_.reached()) {
        if (traits_.sees_all_statements)
            look_at_sessions();
        else
            horizon_.assume(highest_seen_, now, options_.hole_patience);
    }
    const open_holes settled = plan.holes.up_to(horizon_.reached());
    if (!settled.empty())
        close_where_nothing_is(plan, settled);
}

void relay_store::look_at_sessions() {
    rows answer = db_.query(
        "select id from information_schema.processlist where id <> connection_id()"
        " and command not in ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
        " and user not in ('system user', 'event_scheduler')",
        "cannot look at the sessions"
    );
    std::vector<std::int64_t> executing;
    while (answer.next())
        executing.push_back(answer.number(0));
    horizon_.look(highest_seen_, executing);
}

// Every INSERT that drew one of these numbers is over. A row that is there and not yet committed
// shows itself to a dirty read; what even that does not see, such as a row that its transaction has
// deleted and may bring back with ROLLBACK TO SAVEPOINT, is locked. Where a lock is to be had at
// once and no row is found, there will be none.
void relay_store::close_where_nothing_is(slice_plan& plan, const open_holes& settled) {
    rows there = db_.query(
        "set transaction isolation level read uncommitted;"
        " select seq from outbox_message force index (primary) where " +
            is_in(settled.ranges()) + " order by seq limit " + std::to_string(uncommitted_rows_max),
        "cannot look at uncommitted messages"
    );
    std::vector<std::int64_t> numbers;
    while (there.next())
        numbers.push_back(there.number(0));
    open_holes empty = settled;
    if (numbers.size() == uncommitted_rows_max)
        empty = empty.up_to(numbers.back());
    // The stretch between the first and the last row of a hole waits: so one hole never becomes
    // two.
    empty.close_stretches(numbers);
    int statements_left = probes_per_settling_max;
    close_clean_parts(plan, empty.ranges(), statements_left);
}

void relay_store::close_clean_parts(
    slice_plan& plan,
    std::span<const number_range> ranges,
    int& statements_left
) {
    if (ranges.empty() || statements_left <= 0)
        return;
    if (holds_nothing(ranges, statements_left)) {
        for (const number_range& range : ranges)
            plan.holes.close(range);
        return;
    }
    if (ranges.size() == 1)
        return;
    const std::size_t half = ranges.size() / 2;
    close_clean_parts(plan, ranges.first(half), statements_left);
    close_clean_parts(plan, ranges.subspan(half), statements_left);
}

bool relay_store::holds_nothing(std::span<const number_range> ranges, int& statements_left) {
    --statements_left;
    try {
        return db_.query(
                      "select seq from outbox_message force index (primary) where " +
                          is_in(ranges) + " limit 1 " + traits_.share_nowait,
                      "cannot look for locks on messages"
               )
                   .count() == 0;
    } catch (const sql_error& e) {
        if (!is_lock_refusal(e.code()))
            throw;
        return false;
    }
}

} // namespace outbox::mysql
