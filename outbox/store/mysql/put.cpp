#include "outbox/store/mysql/put.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/store/value_lists.hpp"

#include <string_view>
#include <utility>

namespace outbox::mysql::put {
namespace {

// What names a table, made once for each outbox.
struct texts {
    explicit texts(const outbox_name& to)
        : insert(to)
        , ask_doorbell(
              to.in("select coalesce((select doorbell from outbox_relay where shard = 0), '')")
          )
        , cancel(to.in("delete from outbox_scheduled where message_id = "))
        , replace(to.in("update outbox_scheduled set subject = _utf8mb4 x'"))
        , find(to.in(", '' from outbox_scheduled")) {}

    insert_words insert;
    std::string ask_doorbell;
    std::string cancel;
    std::string replace;
    std::string find;
};

constexpr std::size_t id_literal_size =
    std::string_view{"x'00112233445566778899aabbccddeeff'"}.size();

std::string id_literal(const message_id& id) {
    return "x'" + to_hex(id.raw()) + "'";
}

std::string values(const envelope& row) {
    return "(" + id_literal(row.id) + ",_utf8mb4 x'" + to_hex(row.subject) + "',x'" +
           to_hex(row.key.value_or(bytes{})) + "',x'" + to_hex(row.headers) + "',x'" +
           to_hex(row.payload) + "'";
}

// Microseconds since 1970; NOW(6) stands still for one statement, and UNIX_TIMESTAMP knows the
// session's time zone.
std::string due_at(const delivery_time& when) {
    if (const auto* delay = when.delay())
        return "floor(unix_timestamp(now(6)) * 1000000) + " + std::to_string(delay->count());
    return std::to_string(when.since_epoch().count());
}

} // namespace

std::vector<std::string>
insert(const outbox_name& to, std::span<const envelope> rows, binding how, std::size_t bytes_max) {
    std::vector<std::string> statements =
        made_for<texts>(to).insert.statements(rows, bytes_max, values, due_at);
    for (std::string& statement : statements) {
        const std::size_t id = statement.find("values (") + std::string_view{"values ("}.size();
        statement.replace(id, id_literal_size, bound(statement.substr(id, id_literal_size), how));
    }
    return statements;
}

std::string ask_doorbell(const outbox_name& to) {
    return made_for<texts>(to).ask_doorbell;
}

// Of an id that is not there the servers need not evaluate the condition, so the answers are bound,
// too.
std::vector<std::string> cancel(const outbox_name& to, const message_id& id, binding how) {
    return {
        made_for<texts>(to).cancel + bound(id_literal(id), how),
        "select " + bound("row_count()", how) + ", ''"};
}

std::vector<std::string> replace(const outbox_name& to, const envelope& row, binding how) {
    const texts& known = made_for<texts>(to);
    const std::string which = " where message_id = ";
    return {
        known.replace + to_hex(row.subject) + "', order_key = x'" +
            to_hex(row.key.value_or(bytes{})) + "', headers = x'" + to_hex(row.headers) +
            "', payload = x'" + to_hex(row.payload) + "'" +
            (row.deliver ? ", due_at = " + due_at(*row.deliver) : "") + which +
            bound(id_literal(row.id), how),
        // Not row_count(): a row that is put there as it was counts as none. For update: another
        // read would find it where the transaction's snapshot is older than its delivery.
        "select " + bound("count(*)", how) + known.find + which + id_literal(row.id) +
            " for update"};
}

} // namespace outbox::mysql::put
