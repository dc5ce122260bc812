#include "outbox/store/mysql/put.hpp"

#include "outbox/base/hex.hpp"

#include <string_view>

namespace outbox::mysql::put {
namespace {

constexpr std::string_view insert_into =
    "insert into outbox_message (message_id, subject, order_key, headers, payload) values ";

// An error under every sql_mode, where a null would be one only under some.
constexpr std::string_view or_fail = ",(select x'00' union select x'01'))";

std::string values(const envelope& row, bool only_in_transaction) {
    std::string id = "x'" + to_hex(row.id.raw()) + "'";
    if (only_in_transaction)
        id = "if(@@autocommit=0," + id + std::string{or_fail};
    return "(" + id + ",_utf8mb4 x'" + to_hex(row.subject) + "',x'" +
           to_hex(row.key.value_or(bytes{})) + "',x'" + to_hex(row.headers) + "',x'" +
           to_hex(row.payload) + "')";
}

std::vector<std::string>
statements_for(std::span<const envelope> rows, std::size_t bytes_max, bool only_in_transaction) {
    std::vector<std::string> statements;
    for (const envelope& row : rows) {
        const std::string next = values(row, only_in_transaction);
        if (statements.empty() || statements.back().size() + 1 + next.size() > bytes_max)
            statements.emplace_back(insert_into);
        else
            statements.back() += ',';
        statements.back() += next;
    }
    return statements;
}

} // namespace

std::vector<std::string> insert(std::span<const envelope> rows, std::size_t bytes_max) {
    return statements_for(rows, bytes_max, false);
}

std::vector<std::string>
insert_in_transaction(std::span<const envelope> rows, std::size_t bytes_max) {
    return statements_for(rows, bytes_max, true);
}

std::string ask_doorbell() {
    return "select coalesce((select doorbell from outbox_relay where shard = 0), '')";
}

} // namespace outbox::mysql::put
