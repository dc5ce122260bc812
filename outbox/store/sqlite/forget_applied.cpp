#include "outbox/store/sqlite/applied_sql.hpp"
#include "outbox/store/sqlite/claim_store.hpp"
#include "outbox/store/sqlite/consumed_sql.hpp"
#include "outbox/store/sqlite/relay_store.hpp"

namespace outbox::sqlite {

// What an older version does not have holds nothing. The words speak of the usual outbox: the
// connection knows its own. Of each pair the first removes.
bool relay_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    const auto forget = [&](const std::string& sql) -> std::size_t {
        db_.execute(sql, "cannot forget what consumers have done");
        return static_cast<std::size_t>(sqlite3_changes(db_.get()));
    };
    const bool keys = has_table("outbox_consumed");
    const bool numbers = has_table("outbox_applied");
    const auto of_numbers = applied_question::forgetting(age, rows_max);
    return any_is_full(
        rows_max,
        {keys ? forget(consumed_sql::forget({}, age, rows_max).front()) : 0,
         keys ? forget_claims(db_, age, rows_max) : 0,
         numbers ? forget(applied_sql::texts({}, of_numbers).front()) : 0}
    );
}

} // namespace outbox::sqlite
