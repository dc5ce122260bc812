#include "outbox/store/sqlite/applied_sql.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/store/sqlite/now.hpp"

namespace outbox::sqlite::applied_sql {
namespace {

std::string literal(std::string_view value) {
    return "cast(x'" + to_hex(value) + "' as text)";
}

std::string row(const applied_question& about) {
    return " where group_name = " + literal(about.group) +
           " and source = " + literal(about.source) + " and shard = " + std::to_string(about.shard);
}

} // namespace

// One writer at a time: what is read in a transaction that then writes is still so.
std::vector<std::string> texts(const outbox_name& to, const applied_question& about) {
    switch (about.what) {
    case applied_question::lock:
        return {to.in("select hex(numbers) from outbox_applied") + row(about)};
    case applied_question::create:
        return {
            to.in("insert into outbox_applied (group_name, source, shard, numbers, changed_at) "
                  "values (") +
                literal(about.group) + "," + literal(about.source) + "," +
                std::to_string(about.shard) + ",x'" + std::string{no_numbers_hex} +
                "'," OUTBOX_SQLITE_NOW ") on conflict do nothing",
            "select '0'"};
    case applied_question::write:
        return {
            to.in("update outbox_applied set changed_at = " OUTBOX_SQLITE_NOW ", numbers = x'") +
                to_hex(about.numbers) + "'" + row(about),
            "select cast(changes() as text)"};
    case applied_question::forget:
        break;
    }
    return {
        to.in("delete from outbox_applied where (group_name, source, shard) in (select group_name, "
              "source, shard from outbox_applied where changed_at < " OUTBOX_SQLITE_NOW " - ") +
            std::to_string(about.age.count()) + " * 1000000 limit " +
            std::to_string(about.rows_max) + ")",
        "select cast(changes() as text)"};
}

} // namespace outbox::sqlite::applied_sql
