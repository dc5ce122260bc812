#include "outbox/store/postgresql/ring.hpp"

#include <string>

namespace outbox::postgresql {
namespace {

constexpr const char* failure = "cannot give back the space of delivered messages";

// The heap alone tells whether there are rows: an empty table's index of large values has a page.
constexpr statement measure{
    "outbox_measure",
    "select part, pg_relation_size(name), pg_table_size(name), (select last_value from "
    "outbox.message_seq)"
    " from (values (0, 'outbox.message_0'::regclass), (1, 'outbox.message_1'),"
    " (2, 'outbox.message_2'), (3, 'outbox.message_3')) ring (part, name)"
    " where pg_relation_size(name) > 0 order by 3 desc",
    failure};

std::string table(int partition) {
    return "outbox.message_" + std::to_string(partition);
}

// A row of the partition, committed by now, that `seen` does not see.
std::string row_beyond(int partition, const snapshot& seen, const std::string& and_also) {
    const std::string from = "select from " + table(partition) + " m where " + and_also;
    return "(exists (" + from + "m.xid >= '" + std::to_string(seen.xmax) + "') or exists (" + from +
           "m.xid = any ('" + to_array(seen.running) + "')))";
}

} // namespace

bool ring::reclaim(const std::vector<delivered>& all) {
    const rows filled = db_->run(measure);
    for (int row = 0; row < filled.count(); ++row) {
        const int partition = static_cast<int>(filled.number(row, 0));
        const bool live = partition == partition_of(filled.number(row, 3));
        if (live && filled.number(row, 2) < options_.live_bytes_max)
            continue;
        if (const auto looked_at = holds_nothing_but(partition, all);
            looked_at && truncate(partition, *looked_at))
            return row + 1 < filled.count();
    }
    return false;
}

// Looks without a lock first, with all the time it takes; what was found delivered stays so. Under
// the lock only the question remains whether anything came since.
std::optional<snapshot> ring::holds_nothing_but(int partition, const std::vector<delivered>& all) {
    // A row of a shard that nobody serves is not delivered either.
    std::string served = "-1";
    std::string undelivered;
    for (const delivered& d : all) {
        const std::string shard = std::to_string(d.shard);
        served += ", " + shard;
        undelivered += row_beyond(partition, d.seen_by, "m.shard = " + shard + " and ") + " or ";
    }
    const rows looked = db_->query(
        "select pg_current_snapshot(), " + undelivered + "exists (select from " + table(partition) +
            " where shard not in (" + served + "))",
        failure
    );
    return looked.bytes(0, 1) == "f" ? snapshot::parse(looked.bytes(0, 0)) : std::nullopt;
}

bool ring::truncate(int partition, const snapshot& looked_at) {
    // One statement, so that the lock is never held while this process sleeps. Each statement in it
    // sees what has committed by then; whoever has written into the partition and is not over holds
    // a lock on it, and NOWAIT fails.
    const std::string name = table(partition);
    try {
        db_->execute(
            "do $$ begin lock table " + name + " in access exclusive mode nowait; if not " +
                row_beyond(partition, looked_at, "") + " then truncate " + name +
                "; end if; end $$",
            failure
        );
    } catch (const sql_error& e) {
        if (e.sqlstate() == "55P03")
            return false;
        throw;
    }
    return true;
}

} // namespace outbox::postgresql
