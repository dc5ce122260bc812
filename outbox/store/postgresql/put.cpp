#include "outbox/store/postgresql/put.hpp"

#include "outbox/base/hex.hpp"

namespace outbox::postgresql::put {
namespace {

// unnest keeps the order of its arrays, and seq is drawn for one row after the other.
constexpr std::string_view insert_into =
    "insert into outbox.message (message_id, subject, order_key, headers, payload)"
    " select i, pg_catalog.convert_from(pg_catalog.decode(s, 'hex'), 'UTF8'),"
    " pg_catalog.decode(k, 'hex'), pg_catalog.decode(h, 'hex'), pg_catalog.decode(p, 'hex')"
    " from rows from (";

constexpr std::string_view close = ") as r (i, s, k, h, p)";

// For one row, which is the usual number: taking arrays apart costs the server more than the row
// itself.
constexpr std::string_view insert_one =
    "insert into outbox.message (message_id, subject, order_key, headers, payload)"
    " values ($1, pg_catalog.convert_from(pg_catalog.decode($2, 'hex'), 'UTF8'),"
    " pg_catalog.decode($3, 'hex'), pg_catalog.decode($4, 'hex'), pg_catalog.decode($5, 'hex'))";

std::string name_for_one(const std::string& name) {
    return name + "_1";
}

template <class Value>
void append_array(std::string& sql, std::span<const envelope> rows, Value&& value) {
    sql += "'{";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i > 0)
            sql += ',';
        const std::string text = value(rows[i]);
        sql += text.empty() ? "\"\"" : text;
    }
    sql += "}'";
}

template <class Between>
void append_arrays(std::string& sql, std::span<const envelope> rows, Between&& between) {
    append_array(sql, rows, [](const envelope& e) { return to_hex(e.id.raw()); });
    between("uuid");
    append_array(sql, rows, [](const envelope& e) { return to_hex(e.subject); });
    between("text");
    append_array(sql, rows, [](const envelope& e) { return to_hex(e.key.value_or(bytes{})); });
    between("text");
    append_array(sql, rows, [](const envelope& e) { return to_hex(e.headers); });
    between("text");
    append_array(sql, rows, [](const envelope& e) { return to_hex(e.payload); });
}

} // namespace

std::string prepare(const std::string& name) {
    return "prepare " + name + " (uuid[], text[], text[], text[], text[]) as " +
           std::string{insert_into} +
           "pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
           " pg_catalog.unnest($4), pg_catalog.unnest($5)" +
           std::string{close} + "; prepare " + name_for_one(name) +
           " (uuid, text, text, text, text) as " + std::string{insert_one};
}

std::string execute(const std::string& name, std::span<const envelope> rows) {
    if (rows.size() == 1) {
        const envelope& row = rows.front();
        return "execute " + name_for_one(name) + " ('" + to_hex(row.id.raw()) + "','" +
               to_hex(row.subject) + "','" + to_hex(row.key.value_or(bytes{})) + "','" +
               to_hex(row.headers) + "','" + to_hex(row.payload) + "')";
    }
    std::string sql = "execute " + name + " (";
    append_arrays(sql, rows, [&](const char*) { sql += ','; });
    return sql + ")";
}

std::string insert(std::span<const envelope> rows) {
    std::string sql = std::string{insert_into} + "pg_catalog.unnest(";
    append_arrays(sql, rows, [&](const char* type) {
        sql += std::string{"::"} + type + "[]), pg_catalog.unnest(";
    });
    return sql + "::text[])" + std::string{close};
}

std::string ask_doorbell() {
    return "select coalesce((select doorbell from outbox.relay where shard = 0), '')";
}

} // namespace outbox::postgresql::put
