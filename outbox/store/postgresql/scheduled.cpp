// Messages for later: their table, and how those that are due become messages.

#include "outbox/store/postgresql/relay_store.hpp"

namespace outbox::postgresql {
namespace {

using std::chrono::milliseconds;

constexpr statement find_schedule{
    "outbox_find_schedule",
    "select (to_regclass('outbox.scheduled') is not null)::int::bigint",
    "cannot read the schema"};

// Bounded, because infinity is a time as well and cannot be reckoned with.
constexpr statement look_at_next_due{
    "outbox_look_at_next_due",
    "select case when due_at <= clock_timestamp() then 0 else greatest(0, ceil(extract(epoch from"
    " least(due_at, clock_timestamp() + interval '1 day') - clock_timestamp()) * 1000))::bigint end"
    " from outbox.scheduled where shard = $1::smallint order by due_at limit 1",
    "cannot read the scheduled messages"};

// Who cancels a message at this moment holds its row; it is left alone and looked at again.
constexpr statement move_due{
    "outbox_move_due",
    "with due as (delete from outbox.scheduled where message_id = any (array("
    "  select message_id from outbox.scheduled where shard = $1::smallint"
    "   and due_at <= clock_timestamp()"
    "   and exists (select from outbox.relay where shard = $1::smallint and epoch = $2::bigint"
    "     and owner <> '')"
    "   order by due_at, seq limit $3::bigint for update skip locked)) returning *)"
    " insert into outbox.message (shard, message_id, subject, order_key, headers, payload)"
    " select shard, message_id, subject, order_key, headers, payload from due"
    " order by due_at, due.seq",
    "cannot release scheduled messages"};

constexpr statement count_waiting{
    "outbox_count_scheduled",
    "select count(*) from (select from outbox.scheduled where shard = $1::smallint"
    " limit $2::bigint) x",
    "cannot count the scheduled messages"};

} // namespace

bool relay_store::can_schedule() {
    if (!can_schedule_)
        can_schedule_ = db_.run(find_schedule).number(0, 0) == 1;
    return can_schedule_;
}

release_answer relay_store::release_due(int shard, std::int64_t epoch, std::size_t count_max) {
    if (!can_schedule())
        return {};
    const auto next_due = [&]() -> std::optional<milliseconds> {
        const rows found = db_.run(look_at_next_due, parameters{}.add(shard));
        if (found.count() == 0)
            return std::nullopt;
        return milliseconds{found.number(0, 0)};
    };
    release_answer answer{.result = write_result::done, .released = 0, .next_due = next_due()};
    if (answer.next_due != milliseconds{0})
        return answer;
    if (!has_lease(shard, epoch)) {
        answer.result = write_result::lease_lost;
        return answer;
    }
    const rows moved = db_.run(
        move_due,
        parameters{}.add(shard).add(epoch).add(static_cast<std::int64_t>(count_max))
    );
    answer.released = static_cast<std::size_t>(moved.touched());
    answer.next_due = next_due();
    return answer;
}

std::int64_t relay_store::count_scheduled(int shard) {
    if (!can_schedule())
        return 0;
    return db_.run(count_waiting, parameters{}.add(shard).add(store_status::backlog_counted_max))
        .number(0, 0);
}

} // namespace outbox::postgresql
