#include "outbox/store/mysql/find_message.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/store/each_group.hpp"
#include "outbox/store/mysql/backlog.hpp"

#include <algorithm>
#include <string>

namespace outbox::mysql {
namespace {

time_point from_micros(std::int64_t since_epoch) {
    return time_point{std::chrono::microseconds{since_epoch}};
}

std::string literal(const message_id& id) {
    return "x'" + to_hex(id.raw()) + "'";
}

bool is_relayed(std::int64_t seq, const cursor& at, const outbox_name& name) {
    if (seq > at.seq)
        return false;
    const open_holes holes = holes_of(at, name);
    return std::none_of(holes.ranges().begin(), holes.ranges().end(), [&](const number_range& r) {
        return r.first <= seq && seq <= r.last;
    });
}

void find_noted(connection& db, const message_id& id, message_search& into) {
    // Lists only what may be read.
    if (db.query(
              "select 1 from information_schema.columns where table_schema = database()"
              " and table_name in ('outbox_consumed', 'outbox_claim')"
              " and column_name = 'message_key'",
              "cannot read the schema"
        )
            .count() != 2)
        return;
    into.noted.emplace();
    const std::string consumed = OUTBOX_EACH_GROUP_OF("outbox_consumed"
    ) "select name, if(c.message_key is null, null, 0),"
      " cast(unix_timestamp(c.consumed_at) * 1000000 as signed), null"
      " from walk left join outbox_consumed c on c.group_name = name and c.message_key = ";
    const std::string claimed = OUTBOX_EACH_GROUP_OF("outbox_claim"
    ) "select name, if(c.message_key is null, null, if(c.lease_until is null, 1,"
      " if(c.lease_until > now(6), 2, 3))),"
      " cast(unix_timestamp(c.changed_at) * 1000000 as signed),"
      " cast(unix_timestamp(c.lease_until) * 1000000 as signed)"
      " from walk left join outbox_claim c on c.group_name = name and c.message_key = ";
    for (const std::string& sql : {consumed, claimed}) {
        rows found = db.query(
            sql + literal(id) + " where name is not null order by name",
            "cannot read what groups have noted"
        );
        while (found.next())
            if (!found.is_null(1))
                into.noted->push_back({
                    .group = found.text(0),
                    .kind = static_cast<note_kind>(found.number(1)),
                    .at = from_micros(found.number(2)),
                    .lease_until = found.is_null(3) ? std::nullopt
                                                    : std::optional{from_micros(found.number(3))},
                });
        into.noted_complete = into.noted_complete && found.count() < message_search::groups_max;
    }
}

} // namespace

message_search find_message(connection& db, const message_id& id, std::int64_t rows_max) {
    message_search result;
    // What is due moves from there to here: looked for in this order it cannot be passed by.
    if (db.query(
              "select 1 from information_schema.tables"
              " where table_schema = database() and table_name = 'outbox_scheduled'",
              "cannot read the schema"
        )
            .count() == 1) {
        rows waiting = db.query(
            "select subject, due_at from outbox_scheduled where message_id = " + literal(id),
            "cannot read the scheduled messages"
        );
        if (waiting.next())
            result.scheduled = {
                .subject = waiting.text(0),
                .due_at = from_micros(waiting.number(1))};
    }
    rows bounds = db.query(
        "select coalesce(min(seq), 0), coalesce(max(seq), 0) from outbox_message",
        "cannot read the outbox"
    );
    bounds.next();
    const std::int64_t behind = std::max<std::int64_t>(0, bounds.number(1) - rows_max);
    rows found = db.query(
        "select m.seq, m.shard, m.subject, cast(unix_timestamp(m.created_at) * 1000000 as signed),"
        " coalesce(r.cursor_window, ''), coalesce(r.cursor_seq, 0)"
        " from outbox_message m left join outbox_relay r on r.shard = m.shard where m.seq > " +
            std::to_string(behind) + " and m.message_id = " + literal(id) + " limit " +
            std::to_string(message_search::stored_count_max),
        "cannot read the outbox"
    );
    while (found.next())
        result.stored.push_back({
            .seq = found.number(0),
            .shard = static_cast<int>(found.number(1)),
            .subject = found.text(2),
            .created_at = from_micros(found.number(3)),
            .relayed = is_relayed(
                found.number(0),
                {.window = found.text(4), .seq = found.number(5)},
                db.name()
            ),
        });
    if (result.stored.empty() && !result.scheduled)
        result.complete = bounds.number(0) == 0 || bounds.number(0) > behind;
    find_noted(db, id, result);
    return result;
}

} // namespace outbox::mysql
