#include "outbox/store/postgresql/applied_sql.hpp"
#include "outbox/store/postgresql/claim_store.hpp"
#include "outbox/store/postgresql/consumed_sql.hpp"
#include "outbox/store/postgresql/relay_store.hpp"

namespace outbox::postgresql {
namespace {

constexpr statement find_notes{
    "outbox_find_notes",
    "select (to_regclass('outbox.consumed') is not null)::int::bigint,"
    " (to_regclass('outbox.applied') is not null)::int::bigint",
    "cannot read the schema"};

} // namespace

// What an older version does not have holds nothing. The words speak of the usual outbox: the
// connection knows its own.
bool relay_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    const auto forget = [&](const std::string& sql) -> std::size_t {
        return std::stoul(db_.query(sql, "cannot forget what consumers have done").text(0, 0));
    };
    const rows there = db_.run(find_notes);
    const bool keys = there.number(0, 0) == 1;
    const bool numbers = there.number(0, 1) == 1;
    const auto of_numbers = applied_question::forgetting(age, rows_max);
    return any_is_full(
        rows_max,
        {keys ? forget(consumed_sql::forget({}, age, rows_max)) : 0,
         keys ? forget_claims(db_, age, rows_max) : 0,
         numbers ? forget(applied_sql::texts({}, of_numbers).front()) : 0}
    );
}

} // namespace outbox::postgresql
