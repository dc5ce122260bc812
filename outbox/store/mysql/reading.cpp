// How the relay's store reads: what is new, what stands in gaps, and nothing that a crash could
// take back.

#include "outbox/base/log.hpp"
#include "outbox/store/mysql/backlog.hpp"
#include "outbox/store/mysql/relay_store.hpp"
#include "outbox/store/mysql/row_condition.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace outbox::mysql {
namespace {

using std::chrono::microseconds;

constexpr std::size_t content_with_row_min = 4'096;

} // namespace

std::vector<relay_store::found_row>
relay_store::fetch(const std::string& where, std::size_t count_max, std::size_t content_max) {
    const std::string fits =
        "if(length(headers) + length(payload) <= " + std::to_string(content_max) + ", ";
    rows answer = db_.query(
        "select seq, shard, cast(unix_timestamp(created_at) * 1000000 as signed), message_id,"
        " subject, order_key, length(headers) + length(payload), " +
            fits + "headers, null), " + fits +
            "payload, null)"
            " from outbox_message force index (primary) where " +
            where + " order by seq limit " + std::to_string(count_max),
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
        row.bytes = static_cast<std::size_t>(answer.number(6)) + answer.bytes(5).size();
        row.lacks_content = answer.is_null(8);
        m.content.headers = answer.bytes(7);
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
    const std::size_t content_max = std::max(
        content_with_row_min,
        4 * limits.bytes_max / std::max<std::size_t>(1, limits.message_count_max)
    );
    std::vector<found_row> all =
        fetch("seq > " + std::to_string(from.seq), limits.message_count_max + 1, content_max);
    if (const tick_point now = system_clock().ticks(); all.empty() && now >= look_at_counter_at_) {
        look_at_counter_at_ = now + options_.counter_interval;
        if (is_beyond_counter(from)) {
            log(log_level::error,
                "store",
                db_.server() +
                    db_.name().in(": the numbers of outbox_message have begun again below the "
                                  "relay's cursor, ") +
                    std::to_string(from.seq) +
                    "; every message still in the outbox is delivered. Leave the removal of "
                    "delivered messages to the relay, do not TRUNCATE");
            shards_[shard] = {.outlived = from.seq};
            // What was settled were numbers of before.
            horizon_ = {};
            highest_seen_ = 0;
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
            fetch(is_in(unread.ranges()), limits.message_count_max, content_max);
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
            db_.server() + ": " + std::to_string(plan.holes.size()) +
                db_.name().in(
                    " gaps in the numbers of outbox_message wait for a statement that has "
                    "been running since they appeared; nothing above them is read until "
                    "it ends"
                ));
    is_stalled_ = stalled;

    fetch_big_contents(all);
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

void relay_store::fetch_big_contents(std::vector<found_row>& rows_read) {
    std::string wanted;
    for (const found_row& row : rows_read)
        if (row.lacks_content)
            wanted += (wanted.empty() ? "" : ",") + std::to_string(row.message.seq);
    if (wanted.empty())
        return;
    rows answer = db_.query(
        "select seq, headers, payload from outbox_message where seq in (" + wanted +
            ") order by seq",
        "cannot read the outbox"
    );
    for (found_row& row : rows_read) {
        if (!row.lacks_content)
            continue;
        if (!answer.next() || answer.number(0) != row.message.seq)
            throw error(
                error_kind::conflict,
                db_.server() + ": row " + std::to_string(row.message.seq) +
                    db_.name().in(" of outbox_message was removed while it was read"),
                "leave the removal of delivered messages to the relay"
            );
        row.message.content.headers = answer.bytes(1);
        row.message.content.payload = answer.bytes(2);
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
                    std::to_string(options_.durable_patience.count()) + " ms",
                "set innodb_flush_log_at_trx_commit = 1"
            );
        db_.query("do sleep(0.01)", failure);
        now = ask_log_position(db_, traits_);
    }
}

} // namespace outbox::mysql
