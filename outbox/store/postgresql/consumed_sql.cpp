#include "outbox/store/postgresql/consumed_sql.hpp"

#include "outbox/base/hex.hpp"

namespace outbox::postgresql::consumed_sql {
namespace {

// What names a table, made once for each outbox.
struct texts {
    explicit texts(const outbox_name& to)
        : insert_into(to.in("insert into outbox.consumed (group_name, message_key) select "))
        , forget(to.in("with gone as (delete from outbox.consumed where (group_name, message_key)"
                       " in (select group_name, message_key from outbox.consumed where consumed_at"
                       " < pg_catalog.clock_timestamp() - ")) {}

    std::string insert_into;
    std::string forget;
};

// The time of a transaction is that of the command that began it: equal to that of this one where
// this one is all of it. Then the keys would be there and the effect might never be.
std::string if_open(const std::string& must_be) {
    return " where cast(case when " + must_be +
           "pg_catalog.now() = pg_catalog.statement_timestamp() then"
           " 'no transaction is open here' else '1' end as integer) = 1";
}

std::string insert_of(
    const texts& known,
    const std::string& group,
    const std::string& keys,
    const std::string& condition
) {
    return known.insert_into + "pg_catalog.convert_from(pg_catalog.decode(" + group +
           ",'hex'),'UTF8'), pg_catalog.decode(" + keys + condition +
           " on conflict do nothing returning pg_catalog.encode(message_key,'hex')";
}

} // namespace

// In the double quotes of the server, for a client may add the statement to its words.
bool says_no_transaction(std::string_view words) noexcept {
    return words.find("\"no transaction is open here\"") != std::string_view::npos;
}

std::string note(const outbox_name& to, const consumed_batch& batch, where_asked where) {
    const std::string condition = where == where_asked::at_begin ? "" : if_open("");
    const std::string group = "'" + to_hex(batch.group) + "'";
    // The usual number; taking an array apart costs the server as much again.
    if (batch.keys.size() == 1)
        return insert_of(
            made_for<texts>(to),
            group,
            "'" + to_hex(batch.keys.front()) + "','hex')",
            condition
        );
    std::string keys;
    for (const bytes& key : batch.keys)
        keys += (keys.empty() ? "" : ",") + to_hex(key);
    return insert_of(
        made_for<texts>(to),
        group,
        "k,'hex') from pg_catalog.unnest(cast('{" + keys + "}' as text[])) as u (k)",
        condition
    );
}

std::string prepare(const outbox_name& to, const std::string& name) {
    return "prepare " + name + " (text, text, boolean) as " +
           insert_of(made_for<texts>(to), "$1", "$2,'hex')", if_open("$3 and "));
}

std::string execute(const std::string& name, const consumed_batch& batch, where_asked where) {
    return "execute " + name + " ('" + to_hex(batch.group) + "','" + to_hex(batch.keys.front()) +
           (where == where_asked::at_begin ? "',false)" : "',true)");
}

std::string forget(const outbox_name& to, std::chrono::seconds age, std::size_t rows_max) {
    return made_for<texts>(to).forget + std::to_string(age.count()) +
           " * interval '1 second' order by consumed_at limit " + std::to_string(rows_max) +
           ") returning 1)"
           " select cast(pg_catalog.count(*) as text) from gone";
}

} // namespace outbox::postgresql::consumed_sql
