#include "outbox/store/sqlite/find_message.hpp"

#include "outbox/store/each_group.hpp"
#include "outbox/store/sqlite/now.hpp"

#include <algorithm>

namespace outbox::sqlite {
namespace {

time_point from_micros(std::int64_t since_epoch) {
    return time_point{std::chrono::microseconds{since_epoch}};
}

/// What each group has noted, in a statement that has groups, kinds, times and leases.
void find_noted(
    const outbox_connection& db,
    const char* sql,
    const message_id& id,
    message_search& into
) {
    statement noted = db.prepare(sql, "cannot read what groups have noted");
    noted.bind_blob(1, id.raw());
    int groups = 0;
    for (; noted.step(); ++groups)
        if (!noted.is_null(1))
            into.noted->push_back({
                .group = noted.blob(0),
                .kind = static_cast<note_kind>(noted.number(1)),
                .at = from_micros(noted.number(2)),
                .lease_until =
                    noted.is_null(3) ? std::nullopt : std::optional{from_micros(noted.number(3))},
            });
    into.noted_complete = into.noted_complete && groups < message_search::groups_max;
}

void find_noted(const outbox_connection& db, const message_id& id, message_search& into) {
    statement tables = db.prepare(
        "select count(*) from sqlite_schema where name in ('outbox_consumed', 'outbox_claim')",
        "cannot read the schema"
    );
    tables.step();
    if (tables.number(0) != 2)
        return;
    tables.reset();
    into.noted.emplace();
    find_noted(
        db,
        OUTBOX_EACH_GROUP_OF("outbox_consumed"
        ) "select name, iif(c.message_key is null, null, 0), c.consumed_at, null"
          " from walk left join outbox_consumed c on c.group_name = name and c.message_key = ?1"
          " where name is not null order by name",
        id,
        into
    );
    find_noted(
        db,
        OUTBOX_EACH_GROUP_OF("outbox_claim"
        ) "select name, iif(c.message_key is null, null, iif(c.lease_until is null, 1,"
          " iif(c.lease_until > " OUTBOX_SQLITE_NOW ", 2, 3))), c.changed_at, c.lease_until"
          " from walk left join outbox_claim c on c.group_name = name and c.message_key = ?1"
          " where name is not null order by name",
        id,
        into
    );
}

} // namespace

message_search
find_message(const outbox_connection& db, const message_id& id, std::int64_t rows_max) {
    message_search result;
    // What is due moves from there to here: looked for in this order it cannot be passed by.
    statement find = db.prepare(
        "select 1 from sqlite_schema where name = 'outbox_scheduled'",
        "cannot read the schema"
    );
    if (find.step()) {
        statement waiting = db.prepare(
            "select subject, due_at from outbox_scheduled where message_id = ?1",
            "cannot read the scheduled messages"
        );
        waiting.bind_blob(1, id.raw());
        if (waiting.step())
            result.scheduled = {
                .subject = waiting.blob(0),
                .due_at = from_micros(waiting.number(1))};
    }
    find.reset();
    statement bounds = db.prepare(
        "select coalesce(min(seq), 0), coalesce(max(seq), 0) from outbox_message",
        "cannot read the outbox"
    );
    bounds.step();
    const std::int64_t first = bounds.number(0);
    const std::int64_t behind = std::max<std::int64_t>(0, bounds.number(1) - rows_max);
    bounds.reset();
    statement found = db.prepare(
        "select m.seq, m.shard, m.subject, m.created_at, m.seq <= coalesce(r.cursor_seq, 0)"
        " from outbox_message m left join outbox_relay r on r.shard = m.shard"
        " where m.seq > ?1 and m.message_id = ?2 limit ?3",
        "cannot read the outbox"
    );
    found.bind(1, behind).bind_blob(2, id.raw()).bind(3, message_search::stored_count_max);
    while (found.step())
        result.stored.push_back({
            .seq = found.number(0),
            .shard = static_cast<int>(found.number(1)),
            .subject = found.blob(2),
            .created_at = from_micros(found.number(3)),
            .relayed = found.number(4) != 0,
        });
    if (result.stored.empty() && !result.scheduled)
        result.complete = first == 0 || first > behind;
    find_noted(db, id, result);
    return result;
}

} // namespace outbox::sqlite
