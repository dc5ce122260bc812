#include "outbox/store/sqlite/consumed_sql.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/store/sqlite/now.hpp"

namespace outbox::sqlite::consumed_sql {

std::string note(const outbox_name& to, const consumed_batch& batch) {
    const std::string group = "cast(x'" + to_hex(batch.group) + "' as text)";
    std::string rows;
    for (const bytes& key : batch.keys)
        rows += (rows.empty() ? "(" : ",(") + group + ",x'" + to_hex(key) + "')";
    return to.in("insert into outbox_consumed (group_name, message_key) values ") + rows +
           " on conflict do nothing returning hex(message_key)";
}

std::vector<std::string>
forget(const outbox_name& to, std::chrono::seconds age, std::size_t rows_max) {
    return {
        to.in("delete from outbox_consumed where (group_name, message_key) in (select group_name, "
              "message_key from outbox_consumed where consumed_at < " OUTBOX_SQLITE_NOW " - ") +
            std::to_string(age.count()) + " * 1000000 order by consumed_at limit " +
            std::to_string(rows_max) + ")",
        "select cast(changes() as text)"};
}

} // namespace outbox::sqlite::consumed_sql
