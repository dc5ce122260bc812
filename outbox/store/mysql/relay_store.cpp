#include "outbox/store/mysql/relay_store.hpp"

#include "outbox/base/log.hpp"
#include "outbox/store/mysql/backlog.hpp"
#include "outbox/store/mysql/row_condition.hpp"

#include <algorithm>

namespace outbox::mysql {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::int64_t removed_per_call_max = 5'000;
constexpr std::size_t removed_ranges_per_call_max = 500;

std::string lease_end(milliseconds duration) {
    return "utc_timestamp(6) + interval " +
           std::to_string(std::chrono::duration_cast<microseconds>(duration).count()) +
           " microsecond";
}

} // namespace

relay_store::relay_store(const server_url& where, relay_store_options options)
    : options_(options)
    , db_(where, options.limits, options.name)
    , traits_(ask_traits(db_)) {
    if (!traits_.is_mariadb) // it would tell the counter as of a day ago
        db_.execute("set session information_schema_stats_expiry = 0", "cannot set up the session");
    if (!traits_.sees_all_statements)
        log(log_level::warning,
            "store",
            db_.server() + ": what other sessions do cannot be seen, because " + traits_.why_not +
                "; a message is lost if one INSERT takes longer than " +
                std::to_string(options_.hole_patience.count()) +
                " ms from its number to its row. `grant process on *.*` lifts that");
    if (!traits_.flushes_each_commit)
        log(log_level::warning,
            "store",
            db_.server() +
                ": innodb_flush_log_at_trx_commit is not 1, so a crash of the server forgets what "
                "it has committed; messages wait until their transactions are on the disk, up to a "
                "second or more");
}

rows relay_store::relay_row(int shard, const char* columns) {
    rows found = db_.query(
        std::string{"select "} + columns +
            " from outbox_relay where shard = " + std::to_string(shard),
        "cannot read the relay's row"
    );
    if (!found.next())
        throw error(
            error_kind::schema_mismatch,
            db_.server() + db_.name().in(": outbox_relay has no row for shard ") +
                std::to_string(shard),
            db_.name().migrate_hint()
        );
    return found;
}

lease_answer relay_store::acquire(
    int shard,
    const std::string& owner,
    milliseconds duration,
    const std::string& doorbell
) {
    const std::string who = quoted(owner);
    const write_result taken = write(
        "update outbox_relay set epoch = epoch + 1, owner = " + who +
            ", doorbell = " + quoted(doorbell) + ", lease_until = " + lease_end(duration) +
            " where shard = " + std::to_string(shard) + " and (owner = " + who +
            " or lease_until <= utc_timestamp(6))",
        "cannot take the relay's lease"
    );
    rows row = relay_row(
        shard,
        "epoch, cursor_window, cursor_seq, owner,"
        " greatest(0, timestampdiff(microsecond, utc_timestamp(6), lease_until)) div 1000"
    );
    if (taken != write_result::done || row.text(3) != owner)
        return {
            .granted = std::nullopt,
            .holder = row.text(3),
            .held_for = milliseconds{row.number(4)}};
    shards_[shard] = {};
    return {
        .granted =
            lease{.epoch = row.number(0), .from = {.window = row.text(1), .seq = row.number(2)}},
        .holder = owner,
        .held_for = duration};
}

write_result relay_store::write(const std::string& sql, const char* failure) {
    try {
        return db_.execute(sql, failure) > 0 ? write_result::done : write_result::lease_lost;
    } catch (const sql_error& e) {
        if (is_lock_refusal(e.code()))
            return write_result::busy;
        throw;
    }
}

write_result relay_store::renew(int shard, std::int64_t epoch, milliseconds duration) {
    return write(
        "update outbox_relay set lease_until = " + lease_end(duration) + " where shard = " +
            std::to_string(shard) + " and epoch = " + std::to_string(epoch) + " and owner <> ''",
        "cannot renew the relay's lease"
    );
}

void relay_store::release(int shard, std::int64_t epoch) {
    write(
        "update outbox_relay set owner = '', doorbell = '', lease_until = '1970-01-01'"
        " where shard = " +
            std::to_string(shard) + " and epoch = " + std::to_string(epoch),
        "cannot give back the relay's lease"
    );
}

write_result relay_store::advance(int shard, std::int64_t epoch, const cursor& to) {
    return write(
        "update outbox_relay set cursor_window = " + quoted(to.window) +
            ", cursor_seq = " + std::to_string(to.seq) + " where shard = " + std::to_string(shard) +
            " and epoch = " + std::to_string(epoch) + " and owner <> ''",
        "cannot record the relay's progress"
    );
}

// What may be removed next: first what stood in holes that have closed since they were passed over,
// then the next stretch below the recorded cursor.
open_holes
relay_store::next_piece(shard_state& state, const cursor& recorded, const open_holes& open) {
    open_holes piece;
    std::int64_t left = removed_per_call_max;
    const open_holes closed_since = state.passed_over.without(open);
    for (number_range range : closed_since.ranges()) {
        if (left <= 0 || piece.size() >= removed_ranges_per_call_max)
            return piece;
        range.last = std::min(range.last, range.first + left - 1);
        left -= range.last - range.first + 1;
        piece.append(range);
    }
    if (left <= 0 || state.removed_to >= recorded.seq)
        return piece;
    // Never from the head of the table: it may be full of what is removed and not yet purged.
    rows first = db_.query(
        "select seq from outbox_message force index (primary) where seq > " +
            std::to_string(state.removed_to) + " order by seq limit 1",
        "cannot see what is delivered"
    );
    const std::int64_t begin =
        first.next() ? std::min(first.number(0), recorded.seq + 1) : recorded.seq + 1;
    const std::int64_t end = std::min(recorded.seq, begin + left - 1);
    open_holes stretch;
    stretch.append({state.removed_to + 1, std::max(end, begin - 1)});
    const open_holes removable = stretch.without(open);
    const open_holes passed = stretch.without(removable);
    for (number_range range : removable.ranges())
        if (range.first = std::max(range.first, begin); range.first <= range.last)
            piece.append(range);
    for (const number_range& range : passed.ranges())
        state.passed_over.append(range);
    state.removed_to = std::max(end, begin - 1);
    return piece;
}

bool relay_store::remove_delivered(int shard, std::int64_t epoch) {
    cursor recorded;
    {
        rows row = relay_row(shard, "epoch, owner <> '', cursor_window, cursor_seq");
        if (row.number(0) != epoch || row.number(1) == 0)
            return false;
        recorded = {.window = row.text(2), .seq = row.number(3)};
    }
    shard_state& state = shards_[shard];
    if (state.removed_to == 0 && !state.outlived && is_beyond_counter(recorded))
        return false;
    if (state.outlived == recorded.seq)
        return false;
    state.outlived.reset();
    const shard_state before = state;
    const open_holes piece = next_piece(state, recorded, holes_of(recorded, db_.name()));
    if (piece.empty())
        return state.removed_to < recorded.seq;
    const write_result removed = write(
        "delete from outbox_message where shard = " + std::to_string(shard) + " and " +
            is_in(piece.ranges()),
        "cannot remove delivered messages"
    );
    if (removed == write_result::busy) {
        state = before;
        return false;
    }
    for (const number_range& range : piece.ranges())
        state.passed_over.close(range);
    return state.removed_to < recorded.seq;
}

store_status relay_store::status(int shard) {
    store_status state;
    {
        rows row = relay_row(
            shard,
            "owner, epoch, greatest(0, timestampdiff(microsecond, utc_timestamp(6), lease_until))"
            " div 1000, cursor_window, cursor_seq"
        );
        state.lease_holder = row.text(0);
        state.lease_epoch = row.number(1);
        state.lease_left = milliseconds{row.number(2)};
        state.at = {.window = row.text(3), .seq = row.number(4)};
    }
    const backlog found = count_backlog(db_, shard, state.at);
    state.backlog = found.count;
    state.oldest_age = found.oldest_age;
    state.scheduled = count_scheduled(shard);
    const open_holes holes = holes_of(state.at, db_.name());
    state.cursor_text = "seq " + std::to_string(state.at.seq);
    if (!holes.empty())
        state.cursor_text += ", gaps below it: " + std::to_string(holes.size());
    return state;
}

} // namespace outbox::mysql
