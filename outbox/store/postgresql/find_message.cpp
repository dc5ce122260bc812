#include "outbox/store/postgresql/find_message.hpp"

#include "outbox/store/postgresql/window.hpp"

namespace outbox::postgresql {
namespace {

constexpr statement find_scheduled_table{
    "outbox_find_schedule",
    "select (to_regclass('outbox.scheduled') is not null)::int::bigint",
    "cannot read the schema"};

constexpr statement find_scheduled{
    "outbox_find_scheduled",
    "select subject, due_at from outbox.scheduled where message_id = $1::uuid",
    "cannot read the scheduled messages"};

constexpr statement find_stored{
    "outbox_find_stored",
    "select m.seq, m.xid, m.shard::bigint, m.subject, m.created_at, coalesce(r.cursor_window, ''),"
    " coalesce(r.cursor_seq, 0), (select system_identifier from pg_control_system())"
    " from (select seq, xid, shard, subject, created_at, message_id from outbox.message"
    "   limit $2::bigint) m"
    " left join outbox.relay r on r.shard = m.shard where m.message_id = $1::uuid"
    " limit $3::bigint",
    "cannot read the outbox"};

constexpr statement has_more_rows{
    "outbox_has_more_rows",
    "select (exists (select from outbox.message offset $1::bigint))::int::bigint",
    "cannot read the outbox"};

bool is_relayed(const rows& found, int row) {
    const auto at = window::parse(found.bytes(row, 5));
    // A cursor that came with a dump says nothing about the rows of this cluster.
    if (!at || at->taken_by.system != static_cast<std::uint64_t>(found.number(row, 7)))
        return false;
    const auto xid = static_cast<std::uint64_t>(found.number(row, 1));
    return at->last.sees(xid) ||
           (at->current && at->current->sees(xid) && found.number(row, 0) <= found.number(row, 6));
}

} // namespace

message_search find_message(connection& db, const message_id& id, std::int64_t rows_max) {
    message_search result;
    // What is due moves from there to here: looked for in this order it cannot be passed by.
    if (db.run(find_scheduled_table).number(0, 0) == 1) {
        const rows waiting = db.run(find_scheduled, parameters{}.add(id.text()));
        for (int row = 0; row < waiting.count(); ++row)
            result.scheduled = {.subject = waiting.text(row, 0), .due_at = waiting.time(row, 1)};
    }
    const rows found = db.run(
        find_stored,
        parameters{}.add(id.text()).add(rows_max).add(std::int64_t{message_search::stored_count_max}
        )
    );
    for (int row = 0; row < found.count(); ++row)
        result.stored.push_back({
            .seq = found.number(row, 0),
            .shard = static_cast<int>(found.number(row, 2)),
            .subject = found.text(row, 3),
            .created_at = found.time(row, 4),
            .relayed = is_relayed(found, row),
        });
    if (result.stored.empty() && !result.scheduled)
        result.complete = db.run(has_more_rows, parameters{}.add(rows_max)).number(0, 0) == 0;
    return result;
}

} // namespace outbox::postgresql
