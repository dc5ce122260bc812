#include "outbox/store/mysql/backlog.hpp"

#include "outbox/store/mysql/row_condition.hpp"

#include <algorithm>
#include <string>

namespace outbox::mysql {

open_holes holes_of(const cursor& at, const outbox_name& name) {
    const auto parsed = open_holes::parse(at.window);
    if (!parsed)
        throw error(
            error_kind::corrupt,
            "the relay's cursor \"" + at.window.substr(0, 100) + "\" cannot be read",
            name.in("set cursor_window to '' and cursor_seq to 0 in outbox_relay to send again "
                    "everything that is still there")
        );
    return *parsed;
}

backlog count_backlog(connection& db, int shard, const cursor& at) {
    const open_holes holes = holes_of(at, db.name());
    std::string behind = "seq > " + std::to_string(at.seq);
    if (!holes.empty())
        behind = "(" + behind + " or " + is_in(holes.ranges()) + ")";
    rows answer = db.query(
        "select count(*), cast((unix_timestamp(now(6)) - min(unix_timestamp(created_at))) * 1000 as"
        " signed) from (select created_at from outbox_message force index (primary) where " +
            behind + " and shard = " + std::to_string(shard) + " limit " +
            std::to_string(store_status::backlog_counted_max) + ") b",
        "cannot count the backlog"
    );
    backlog found;
    if (answer.next())
        found.count = answer.number(0);
    if (found.count > 0)
        found.oldest_age = std::chrono::milliseconds{std::max<std::int64_t>(0, answer.number(1))};
    return found;
}

} // namespace outbox::mysql
