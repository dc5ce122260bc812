// How the relay's store reads: a window that fits into a slice with one statement, a bigger one by
// the places of its rows.

#include "outbox/base/hex.hpp"
#include "outbox/store/postgresql/relay_store.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace outbox::postgresql {
namespace {

// So many places are asked for at once. With the rest of their last transaction.
constexpr int places_per_trip = 100'000;

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

} // namespace

slice relay_store::read(int shard, const cursor& from, const slice_limits& limits) {
    const cursor at = trusted(shard, from);
#ifdef OUTBOX_BREAK_ID_CURSOR
    return read_by_number(shard, at, limits);
#endif
    const window between = window_of(at);
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
    window between = window_of(from);
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

} // namespace outbox::postgresql
