// Messages for later: their table, and how those that are due become messages.

#include "outbox/store/mysql/relay_store.hpp"

namespace outbox::mysql {
namespace {

using std::chrono::milliseconds;

// Microseconds since 1970.
constexpr const char* now_micros = "floor(unix_timestamp(now(6)) * 1000000)";

} // namespace

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
    } catch (const error& e) {
        if (e.kind() == error_kind::unreachable)
            throw;
        db_.execute("rollback", "cannot roll back");
        const auto* refused = dynamic_cast<const sql_error*>(&e);
        if (refused == nullptr || !is_lock_refusal(refused->code()))
            throw;
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
                std::to_string(count_max) + " for update skip locked",
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

std::int64_t relay_store::count_scheduled(int shard) {
    if (!can_schedule())
        return 0;
    rows waiting = db_.query(
        "select count(*) from (select 1 from outbox_scheduled where shard = " +
            std::to_string(shard) + " limit " + std::to_string(store_status::backlog_counted_max) +
            ") counted",
        "cannot count the scheduled messages"
    );
    return waiting.next() ? waiting.number(0) : 0;
}

} // namespace outbox::mysql
