#include "outbox/store/postgresql/applied_sql.hpp"

#include "outbox/base/hex.hpp"

namespace outbox::postgresql::applied_sql {
namespace {

std::string text(std::string_view value) {
    return "pg_catalog.convert_from(pg_catalog.decode('" + to_hex(value) + "','hex'),'UTF8')";
}

std::string binary(std::string_view hex) {
    return "pg_catalog.decode('" + std::string{hex} + "','hex')";
}

std::string row(const applied_question& about) {
    return " where group_name = " + text(about.group) + " and source = " + text(about.source) +
           " and shard = " + std::to_string(about.shard);
}

} // namespace

std::vector<std::string> texts(const outbox_name& to, const applied_question& about) {
    switch (about.what) {
    case applied_question::lock:
        // Outside of a transaction the lock would be gone with its statement: see consumed_sql.cpp.
        return {
            to.in("select pg_catalog.encode(numbers,'hex') from outbox.applied") + row(about) +
            " and cast(case when pg_catalog.now() = pg_catalog.statement_timestamp()"
            " then 'no transaction is open here' else '1' end as integer) = 1 for update"};
    case applied_question::create:
        return {
            to.in("with put as (insert into outbox.applied (group_name, source, shard, numbers) "
                  "values (") +
            text(about.group) + "," + text(about.source) + "," + std::to_string(about.shard) + "," +
            binary(no_numbers_hex) +
            ") on conflict do nothing returning 1)"
            " select cast(pg_catalog.count(*) as text) from put"};
    case applied_question::write:
        return {
            to.in("with put as (update outbox.applied set changed_at = "
                  "pg_catalog.clock_timestamp(), numbers = ") +
            binary(to_hex(about.numbers)) + row(about) +
            " returning 1) select cast(pg_catalog.count(*) as text) from put"};
    case applied_question::forget:
        break;
    }
    return {
        to.in("with gone as (delete from outbox.applied where (group_name, source, shard) in"
              " (select group_name, source, shard from outbox.applied where changed_at <"
              " pg_catalog.clock_timestamp() - ") +
        std::to_string(about.age.count()) + " * interval '1 second' limit " +
        std::to_string(about.rows_max) +
        " for update skip locked) returning 1)"
        " select cast(pg_catalog.count(*) as text) from gone"};
}

} // namespace outbox::postgresql::applied_sql
