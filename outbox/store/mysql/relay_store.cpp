#include "outbox/store/mysql/relay_store.hpp"

#include "outbox/base/log.hpp"
#include "outbox/store/mysql/backlog.hpp"
#include "outbox/store/mysql/row_condition.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace outbox::mysql {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::int64_t removed_per_call_max = 5'000;
constexpr std::size_t removed_ranges_per_call_max = 500;
// Of each look at uncommitted rows. What lies behind the last one of them stays open.
constexpr std::size_t uncommitted_rows_max = 10'000;
// When something in the settled holes is locked: so many statements at a time to find out where.
constexpr int probes_per_settling_max = 64;
constexpr std::size_t payload_with_row_min = 4'096;

// Microseconds since 1970.
constexpr const char* now_micros = "floor(unix_timestamp(now(6)) * 1000000)";

std::string number(std::int64_t value) {
    return std::to_string(value);
}

std::string number(std::size_t value) {
    return std::to_string(value);
}

std::string lease_end(milliseconds duration) {
    return "utc_timestamp(6) + interval " +
           number(std::chrono::duration_cast<microseconds>(duration).count()) + " microsecond";
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
                number(options_.hole_patience.count()) +
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
            " from outbox_relay where shard = " + number(std::int64_t{shard}),
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
    // Assignments are made from left to right: epoch first, while owner is still the old one.
    const std::string who = quoted(owner);
    const write_result taken = write(
        "update outbox_relay set epoch = epoch + (owner <> " + who + "), owner = " + who +
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
            std::to_string(shard) + " and epoch = " + number(epoch) + " and owner <> ''",
        "cannot renew the relay's lease"
    );
}

void relay_store::release(int shard, std::int64_t epoch) {
    write(
        "update outbox_relay set owner = '', doorbell = '', lease_until = '1970-01-01'"
        " where shard = " +
            std::to_string(shard) + " and epoch = " + number(epoch),
        "cannot give back the relay's lease"
    );
}

std::vector<relay_store::found_row>
relay_store::fetch(const std::string& where, std::size_t count_max, std::size_t payload_max) {
    rows answer = db_.query(
        "select seq, shard, cast(unix_timestamp(created_at) * 1000000 as signed), message_id,"
        " subject, order_key, headers, length(payload), if(length(payload) <= " +
            number(payload_max) +
            ", payload, null)"
            " from outbox_message force index (primary) where " +
            where + " order by seq limit " + number(count_max),
        "cannot read the outbox"
    );
    std::vector<found_row> found;
    found.reserve(answer.count());
    while (answer.next()) {
        found_row row;
        stored_message& m = row.message;
        m.seq = answer.number(0);
        row.shard = static_cast<int>(answer.number(1));
        m.created_at = time_point{microseconds{answer.number(2)}};
        m.content.id = message_id::from_bytes(answer.bytes(3)).value_or(message_id{});
        m.content.subject = answer.bytes(4);
        if (const std::string_view key = answer.bytes(5); !key.empty())
            m.content.key = bytes{key};
        m.content.headers = answer.bytes(6);
        row.bytes = static_cast<std::size_t>(answer.number(7)) + answer.bytes(5).size() +
                    m.content.headers.size();
        row.lacks_payload = answer.is_null(8);
        m.content.payload = answer.bytes(8);
        highest_seen_ = std::max(highest_seen_, m.seq);
        found.push_back(std::move(row));
    }
    return found;
}

// The new rows come first, what stands in holes afterwards and again until there is nothing more.
// The other way round, a transaction that fills a hole and one that has seen it could both commit
// in between, and the second would be delivered first. This way, whoever has seen somebody's commit
// before its own row was read is followed by a look that shows the other's row, too; with the
// number order inside the slice that is enough. Nothing hangs on a read view showing all or nothing
// of what commits while it is made.
slice relay_store::read(int shard, const cursor& from, const slice_limits& limits) {
    const open_holes before = holes_of(from, db_.name());
    const std::size_t payload_max = std::max(
        payload_with_row_min,
        4 * limits.bytes_max / std::max<std::size_t>(1, limits.message_count_max)
    );
    std::vector<found_row> all =
        fetch("seq > " + number(from.seq), limits.message_count_max + 1, payload_max);
    if (const tick_point now = system_clock().ticks(); all.empty() && now >= look_at_counter_at_) {
        look_at_counter_at_ = now + options_.counter_interval;
        if (is_beyond_counter(from)) {
            log(log_level::error,
                "store",
                db_.server() +
                    db_.name().in(": the numbers of outbox_message have begun again below the "
                                  "relay's cursor, ") +
                    number(from.seq) +
                    "; every message still in the outbox is delivered. Leave the removal of "
                    "delivered messages to the relay, do not TRUNCATE");
            shards_[shard] = {.outlived = from.seq};
            return read(shard, {}, limits);
        }
    }
    slice_plan plan;
    bool more = false;
    std::int64_t look_up_to = std::numeric_limits<std::int64_t>::max();
    while (true) {
        std::vector<seen_row> seen;
        seen.reserve(all.size());
        for (const found_row& row : all)
            seen.push_back({row.message.seq, row.bytes});
        plan = plan_slice(before, from.seq, seen, limits, options_.open_holes_max);
        if (plan.taken < all.size()) {
            more = true;
            look_up_to = all[plan.taken].message.seq - 1;
            all.resize(plan.taken);
        }
        const open_holes unread = plan.holes.up_to(look_up_to);
        if (unread.empty())
            break;
        std::vector<found_row> late =
            fetch(is_in(unread.ranges()), limits.message_count_max, payload_max);
        if (late.empty())
            break;
        std::move(late.begin(), late.end(), std::back_inserter(all));
        std::sort(all.begin(), all.end(), [](const found_row& a, const found_row& b) {
            return a.message.seq < b.message.seq;
        });
    }

    // Only holes can have been in the way.
    const bool stalled = more && all.empty();
    if (stalled && !is_stalled_)
        log(log_level::warning,
            "store",
            db_.server() + ": " + number(plan.holes.size()) +
                db_.name().in(
                    " gaps in the numbers of outbox_message wait for a statement that has "
                    "been running since they appeared; nothing above them is read until "
                    "it ends"
                ));
    is_stalled_ = stalled;

    fetch_big_payloads(all);
    if (!all.empty())
        make_durable(shard);
    settle(plan);
    slice result{
        .messages = {},
        .after = {.window = plan.holes.text(), .seq = plan.seq},
        .more = more && !stalled,
        .stalled = stalled};
    result.messages.reserve(all.size());
    for (found_row& row : all)
        if (row.shard == shard)
            result.messages.push_back(std::move(row.message));
    return result;
}

bool relay_store::is_beyond_counter(const cursor& at) {
    if (at.seq == 0)
        return false;
    rows found = db_.query(
        "select auto_increment, (select coalesce(max(seq), 0) from outbox_message) from"
        " information_schema.tables where table_schema = database() and table_name ="
        " 'outbox_message'",
        "cannot see the next number"
    );
    if (!found.next() || found.is_null(0))
        return false;
    const std::int64_t next = found.number(0);
    // A counter that is not above every row is not the truth: acting on it would deliver for ever.
    return next <= at.seq && next > found.number(1);
}

void relay_store::fetch_big_payloads(std::vector<found_row>& rows_read) {
    std::string wanted;
    for (const found_row& row : rows_read)
        if (row.lacks_payload)
            wanted += (wanted.empty() ? "" : ",") + number(row.message.seq);
    if (wanted.empty())
        return;
    rows answer = db_.query(
        "select seq, payload from outbox_message where seq in (" + wanted + ") order by seq",
        "cannot read the outbox"
    );
    for (found_row& row : rows_read) {
        if (!row.lacks_payload)
            continue;
        if (!answer.next() || answer.number(0) != row.message.seq)
            throw error(
                error_kind::conflict,
                db_.server() + ": row " + number(row.message.seq) +
                    db_.name().in(" of outbox_message was removed while it was read"),
                "leave the removal of delivered messages to the relay"
            );
        row.message.content.payload = answer.bytes(1);
    }
}

// Phantom guard: InnoDB shows a commit before its log is on the disk. What has been read is below
// the log's end as of now; a write of our own takes the disk at least that far.
void relay_store::make_durable(int shard) {
    const auto before = traits_.is_mariadb ? ask_log_position(db_, traits_) : std::nullopt;
    if (before && before->flushed >= before->current)
        return;
    const char* failure = "cannot make sure that what was read is on the disk";
    db_.execute(
        "update outbox_relay set flush_count = flush_count + 1 where shard = " +
            std::to_string(shard),
        failure
    );
    if (!before) {
        rows flush = db_.query("select @@global.innodb_flush_log_at_trx_commit", failure);
        if (flush.next() && flush.number(0) == 1)
            return;
    }
    auto now = ask_log_position(db_, traits_);
    if (!now) // a MySQL that does not tell: the constructor has said what that means
        return;
    const std::int64_t wanted = before ? before->current : now->current;
    const tick_point end = system_clock().ticks() + options_.durable_patience;
    while (now && now->flushed < wanted) {
        if (system_clock().ticks() >= end)
            throw error(
                error_kind::conflict,
                db_.server() + ": what was read is not on the server's disk after " +
                    number(options_.durable_patience.count()) + " ms",
                "set innodb_flush_log_at_trx_commit = 1"
            );
        db_.query("do sleep(0.01)", failure);
        now = ask_log_position(db_, traits_);
    }
}

void relay_store::settle(slice_plan& plan) {
    const tick_point now = system_clock().ticks();
    if (plan.holes.empty() || now < settle_at_)
        return;
    settle_at_ = now + options_.settle_interval;
    if (plan.holes.ranges().back().last > horizon_.reached()) {
        if (traits_.sees_all_statements)
            look_at_sessions();
        else
            horizon_.assume(highest_seen_, now, options_.hole_patience);
    }
    const open_holes settled = plan.holes.up_to(horizon_.reached());
    if (!settled.empty())
        close_where_nothing_is(plan, settled);
}

void relay_store::look_at_sessions() {
    rows answer = db_.query(
        "select id from information_schema.processlist where id <> connection_id()"
        " and command not in ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
        " and user not in ('system user', 'event_scheduler')",
        "cannot look at the sessions"
    );
    std::vector<std::int64_t> executing;
    while (answer.next())
        executing.push_back(answer.number(0));
    horizon_.look(highest_seen_, executing);
}

// Every INSERT that drew one of these numbers is over. A row that is there and not yet committed
// shows itself to a dirty read; what even that does not see, such as a row that its transaction has
// deleted and may bring back with ROLLBACK TO SAVEPOINT, is locked. Where a lock is to be had at
// once and no row is found, there will be none.
void relay_store::close_where_nothing_is(slice_plan& plan, const open_holes& settled) {
    rows there = db_.query(
        "set transaction isolation level read uncommitted;"
        " select seq from outbox_message force index (primary) where " +
            is_in(settled.ranges()) + " order by seq limit " + number(uncommitted_rows_max),
        "cannot look at uncommitted messages"
    );
    std::vector<std::int64_t> numbers;
    while (there.next())
        numbers.push_back(there.number(0));
    open_holes empty = settled;
    if (numbers.size() == uncommitted_rows_max)
        empty = empty.up_to(numbers.back());
    // The stretch between the first and the last row of a hole waits: so one hole never becomes
    // two.
    empty.close_stretches(numbers);
    int statements_left = probes_per_settling_max;
    close_clean_parts(plan, empty.ranges(), statements_left);
}

void relay_store::close_clean_parts(
    slice_plan& plan,
    std::span<const number_range> ranges,
    int& statements_left
) {
    if (ranges.empty() || statements_left <= 0)
        return;
    if (holds_nothing(ranges, statements_left)) {
        for (const number_range& range : ranges)
            plan.holes.close(range);
        return;
    }
    if (ranges.size() == 1)
        return;
    const std::size_t half = ranges.size() / 2;
    close_clean_parts(plan, ranges.first(half), statements_left);
    close_clean_parts(plan, ranges.subspan(half), statements_left);
}

bool relay_store::holds_nothing(std::span<const number_range> ranges, int& statements_left) {
    --statements_left;
    try {
        return db_.query(
                      "select seq from outbox_message force index (primary) where " +
                          is_in(ranges) + " limit 1 " + traits_.share_nowait,
                      "cannot look for locks on messages"
               )
                   .count() == 0;
    } catch (const sql_error& e) {
        if (!is_lock_refusal(e.code()))
            throw;
        return false;
    }
}

write_result relay_store::advance(int shard, std::int64_t epoch, const cursor& to) {
    return write(
        "update outbox_relay set cursor_window = " + quoted(to.window) +
            ", cursor_seq = " + number(to.seq) + " where shard = " + std::to_string(shard) +
            " and epoch = " + number(epoch) + " and owner <> ''",
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
            number(state.removed_to) + " order by seq limit 1",
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

bool relay_store::can_schedule() {
    if (!can_schedule_)
        can_schedule_ = has_table("outbox_scheduled");
    return can_schedule_;
}

bool relay_store::has_table(const char* name) {
    return db_.query(
                  std::string{"select 1 from information_schema.tables where table_schema = "
                              "database() and table_name = '"} +
                      name + "'",
                  "cannot read the schema"
           )
               .count() == 1;
}

std::optional<milliseconds> relay_store::next_due(int shard) {
    rows found = db_.query(
        std::string{"select greatest(0, ceil((due_at - "} + now_micros + ") / 1000))" +
            " from outbox_scheduled where shard = " + std::to_string(shard) +
            " order by due_at limit 1",
        "cannot read the scheduled messages"
    );
    if (!found.next())
        return std::nullopt;
    return milliseconds{found.number(0)};
}

release_answer relay_store::release_due(int shard, std::int64_t epoch, std::size_t count_max) {
    if (!can_schedule())
        return {};
    release_answer answer{.result = write_result::done, .released = 0, .next_due = next_due(shard)};
    if (answer.next_due != milliseconds{0})
        return answer;
    try {
        db_.execute("start transaction", "cannot begin to release scheduled messages");
        bool is_ours = false;
        {
            rows row = relay_row(shard, "epoch, owner <> ''");
            is_ours = row.number(0) == epoch && row.number(1) != 0;
        }
        if (is_ours)
            answer.released = move_due(shard, count_max);
        else
            answer.result = write_result::lease_lost;
        db_.execute("commit", "cannot release scheduled messages");
    } catch (const sql_error& e) {
        if (!is_lock_refusal(e.code()))
            throw; // and the relay opens another session
        db_.execute("rollback", "cannot roll back");
        return {.result = write_result::busy, .released = 0, .next_due = answer.next_due};
    }
    answer.next_due = next_due(shard);
    return answer;
}

// Who cancels a message at this moment holds its row; it is left alone and looked at again.
std::size_t relay_store::move_due(int shard, std::size_t count_max) {
    const char* failure = "cannot release scheduled messages";
    std::string due;
    std::size_t count = 0;
    {
        rows found = db_.query(
            "select seq from outbox_scheduled where shard = " + std::to_string(shard) +
                " and due_at <= " + now_micros + " order by due_at, seq limit " +
                number(count_max) + " for update skip locked",
            failure
        );
        for (; found.next(); ++count)
            due += (due.empty() ? "" : ",") + found.text(0);
    }
    if (count == 0)
        return 0;
    db_.execute(
        "insert into outbox_message (shard, message_id, subject, order_key, headers, payload)"
        " select shard, message_id, subject, order_key, headers, payload from outbox_scheduled"
        " where seq in (" +
            due + ") order by due_at, seq",
        failure
    );
    db_.execute("delete from outbox_scheduled where seq in (" + due + ")", failure);
    return count;
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
    if (can_schedule()) {
        rows waiting = db_.query(
            "select count(*) from (select 1 from outbox_scheduled where shard = " +
                std::to_string(shard) + " limit " +
                number(std::int64_t{store_status::backlog_counted_max}) + ") counted",
            "cannot count the scheduled messages"
        );
        if (waiting.next())
            state.scheduled = waiting.number(0);
    }
    const open_holes holes = holes_of(state.at, db_.name());
    state.cursor_text = "seq " + number(state.at.seq);
    if (!holes.empty())
        state.cursor_text += ", gaps below it: " + number(holes.size());
    return state;
}

} // namespace outbox::mysql
