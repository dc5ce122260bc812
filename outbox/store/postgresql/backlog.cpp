#include "outbox/store/postgresql/backlog.hpp"

#include "outbox/store/relay_store.hpp"

#include <algorithm>
#include <string>

namespace outbox::postgresql {
namespace {

// $2 is the xmax of the last snapshot, $3 what ran then. $4, $5: of a window that is being read,
// its end and how far.
constexpr statement count_messages{
    "outbox_count_backlog",
    "select count(*), (extract(epoch from clock_timestamp() - min(created_at)) * 1000)::bigint"
    " from ("
    " (select created_at from outbox.message m where m.xid >= $2::xid8"
    "   and m.shard = $1::smallint"
    "   and not (m.seq <= $5::bigint and pg_visible_in_snapshot(m.xid, $4::pg_snapshot))"
    "   limit $6::bigint)"
    " union all"
    " (select created_at from outbox.message m where m.xid = any (array("
    "     select x from unnest($3::xid8[]) x where pg_visible_in_snapshot(x, "
    "pg_current_snapshot())))"
    "   and m.shard = $1::smallint"
    "   and not (m.seq <= $5::bigint and pg_visible_in_snapshot(m.xid, $4::pg_snapshot))"
    "   limit $6::bigint)"
    ") b",
    "cannot count the backlog"};

} // namespace

backlog count_backlog(connection& db, int shard, const window& between, std::int64_t seq) {
    const rows answer = db.run(
        count_messages,
        parameters{}
            .add(shard)
            .add(std::to_string(between.last.xmax))
            .add(to_array(between.last.running))
            .add(between.current.value_or(snapshot{}).text())
            .add(between.current ? seq : std::int64_t{-1})
            .add(store_status::backlog_counted_max)
    );
    backlog found{.count = std::min(answer.number(0, 0), store_status::backlog_counted_max)};
    if (found.count > 0)
        found.oldest_age =
            std::chrono::milliseconds{std::max<std::int64_t>(0, answer.number(0, 1))};
    return found;
}

} // namespace outbox::postgresql
