#include "outbox/store/sqlite/put.hpp"

#include "outbox/base/hex.hpp"

#include <string_view>

namespace outbox::sqlite::put {
namespace {

constexpr std::string_view insert_into =
    "insert into outbox_message (message_id, subject, order_key, headers, payload) values ";

std::string values(const envelope& row) {
    return "(x'" + to_hex(row.id.raw()) + "',cast(x'" + to_hex(row.subject) + "' as text)," +
           (row.key ? "x'" + to_hex(*row.key) + "'" : "null") + ",x'" + to_hex(row.headers) +
           "',x'" + to_hex(row.payload) + "')";
}

} // namespace

std::vector<std::string> insert(std::span<const envelope> rows, std::size_t bytes_max) {
    std::vector<std::string> statements;
    for (const envelope& row : rows) {
        const std::string next = values(row);
        if (statements.empty() || statements.back().size() + 1 + next.size() > bytes_max)
            statements.emplace_back(insert_into);
        else
            statements.back() += ',';
        statements.back() += next;
    }
    return statements;
}

} // namespace outbox::sqlite::put
