#include "outbox/store/mysql/consumed_sql.hpp"

#include "outbox/base/hex.hpp"

namespace outbox::mysql::consumed_sql {
namespace {

// What names a table, made once for each outbox.
struct texts {
    explicit texts(const outbox_name& to)
        : insert_into(to.in("insert into outbox_consumed (group_name, message_key, token) values "))
        , leave_it(to.in(" on duplicate key update token = outbox_consumed.token"))
        , select(to.in("select hex(message_key) from outbox_consumed where group_name = ")) {}

    std::string insert_into;
    std::string leave_it;
    std::string select;
};

std::string literal(bytes_view value) {
    return "x'" + to_hex(value) + "'";
}

} // namespace

// Not INSERT IGNORE, which would also cut what is too long, and whose shared locks let two sessions
// that wait for a third fail both.
std::vector<std::string>
note(const outbox_name& to, const consumed_batch& batch, answer how, binding to_what) {
    const std::string group = "_ascii " + literal(batch.group);
    const std::string token = literal(batch.token);
    std::string rows;
    std::string keys;
    for (const bytes& key : batch.keys) {
        const std::string text = literal(key);
        rows += (rows.empty() ? "(" : ",(") + group + "," + text + "," +
                (rows.empty() ? bound(token, to_what) : token) + ")";
        keys += (keys.empty() ? "" : ",") + text;
    }
    std::string put = made_for<texts>(to).insert_into + rows + made_for<texts>(to).leave_it;
    const std::string returning = " returning if(token=" + token + ",hex(message_key),'')";
    if (how == answer::returned)
        return {put + returning};
    if (how == answer::returned_or_asked_for)
        put += "/*M!100500" + returning + "*/";
    return {
        put,
        made_for<texts>(to).select + group + " and message_key in (" + keys +
            ") and token = " + token};
}

std::vector<std::string>
forget(const outbox_name& to, std::chrono::seconds age, std::size_t rows_max) {
    return {
        to.in("delete from outbox_consumed where consumed_at < now(6) - interval ") +
            std::to_string(age.count()) + " second order by consumed_at limit " +
            std::to_string(rows_max),
        "select cast(row_count() as char)"};
}

} // namespace outbox::mysql::consumed_sql
