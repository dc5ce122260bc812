#include "outbox/store/mysql/applied_sql.hpp"

#include "outbox/base/hex.hpp"

namespace outbox::mysql::applied_sql {
namespace {

std::string literal(std::string_view value) {
    return "_ascii x'" + to_hex(value) + "'";
}

std::string row(const applied_question& about) {
    return " where group_name = " + literal(about.group) +
           " and source = " + literal(about.source) + " and shard = " + std::to_string(about.shard);
}

} // namespace

std::vector<std::string> texts(const outbox_name& to, const applied_question& about, binding how) {
    switch (about.what) {
    case applied_question::lock:
        return {
            to.in("select hex(numbers) from outbox_applied") + row(about) + " and " +
            bound("x'01'", how) + " = x'01' for update"};
    case applied_question::create:
        // Not INSERT IGNORE, which would also cut what is too long.
        return {
            to.in("insert into outbox_applied (group_name, source, shard, numbers) values (") +
                literal(about.group) + "," + literal(about.source) + "," +
                std::to_string(about.shard) + ",x'" + std::string{no_numbers_hex} +
                to.in("') on duplicate key update shard = outbox_applied.shard"),
            "select '0'"};
    case applied_question::write:
        return {
            to.in("update outbox_applied set changed_at = now(6), numbers = x'") +
                to_hex(about.numbers) + "'" + row(about),
            "select cast(row_count() as char)"};
    case applied_question::forget:
        break;
    }
    return {
        to.in("delete from outbox_applied where changed_at < now(6) - interval ") +
            std::to_string(about.age.count()) + " second limit " + std::to_string(about.rows_max),
        "select cast(row_count() as char)"};
}

} // namespace outbox::mysql::applied_sql
