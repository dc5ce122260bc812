#include "outbox/store/postgresql/find_message.hpp"

#include "outbox/store/each_group.hpp"
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

constexpr statement may_read_notes{
    "outbox_may_read_notes",
    "select coalesce(has_column_privilege(to_regclass('outbox.consumed'), 'message_key', 'select')"
    " and has_column_privilege(to_regclass('outbox.claim'), 'message_key', 'select'),"
    " false)::int::bigint",
    "cannot read the schema"};

constexpr statement find_consumed{
    "outbox_find_consumed",
    OUTBOX_EACH_GROUP_OF("outbox.consumed"
    ) "select name, case when c.message_key is not null then 0 end::bigint, c.consumed_at,"
      " null::timestamptz"
      " from walk left join outbox.consumed c on c.group_name = name and c.message_key = $1::bytea"
      " where name is not null order by name",
    "cannot read what groups have applied"};

constexpr statement find_claimed{
    "outbox_find_claimed",
    OUTBOX_EACH_GROUP_OF("outbox.claim"
    ) "select name, case when c.message_key is null then null when c.lease_until is null then 1"
      " when c.lease_until > clock_timestamp() then 2 else 3 end::bigint, c.changed_at, "
      "c.lease_until"
      " from walk left join outbox.claim c on c.group_name = name and c.message_key = $1::bytea"
      " where name is not null order by name",
    "cannot read what groups have claimed"};

bool is_relayed(const rows& found, int row) {
    const auto at = window::parse(found.bytes(row, 5));
    // A cursor that came with a dump says nothing about the rows of this cluster.
    if (!at || at->taken_by.system != static_cast<std::uint64_t>(found.number(row, 7)))
        return false;
    const auto xid = static_cast<std::uint64_t>(found.number(row, 1));
    return at->last.sees(xid) ||
           (at->current && at->current->sees(xid) && found.number(row, 0) <= found.number(row, 6));
}

void find_noted(connection& db, const message_id& id, message_search& into) {
    if (db.run(may_read_notes).number(0, 0) == 0)
        return;
    into.noted.emplace();
    for (const statement& each : {find_consumed, find_claimed}) {
        const rows found = db.run(each, parameters{}.add_binary(bytes{id.raw()}));
        for (int row = 0; row < found.count(); ++row)
            if (!found.is_null(row, 1))
                into.noted->push_back({
                    .group = found.text(row, 0),
                    .kind = static_cast<note_kind>(found.number(row, 1)),
                    .at = found.time(row, 2),
                    .lease_until =
                        found.is_null(row, 3) ? std::nullopt : std::optional{found.time(row, 3)},
                });
        into.noted_complete = into.noted_complete && found.count() < message_search::groups_max;
    }
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
    find_noted(db, id, result);
    return result;
}

} // namespace outbox::postgresql
