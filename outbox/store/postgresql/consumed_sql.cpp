#include "outbox/store/postgresql/consumed_sql.hpp"

#include "outbox/base/hex.hpp"

namespace outbox::postgresql::consumed_sql {

// In the double quotes of the server, for a client may add the statement to its words.
bool says_no_transaction(std::string_view words) noexcept {
    return words.find("\"no transaction is open here\"") != std::string_view::npos;
}

std::string note(const outbox_name& to, const consumed_batch& batch) {
    std::string keys;
    for (const bytes& key : batch.keys)
        keys += (keys.empty() ? "" : ",") + to_hex(key);
    // The time of a transaction is that of the command that began it: equal to that of this one
    // where this one is all of it. Then the keys would be there and the effect might never be.
    return to.in("with put as (insert into outbox.consumed (group_name, message_key)") +
           " select pg_catalog.convert_from(pg_catalog.decode('" + to_hex(batch.group) +
           "','hex'),'UTF8'), pg_catalog.decode(k,'hex') from pg_catalog.unnest(cast('{" + keys +
           "}' as text[])) as u (k) where cast(case when pg_catalog.now() ="
           " pg_catalog.statement_timestamp() then 'no transaction is open here' else '1' end as "
           "integer) = 1 on conflict do nothing returning message_key)"
           " select pg_catalog.encode(message_key,'hex') from put";
}

std::string forget(const outbox_name& to, std::chrono::seconds age, std::size_t rows_max) {
    return to.in("with gone as (delete from outbox.consumed where (group_name, message_key) in"
                 " (select group_name, message_key from outbox.consumed where consumed_at <"
                 " pg_catalog.clock_timestamp() - ") +
           std::to_string(age.count()) + " * interval '1 second' order by consumed_at limit " +
           std::to_string(rows_max) +
           ") returning 1)"
           " select cast(pg_catalog.count(*) as text) from gone";
}

} // namespace outbox::postgresql::consumed_sql
