#include "outbox/store/sqlite/put.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/store/sqlite/now.hpp"
#include "outbox/store/value_lists.hpp"

namespace outbox::sqlite::put {
namespace {

// What names a table, made once for each outbox.
struct texts {
    explicit texts(const outbox_name& to)
        : insert(to)
        , cancel(to.in("delete from outbox_scheduled where message_id = x'"))
        , replace(to.in("update outbox_scheduled set subject = cast(x'")) {}

    insert_words insert;
    std::string cancel;
    std::string replace;
};

std::string values(const envelope& row) {
    return "(x'" + to_hex(row.id.raw()) + "',cast(x'" + to_hex(row.subject) + "' as text)," +
           (row.key ? "x'" + to_hex(*row.key) + "'" : "null") + ",x'" + to_hex(row.headers) +
           "',x'" + to_hex(row.payload) + "'";
}

// Microseconds since 1970.
std::string due_at(const delivery_time& when) {
    if (const auto* delay = when.delay())
        return std::string{OUTBOX_SQLITE_NOW " + "} + std::to_string(delay->count());
    return std::to_string(when.since_epoch().count());
}

} // namespace

std::vector<std::string>
insert(const outbox_name& to, std::span<const envelope> rows, std::size_t bytes_max) {
    return made_for<texts>(to).insert.statements(rows, bytes_max, values, due_at);
}

std::vector<std::string> cancel(const outbox_name& to, const message_id& id) {
    return {
        made_for<texts>(to).cancel + to_hex(id.raw()) + "'",
        "select cast(changes() as text), ''"};
}

std::vector<std::string> replace(const outbox_name& to, const envelope& row) {
    return {
        made_for<texts>(to).replace + to_hex(row.subject) +
            "' as text), order_key = " + (row.key ? "x'" + to_hex(*row.key) + "'" : "null") +
            ", headers = x'" + to_hex(row.headers) + "', payload = x'" + to_hex(row.payload) + "'" +
            (row.deliver ? ", due_at = " + due_at(*row.deliver) : "") + " where message_id = x'" +
            to_hex(row.id.raw()) + "'",
        "select cast(changes() as text), ''"};
}

} // namespace outbox::sqlite::put
