#include "outbox/store/sqlite/find_message.hpp"

#include <algorithm>

namespace outbox::sqlite {
namespace {

time_point from_micros(std::int64_t since_epoch) {
    return time_point{std::chrono::microseconds{since_epoch}};
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
    return result;
}

} // namespace outbox::sqlite
