#include "outbox/store/postgresql/put.hpp"

#include "outbox/base/hex.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

namespace outbox::postgresql::put {
namespace {

// What names a table, made once for each outbox.
struct texts {
    explicit texts(const outbox_name& to)
        // unnest keeps the order of its arrays, and seq is drawn for one row after the other.
        : insert_into(
              to.in("insert into outbox.message (message_id, subject, order_key, headers, payload)"
                    " select i, pg_catalog.convert_from(pg_catalog.decode(s, 'hex'), 'UTF8'),"
                    " pg_catalog.decode(k, 'hex'), pg_catalog.decode(h, 'hex'), "
                    "pg_catalog.decode(p, 'hex')"
                    " from rows from (")
          )
        // For one row, which is the usual number: taking arrays apart costs the server more than
        // the row itself.
        , insert_one(
              to.in("insert into outbox.message (message_id, subject, order_key, headers, payload)"
                    " values ($1, pg_catalog.convert_from(pg_catalog.decode($2, 'hex'), 'UTF8'),"
                    " pg_catalog.decode($3, 'hex'), pg_catalog.decode($4, 'hex'),"
                    " pg_catalog.decode($5, 'hex'))")
          )
        , schedule(to.in("insert into outbox.scheduled (message_id, due_at, subject, order_key, "
                         "headers, payload) values "))
        , cancel(to.in("delete from outbox.scheduled where message_id = '"))
        , replace(to.in("update outbox.scheduled set subject = pg_catalog.convert_from("))
        , ask_doorbell(
              to.in("select coalesce((select doorbell from outbox.relay where shard = 0), '')")
          ) {}

    std::string insert_into;
    std::string insert_one;
    std::string schedule;
    std::string cancel;
    std::string replace;
    std::string ask_doorbell;
};

constexpr std::string_view close = ") as r (i, s, k, h, p)";

bool is_scheduled(const envelope& row) {
    return row.deliver.has_value();
}

std::string due_at(const delivery_time& when) {
    if (const auto* delay = when.delay())
        return "pg_catalog.clock_timestamp() + " + std::to_string(delay->count()) +
               " * interval '1 microsecond'";
    return "timestamptz '1970-01-01 00:00:00+00' + " + std::to_string(when.since_epoch().count()) +
           " * interval '1 microsecond'";
}

// Rare and not in a hurry, so nothing is prepared for them.
std::string schedule(const outbox_name& to, std::span<const envelope> rows) {
    std::string sql = made_for<texts>(to).schedule;
    bool first = true;
    for (const envelope& row : rows) {
        sql += first ? "(" : ",(";
        first = false;
        sql += "'" + to_hex(row.id.raw()) + "'," + due_at(*row.deliver) +
               ",pg_catalog.convert_from(pg_catalog.decode('" + to_hex(row.subject) +
               "','hex'),'UTF8'),pg_catalog.decode('" + to_hex(row.key.value_or(bytes{})) +
               "','hex'),pg_catalog.decode('" + to_hex(row.headers) +
               "','hex'),pg_catalog.decode('" + to_hex(row.payload) + "','hex'))";
    }
    return sql;
}

std::string tell_whether(const std::string& change) {
    return "with changed as (" + change +
           " returning 1) select cast(pg_catalog.count(*) as text), '' from changed";
}

struct by_time {
    std::vector<envelope> now{};
    std::vector<envelope> later{};
};

by_time split(std::span<const envelope> rows) {
    by_time parts;
    std::partition_copy(
        rows.begin(),
        rows.end(),
        std::back_inserter(parts.later),
        std::back_inserter(parts.now),
        is_scheduled
    );
    return parts;
}

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

std::string prepare(const outbox_name& to, const std::string& name) {
    const texts& known = made_for<texts>(to);
    return "prepare " + name + " (uuid[], text[], text[], text[], text[]) as " + known.insert_into +
           "pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
           " pg_catalog.unnest($4), pg_catalog.unnest($5)" +
           std::string{close} + "; prepare " + name_for_one(name) +
           " (uuid, text, text, text, text) as " + known.insert_one;
}

std::string
execute(const outbox_name& to, const std::string& name, std::span<const envelope> rows) {
    if (std::any_of(rows.begin(), rows.end(), is_scheduled)) {
        const by_time parts = split(rows);
        const std::string later = schedule(to, parts.later);
        return parts.now.empty() ? later : execute(to, name, parts.now) + "; " + later;
    }
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

std::string insert(const outbox_name& to, std::span<const envelope> rows) {
    if (std::any_of(rows.begin(), rows.end(), is_scheduled)) {
        const by_time parts = split(rows);
        const std::string later = schedule(to, parts.later);
        return parts.now.empty() ? later : "with later as (" + later + ") " + insert(to, parts.now);
    }
    std::string sql = made_for<texts>(to).insert_into + "pg_catalog.unnest(";
    append_arrays(sql, rows, [&](const char* type) {
        sql += std::string{"::"} + type + "[]), pg_catalog.unnest(";
    });
    return sql + "::text[])" + std::string{close};
}

std::string cancel(const outbox_name& to, const message_id& id) {
    return tell_whether(made_for<texts>(to).cancel + to_hex(id.raw()) + "'");
}

std::string replace(const outbox_name& to, const envelope& row) {
    const auto bytes_of = [](bytes_view value) {
        return "pg_catalog.decode('" + to_hex(value) + "','hex')";
    };
    return tell_whether(
        made_for<texts>(to).replace + bytes_of(row.subject) +
        ",'UTF8'), order_key = " + bytes_of(row.key.value_or(bytes{})) +
        ", headers = " + bytes_of(row.headers) + ", payload = " + bytes_of(row.payload) +
        (row.deliver ? ", due_at = " + due_at(*row.deliver) : "") + " where message_id = '" +
        to_hex(row.id.raw()) + "'"
    );
}

std::string ask_doorbell(const outbox_name& to) {
    return made_for<texts>(to).ask_doorbell;
}

} // namespace outbox::postgresql::put
