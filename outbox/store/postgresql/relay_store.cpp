#include "outbox/store/postgresql/relay_store.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/base/log.hpp"
#include "outbox/base/random.hpp"
#include "outbox/store/postgresql/backlog.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace outbox::postgresql {
namespace {

using std::chrono::milliseconds;

// Losing a write of the relay means sending again, so it need not cost a flush. The plans are
// pinned: the tables have no statistics, and the one right way to read them is by the index on xid
// or by ctid.
constexpr const char* session_setup =
    "set synchronous_commit = off; set enable_seqscan = off; set enable_bitmapscan = off;"
    " set max_parallel_workers_per_gather = 0; set plan_cache_mode = force_generic_plan;"
    " set jit = off; set work_mem = '32MB'";

// A new epoch with every grant, the same owner's too: a write that a lost session still has under
// way in the server must not move the cursor that the next session has begun from.
constexpr statement take_lease{
    "outbox_take_lease",
    "update outbox.relay set epoch = epoch + 1, owner = $2, doorbell = $4,"
    " lease_until = clock_timestamp() + $3::bigint * interval '1 ms'"
    " where shard = $1::smallint and (owner = $2 or lease_until <= clock_timestamp())"
    " returning epoch, cursor_window, cursor_seq",
    "cannot take the relay's lease"};

constexpr statement look_at_lease{
    "outbox_look_at_lease",
    "select owner, epoch, case when lease_until > clock_timestamp() then greatest(0, (extract("
    "epoch from lease_until - clock_timestamp()) * 1000)::bigint) else 0 end,"
    " cursor_window, cursor_seq"
    " from outbox.relay where shard = $1::smallint",
    "cannot read the relay's lease"};

constexpr statement renew_lease{
    "outbox_renew_lease",
    "update outbox.relay set lease_until = clock_timestamp() + $3::bigint * interval '1 ms'"
    " where shard = $1::smallint and epoch = $2::bigint and owner <> ''",
    "cannot renew the relay's lease"};

constexpr statement release_lease{
    "outbox_release_lease",
    "update outbox.relay set owner = '', doorbell = '', lease_until = '-infinity'"
    " where shard = $1::smallint and epoch = $2::bigint",
    "cannot give back the relay's lease"};

constexpr statement record_progress{
    "outbox_record_progress",
    "update outbox.relay set cursor_window = $3, cursor_seq = $4::bigint"
    " where shard = $1::smallint and epoch = $2::bigint and owner <> ''",
    "cannot record the relay's progress"};

constexpr statement is_ours{
    "outbox_is_ours",
    "select from outbox.relay where shard = $1::smallint and epoch = $2::bigint and owner <> ''",
    "cannot read the relay's lease"};

constexpr statement all_cursors{
    "outbox_all_cursors",
    "select shard, cursor_window, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    " from outbox.relay",
    "cannot read the relays' cursors"};

// Only this one: meanwhile somebody may have recorded another.
constexpr statement discard_cursor{
    "outbox_discard_cursor",
    "update outbox.relay set cursor_window = '', cursor_seq = 0"
    " where shard = $1::smallint and cursor_window = $2",
    "cannot discard the relay's cursor"};

std::string random_session() {
    std::array<unsigned char, 4> bytes{};
    system_random().fill(bytes);
    return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

identity ask_identity(connection& db, const std::string& server) {
    const rows in_recovery = db.query("select pg_is_in_recovery()", "cannot ask who it is");
    if (in_recovery.bytes(0, 0) == "t")
        throw error(
            error_kind::unreachable,
            server + " is a standby: it shows the past and takes no writes",
            "point the URL at the primary"
        );
    // The first eight digits of a WAL file's name are the timeline.
    const rows answer = db.query(
        "select system_identifier, pg_walfile_name(pg_current_wal_insert_lsn())"
        " from pg_control_system()",
        "cannot ask who it is"
    );
    return {
        .system = std::strtoull(answer.text(0, 0).c_str(), nullptr, 10),
        .timeline =
            static_cast<std::uint32_t>(std::stoul(answer.text(0, 1).substr(0, 8), nullptr, 16)),
        .session = random_session(),
    };
}

} // namespace

relay_store::relay_store(const std::string& url, relay_store_options options)
    : options_(options)
    , db_(url, options.limits, session_setup, options.name)
    , server_(display_name(url))
    , identity_(ask_identity(db_, server_))
    , ring_(db_, options.ring) {}

lease_answer relay_store::acquire(
    int shard,
    const std::string& owner,
    milliseconds duration,
    const std::string& doorbell
) {
    const rows taken =
        db_.run(take_lease, parameters{}.add(shard).add(owner).add(duration.count()).add(doorbell));
    if (taken.count() == 0) {
        const rows held = db_.run(look_at_lease, parameters{}.add(shard));
        if (held.count() == 0)
            throw error(
                error_kind::schema_mismatch,
                server_ + db_.name().in(": outbox.relay has no row for shard ") +
                    std::to_string(shard),
                db_.name().migrate_hint()
            );
        return {
            .granted = std::nullopt,
            .holder = held.text(0, 0),
            .held_for = milliseconds{held.number(0, 2)}};
    }
    shards_[shard] = {};
    return {
        .granted = lease{.epoch = taken.number(0, 0), .from = recorded_cursor(shard)},
        .holder = owner,
        .held_for = duration};
}

write_result relay_store::renew(int shard, std::int64_t epoch, milliseconds duration) {
    const rows answer =
        db_.run(renew_lease, parameters{}.add(shard).add(epoch).add(duration.count()));
    return answer.touched() == 1 ? write_result::done : write_result::lease_lost;
}

void relay_store::release(int shard, std::int64_t epoch) {
    db_.run(release_lease, parameters{}.add(shard).add(epoch));
}

bool relay_store::has_lease(int shard, std::int64_t epoch) {
    return db_.run(is_ours, parameters{}.add(shard).add(epoch)).count() == 1;
}

bool relay_store::is_start(const cursor& at) {
    return at.window.empty();
}

window relay_store::window_of(const cursor& at) const {
    if (is_start(at))
        return {};
    const auto parsed = window::parse(at.window);
    if (!parsed)
        throw error(
            error_kind::corrupt,
            "the relay's cursor \"" + at.window.substr(0, 100) + "\" cannot be read",
            db_.name().in(
                "set cursor_window to '' in outbox.relay to send again everything that is still "
                "there"
            )
        );
    return *parsed;
}

// What a snapshot says is true only in the history in which it was taken. After a failover to a
// standby that lacked the last moments, transaction numbers that this relay has seen finished are
// given out again, and rows under them would be passed over. So a cursor is believed only if this
// very session took its last snapshot, or if it stands in the table: whatever the database forgot,
// it forgot the writing of that cursor before it forgot anything that the cursor speaks of, because
// the commits that a snapshot sees are in the WAL before the record of the cursor. A window that
// was begun from a recorded cursor is this session's when it ends. Any other cursor is replaced by
// the recorded one. That sends a little again.
bool relay_store::is_trusted(int shard, const cursor& given) const {
    if (is_start(given))
        return true;
    const auto known = shards_.find(shard);
    if (known != shards_.end() && known->second.recorded &&
        known->second.recorded->window == given.window)
        return true;
    const auto parsed = window::parse(given.window);
    return parsed && parsed->taken_by == identity_;
}

cursor relay_store::trusted(int shard, const cursor& given) {
    if (is_trusted(shard, given))
        return given;
    const cursor recorded = recorded_cursor(shard);
    if (recorded.window == given.window)
        return given;
    log(log_level::info,
        "store",
        server_ + ": a new session reads on from the cursor recorded in the database");
    return recorded;
}

cursor relay_store::recorded_cursor(int shard) {
    const rows row = db_.run(look_at_lease, parameters{}.add(shard));
    cursor recorded;
    if (row.count() == 1)
        recorded = {.window = row.text(0, 3), .seq = row.number(0, 4)};

    const window between = window_of(recorded);
    adopt_foreign_rows();
    if (!is_start(recorded)) {
        const auto now = snapshot::parse(
            db_.query("select pg_current_snapshot()", "cannot take a snapshot").text(0, 0)
        );
        const bool foreign = between.taken_by.system != identity_.system;
        const bool went_back = now && now->xmax < between.last.xmax;
        if (foreign || went_back) {
            log(log_level::warning,
                "store",
                server_ + ": " +
                    (foreign ? "this is not the database cluster that the relay's cursor is from"
                             : "the transaction numbers have gone back") +
                    "; every message still in the outbox is delivered again");
            // In the table, too: what it says is delivered would be removed.
            db_.run(discard_cursor, parameters{}.add(shard).add(recorded.window));
            recorded = {};
        } else if (between.taken_by.timeline != identity_.timeline) {
            log(log_level::warning,
                "store",
                server_ + ": the server was promoted or restored since the cursor was recorded;"
                          " reading on from there");
        }
    }
    shards_[shard].recorded = recorded;
    return recorded;
}

// Rows that came with a dump carry numbers of transactions of another cluster. Those that this one
// has not reached yet would be in the future of every snapshot.
void relay_store::adopt_foreign_rows() {
    const rows adopted = db_.query(
        "update outbox.message set xid = pg_current_xact_id()"
        " where xid >= pg_snapshot_xmax(pg_current_snapshot())",
        "cannot adopt the rows of another cluster"
    );
    if (adopted.touched() > 0)
        log(log_level::warning,
            "store",
            server_ + ": took over " + std::to_string(adopted.touched()) +
                " messages that were written in another cluster");
}

write_result relay_store::advance(int shard, std::int64_t epoch, const cursor& to) {
    // Not to be written down: see is_trusted(). What it covers is read and recorded again.
    if (!is_trusted(shard, to))
        return has_lease(shard, epoch) ? write_result::done : write_result::lease_lost;
    const rows answer =
        db_.run(record_progress, parameters{}.add(shard).add(epoch).add(to.window).add(to.seq));
    return answer.touched() == 1 ? write_result::done : write_result::lease_lost;
}

bool relay_store::remove_delivered(int shard, std::int64_t epoch) {
    if (!has_lease(shard, epoch))
        return false;
    std::vector<delivered> all;
    const rows cursors = db_.run(all_cursors);
    for (int row = 0; row < cursors.count(); ++row) {
        const std::string text = cursors.text(row, 1);
        const auto between = window::parse(text);
        // What has gone back is discarded by whoever takes the lease of that shard.
        const bool valid = between && between->taken_by.system == identity_.system &&
                           between->last.xmax <= static_cast<std::uint64_t>(cursors.number(row, 2));
        all.push_back(
            {.shard = static_cast<int>(cursors.number(row, 0)),
             .seen_by = valid ? between->last : snapshot{}}
        );
    }
    return ring_.reclaim(all);
}

store_status relay_store::status(int shard) {
    const rows row = db_.run(look_at_lease, parameters{}.add(shard));
    if (row.count() == 0)
        throw error(
            error_kind::schema_mismatch,
            server_ + db_.name().in(": outbox.relay has no row for shard ") + std::to_string(shard),
            db_.name().migrate_hint()
        );
    store_status state;
    state.lease_holder = row.text(0, 0);
    state.lease_epoch = row.number(0, 1);
    state.lease_left = milliseconds{row.number(0, 2)};
    state.at = {.window = row.text(0, 3), .seq = row.number(0, 4)};

    const window between = window_of(state.at);
    const backlog waiting = count_backlog(db_, shard, between, state.at.seq);
    state.backlog = waiting.count;
    state.oldest_age = waiting.oldest_age;
    state.scheduled = count_scheduled(shard);

    if (is_start(state.at))
        state.cursor_text = "at the beginning";
    else if (between.current)
        state.cursor_text = "seq " + std::to_string(state.at.seq) + " of window " +
                            between.last.text() + " .. " + between.current->text();
    else
        state.cursor_text = "all that snapshot " + between.last.text() + " sees";
    return state;
}

} // namespace outbox::postgresql
