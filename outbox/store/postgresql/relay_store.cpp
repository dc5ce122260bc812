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

// So many places are asked for at once. With the rest of their last transaction.
constexpr int places_per_trip = 100'000;

constexpr statement take_lease{
    "outbox_take_lease",
    "update outbox.relay set epoch = epoch + (owner <> $2)::int, owner = $2, doorbell = $4,"
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
    "select shard, cursor_window from outbox.relay",
    "cannot read the relays' cursors"};

constexpr statement find_schedule{
    "outbox_find_schedule",
    "select (to_regclass('outbox.scheduled') is not null)::int::bigint",
    "cannot read the schema"};

constexpr statement look_at_next_due{
    "outbox_look_at_next_due",
    "select greatest(0, ceil(extract(epoch from due_at - clock_timestamp()) * 1000))::bigint"
    " from outbox.scheduled where shard = $1::smallint order by due_at limit 1",
    "cannot read the scheduled messages"};

// Who cancels a message at this moment holds its row; it is left alone and looked at again.
constexpr statement move_due{
    "outbox_move_due",
    "with due as (delete from outbox.scheduled where message_id = any (array("
    "  select message_id from outbox.scheduled where shard = $1::smallint"
    "   and due_at <= clock_timestamp()"
    "   and exists (select from outbox.relay where shard = $1::smallint and epoch = $2::bigint"
    "     and owner <> '')"
    "   order by due_at, seq limit $3::bigint for update skip locked)) returning *)"
    " insert into outbox.message (shard, message_id, subject, order_key, headers, payload)"
    " select shard, message_id, subject, order_key, headers, payload from due"
    " order by due_at, due.seq",
    "cannot release scheduled messages"};

constexpr statement count_scheduled{
    "outbox_count_scheduled",
    "select count(*) from (select from outbox.scheduled where shard = $1::smallint"
    " limit $2::bigint) x",
    "cannot count the scheduled messages"};

#define OUTBOX_PG_COLUMNS                                                                          \
    "m.seq, m.created_at, m.message_id, m.subject, m.order_key, m.headers, m.payload"
#define OUTBOX_PG_SIZE                                                                             \
    "octet_length(m.order_key) + octet_length(m.headers) + octet_length(m.payload)"

// The whole window from the last snapshot ($2 its xmax, $3 what ran then) to now, if it is no more
// than one slice; else only the fact that it is more. What still runs is left alone: its rows can
// be many, and every look at them would be in vain. A number beyond this snapshot can only come
// from another cluster (see adopt_foreign_rows) and would be in every window.
constexpr statement read_small_window{
    "outbox_read_small_window",
    "with w as materialized ("
    " (select " OUTBOX_PG_COLUMNS ", " OUTBOX_PG_SIZE " as size from outbox.message m"
    "   where m.xid >= $2::xid8 and m.xid < pg_snapshot_xmax(pg_current_snapshot())"
    "   and m.shard = $1::smallint limit $4::bigint + 1)"
    " union all"
    " (select " OUTBOX_PG_COLUMNS ", " OUTBOX_PG_SIZE " as size from outbox.message m"
    "   where m.xid = any (array(select x from unnest($3::xid8[]) x"
    "     where pg_visible_in_snapshot(x, pg_current_snapshot())))"
    "   and m.shard = $1::smallint limit $4::bigint + 1)"
    "), t as ("
    " select count(*) as n, coalesce(sum(size), 0) as bytes, min(seq) as first_seq,"
    "   pg_current_snapshot()::text as now,"
    "   pg_current_wal_insert_lsn() <= pg_current_wal_flush_lsn() as durable"
    " from w"
    ") select t.n, t.durable, case when m.seq is null or m.seq = t.first_seq then t.now end,"
    " " OUTBOX_PG_COLUMNS
    " from t left join w m on t.n <= $4::bigint and (t.bytes <= $5::bigint or t.n = 1)"
    " order by m.seq",
    "cannot read the outbox"};

// The places of the rows of the window behind $2 (inclusive) up to the snapshot $3 (its xmax $4),
// one stretch of transactions at a time.
constexpr statement list_range{
    "outbox_list_range",
    "select m.xid, m.seq, m.ctid, " OUTBOX_PG_SIZE
    " from outbox.message m where m.xid >= $2::xid8 and m.xid < $4::xid8"
    " and pg_visible_in_snapshot(m.xid, $3::pg_snapshot) and m.shard = $1::smallint"
    " and m.seq > $5::bigint order by m.xid fetch first 100000 rows with ties",
    "cannot list the outbox"};

constexpr statement list_finished{
    "outbox_list_finished",
    "select m.xid, m.seq, m.ctid, " OUTBOX_PG_SIZE
    " from outbox.message m where m.xid = any ($2::xid8[]) and m.shard = $1::smallint"
    " and m.seq > $3::bigint",
    "cannot list the outbox"};

#define OUTBOX_PG_FETCH(partition)                                                                 \
    statement {                                                                                    \
        "outbox_fetch_" partition,                                                                 \
            "select " OUTBOX_PG_COLUMNS " from outbox.message_" partition                          \
            " m where m.ctid = any ($1::tid[])",                                                   \
            "cannot read the outbox"                                                               \
    }
constexpr std::array<statement, partition_count> fetch_by_place{
    OUTBOX_PG_FETCH("0"),
    OUTBOX_PG_FETCH("1"),
    OUTBOX_PG_FETCH("2"),
    OUTBOX_PG_FETCH("3")};

stored_message message_at(const rows& found, int row, int column) {
    stored_message m;
    m.seq = found.number(row, column);
    m.created_at = found.time(row, column + 1);
    m.content.id = message_id::from_bytes(found.bytes(row, column + 2)).value_or(message_id{});
    m.content.subject = found.bytes(row, column + 3);
    if (const std::string_view key = found.bytes(row, column + 4); !key.empty())
        m.content.key = bytes{key};
    m.content.headers = found.bytes(row, column + 5);
    m.content.payload = found.bytes(row, column + 6);
    return m;
}

void append_big_endian(std::string& to, std::uint64_t value, int size) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        to.push_back(static_cast<char>(value >> shift & 0xffU));
}

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes)
        value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

// tid[] in binary: one dimension, no nulls, elements of type 27.
class place_array {
public:
    void add(const row_place& place) {
        append_big_endian(elements_, 6, 4);
        append_big_endian(elements_, place.block, 4);
        append_big_endian(elements_, place.offset, 2);
        ++count_;
    }
    std::string binary() const {
        std::string all;
        for (const std::uint64_t header :
             {std::uint64_t{1}, std::uint64_t{0}, std::uint64_t{27}, count_, std::uint64_t{1}})
            append_big_endian(all, header, 4);
        return all + elements_;
    }

private:
    std::string elements_;
    std::uint64_t count_ = 0;
};

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

bool is_start(const cursor& at) {
    return at.window.empty();
}

window window_of(const cursor& at, const outbox_name& name) {
    if (is_start(at))
        return {};
    const auto parsed = window::parse(at.window);
    if (!parsed)
        throw error(
            error_kind::corrupt,
            "the relay's cursor \"" + at.window.substr(0, 100) + "\" cannot be read",
            name.in(
                "set cursor_window to '' in outbox.relay to send again everything that is still "
                "there"
            )
        );
    return *parsed;
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

    const window between = window_of(recorded, db_.name());
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

slice relay_store::read(int shard, const cursor& from, const slice_limits& limits) {
    const cursor at = trusted(shard, from);
#ifdef OUTBOX_BREAK_ID_CURSOR
    return read_by_number(shard, at, limits);
#endif
    const window between = window_of(at, db_.name());
    if (!between.current)
        return read_new_window(shard, at, limits);
    return read_listed(shard, at, between, limits);
}

#ifdef OUTBOX_BREAK_ID_CURSOR
// Wrong on purpose, as many outboxes do it: whoever draws a number early and commits late is lost.
slice relay_store::read_by_number(int shard, const cursor& from, const slice_limits& limits) {
    const rows found = db_.query(
        "select " OUTBOX_PG_COLUMNS ", m.shard from outbox.message m where m.seq > " +
            std::to_string(from.seq) + " and m.shard = " + std::to_string(shard) +
            " order by m.seq limit " + std::to_string(limits.message_count_max),
        "cannot read the outbox"
    );
    slice result{.messages = {}, .after = from, .more = false};
    for (int row = 0; row < found.count(); ++row) {
        stored_message m;
        m.seq = std::stoll(found.text(row, 0));
        m.created_at = system_clock().now();
        m.content.id = message_id::parse(found.text(row, 2)).value_or(message_id{});
        m.content.subject = found.text(row, 3);
        const auto bytea = [&](int column) {
            return from_hex(found.text(row, column).substr(2)).value_or(bytes{});
        };
        if (const bytes key = bytea(4); !key.empty())
            m.content.key = key;
        m.content.headers = bytea(5);
        m.content.payload = bytea(6);
        result.after.seq = m.seq;
        result.messages.push_back(std::move(m));
    }
    return result;
}
#endif

slice relay_store::read_new_window(int shard, const cursor& from, const slice_limits& limits) {
    window between = window_of(from, db_.name());
    const rows found = db_.run(
        read_small_window,
        parameters{}
            .add(shard)
            .add(std::to_string(between.last.xmax))
            .add(to_array(between.last.running))
            .add(static_cast<std::int64_t>(limits.message_count_max))
            .add(static_cast<std::int64_t>(limits.bytes_max))
    );
    const std::int64_t count = found.number(0, 0);
    const auto now = snapshot::parse(found.bytes(0, 2));
    if (!now)
        throw error(error_kind::corrupt, server_ + ": no snapshot", "");
    if (count > 0 && !found.truth(0, 1))
        make_durable();

    slice result;
    const bool all_here = count == 0 || !found.is_null(0, 3);
    if (!all_here) {
        between.taken_by = identity_;
        between.current = *now;
        const cursor begin{.window = between.text(), .seq = 0};
        return read_listed(shard, begin, between, limits);
    }
    result.after = {
        .window = window{.taken_by = identity_, .last = *now, .current = std::nullopt}.text(),
        .seq = from.seq};
    if (count > 0) {
        result.messages.reserve(static_cast<std::size_t>(count));
        for (int row = 0; row < found.count(); ++row)
            result.messages.push_back(message_at(found, row, 3));
        result.after.seq = result.messages.back().seq;
    }
    return result;
}

// A transaction that commits asynchronously is seen by others before it is on the disk, and a crash
// may take it back; a message of it, once delivered, could not be taken back. So nothing is
// delivered before the WAL is flushed to where it ended after the snapshot. A commit of our own
// makes the flush happen, with that of others if they commit now; waiting for the WAL writer could
// take its delay of 200 ms. If the disk is stuck, this call fails, and nothing is delivered.
void relay_store::make_durable() {
#ifndef OUTBOX_BREAK_PHANTOM_GUARD
    db_.execute(
        "begin; set local synchronous_commit = local;"
        " select pg_logical_emit_message(true, 'outbox', ''); commit",
        "cannot make sure that the messages are durable"
    );
#endif
}

slice relay_store::read_listed(
    int shard,
    const cursor& from,
    const window& between,
    const slice_limits& limits
) {
    std::optional<listing>& big = shards_[shard].big;
    // A second try only when rows have been moved (VACUUM FULL) since their places were listed.
    for (int attempt = 0; attempt < 2; ++attempt) {
        const bool usable = big && big->window == from.window && from.seq >= big->listed_after &&
                            (big->next_xid || from.seq < big->rows.complete_to());
        if (!usable)
            big.reset();
        if (!collect_places(shard, from, between))
            return {.messages = {}, .after = from, .more = true};
        if (auto result = fetch(*big, from, between, limits)) {
            if (result->after.window != from.window)
                big.reset();
            return *std::move(result);
        }
        big.reset();
    }
    throw error(
        error_kind::conflict,
        server_ + ": the rows of the outbox are being moved",
        "do not run VACUUM FULL or CLUSTER on it again and again"
    );
}

// False: time is up for now, there is more to collect.
bool relay_store::collect_places(int shard, const cursor& from, const window& between) {
    std::optional<listing>& big = shards_[shard].big;
    if (big && !big->next_xid)
        return true;
    const auto add = [&](const rows& found) {
        for (int row = 0; row < found.count(); ++row) {
            const std::string_view place = found.bytes(row, 2);
            big->rows.add({
                .seq = found.number(row, 1),
                .block = static_cast<std::uint32_t>(big_endian(place.substr(0, 4))),
                .offset = static_cast<std::uint16_t>(big_endian(place.substr(4, 2))),
                .packed_size = pack_size(static_cast<std::uint64_t>(found.number(row, 3))),
            });
        }
    };
    const snapshot& end = *between.current;
    if (!big) {
        big.emplace(listing{
            .window = from.window,
            .listed_after = from.seq,
            .rows = row_list{options_.listed_rows_max},
            .next_xid = between.last.xmax});
        std::vector<std::uint64_t> finished;
        std::copy_if(
            between.last.running.begin(),
            between.last.running.end(),
            std::back_inserter(finished),
            [&](std::uint64_t xid) { return end.sees(xid); }
        );
        if (!finished.empty())
            add(db_.run(
                list_finished,
                parameters{}.add(shard).add(to_array(finished)).add(from.seq)
            ));
    }
    const tick_point stop_at = system_clock().ticks() + options_.listing_time_max;
    while (big->next_xid) {
        const rows found = db_.run(
            list_range,
            parameters{}
                .add(shard)
                .add(std::to_string(*big->next_xid))
                .add(end.text())
                .add(std::to_string(end.xmax))
                .add(from.seq)
        );
        add(found);
        if (found.count() < places_per_trip)
            big->next_xid.reset();
        else
            big->next_xid = static_cast<std::uint64_t>(found.number(found.count() - 1, 0)) + 1;
        if (big->next_xid && system_clock().ticks() >= stop_at)
            return false;
    }
    big->rows.sort();
    return true;
}

// The next slice by its places. Nothing if a row is no longer where the list says.
std::optional<slice> relay_store::fetch(
    const listing& big,
    const cursor& from,
    const window& between,
    const slice_limits& limits
) {
    slice result{
        .messages = {},
        .after =
            {.window =
                 window{.taken_by = identity_, .last = *between.current, .current = {}}.text(),
             .seq = from.seq},
        .more = false};
    const std::size_t first = big.rows.first_after(from.seq);
    if (first == big.rows.size()) { // recorded when the last row had been read, and resumed
        result.more = true;         // perhaps: this window says nothing of what came later
        return result;
    }

    const int partition = partition_of(big.rows[first].seq);
    place_array places;
    std::size_t end = first;
    std::uint64_t bytes = 0;
    while (end < big.rows.size() && end - first < limits.message_count_max &&
           partition_of(big.rows[end].seq) == partition) {
        bytes += unpack_size(big.rows[end].packed_size);
        if (end > first && bytes > limits.bytes_max)
            break;
        places.add(big.rows[end]);
        ++end;
    }

    const rows found = db_.run(
        fetch_by_place[static_cast<std::size_t>(partition)],
        parameters{}.add_binary(places.binary())
    );
    result.messages.reserve(end - first);
    for (int row = 0; row < found.count(); ++row)
        result.messages.push_back(message_at(found, row, 0));
    std::sort(result.messages.begin(), result.messages.end(), [](const auto& a, const auto& b) {
        return a.seq < b.seq;
    });
    if (result.messages.size() != end - first)
        return std::nullopt;
    for (std::size_t i = 0; i < result.messages.size(); ++i)
        if (result.messages[i].seq != big.rows[first + i].seq)
            return std::nullopt;

    if (end < big.rows.size() || !big.rows.complete()) {
        result.after.window = from.window;
        result.more = true;
    }
    result.after.seq = result.messages.back().seq;
    return result;
}

write_result relay_store::advance(int shard, std::int64_t epoch, const cursor& to) {
    // Not to be written down: see is_trusted(). What it covers is read and recorded again.
    if (!is_trusted(shard, to))
        return db_.run(is_ours, parameters{}.add(shard).add(epoch)).count() == 1
                   ? write_result::done
                   : write_result::lease_lost;
    const rows answer =
        db_.run(record_progress, parameters{}.add(shard).add(epoch).add(to.window).add(to.seq));
    return answer.touched() == 1 ? write_result::done : write_result::lease_lost;
}

bool relay_store::remove_delivered(int shard, std::int64_t epoch) {
    if (db_.run(is_ours, parameters{}.add(shard).add(epoch)).count() == 0)
        return false;
    std::vector<delivered> all;
    const rows cursors = db_.run(all_cursors);
    for (int row = 0; row < cursors.count(); ++row) {
        const std::string text = cursors.text(row, 1);
        const auto between = window::parse(text);
        const bool valid = between && between->taken_by.system == identity_.system;
        all.push_back(
            {.shard = static_cast<int>(cursors.number(row, 0)),
             .seen_by = valid ? between->last : snapshot{}}
        );
    }
    return ring_.reclaim(all);
}

bool relay_store::can_schedule() {
    if (!can_schedule_)
        can_schedule_ = db_.run(find_schedule).number(0, 0) == 1;
    return can_schedule_;
}

release_answer relay_store::release_due(int shard, std::int64_t epoch, std::size_t count_max) {
    if (!can_schedule())
        return {};
    const auto next_due = [&]() -> std::optional<milliseconds> {
        const rows found = db_.run(look_at_next_due, parameters{}.add(shard));
        if (found.count() == 0)
            return std::nullopt;
        return milliseconds{found.number(0, 0)};
    };
    release_answer answer{.result = write_result::done, .released = 0, .next_due = next_due()};
    if (answer.next_due != milliseconds{0})
        return answer;
    if (db_.run(is_ours, parameters{}.add(shard).add(epoch)).count() == 0) {
        answer.result = write_result::lease_lost;
        return answer;
    }
    const rows moved = db_.run(
        move_due,
        parameters{}.add(shard).add(epoch).add(static_cast<std::int64_t>(count_max))
    );
    answer.released = static_cast<std::size_t>(moved.touched());
    answer.next_due = next_due();
    return answer;
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

    const window between = window_of(state.at, db_.name());
    const backlog waiting = count_backlog(db_, shard, between, state.at.seq);
    state.backlog = waiting.count;
    state.oldest_age = waiting.oldest_age;
    if (can_schedule())
        state.scheduled =
            db_.run(count_scheduled, parameters{}.add(shard).add(store_status::backlog_counted_max))
                .number(0, 0);

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
