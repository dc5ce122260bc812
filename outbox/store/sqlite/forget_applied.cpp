#include "outbox/store/sqlite/applied_sql.hpp"
#include "outbox/store/sqlite/claim_store.hpp"
#include "outbox/store/sqlite/consumed_sql.hpp"
#include "outbox/store/sqlite/relay_store.hpp"

namespace outbox::sqlite {

// The words speak of the usual outbox: the connection knows its own. Of each pair the first
// removes.
bool relay_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    const auto forget = [&](const std::string& sql) {
        db_.execute(sql, "cannot forget what consumers have done");
        return static_cast<std::size_t>(sqlite3_changes(db_.get())) == rows_max;
    };
    bool more = forget(consumed_sql::forget({}, age, rows_max).front());
    more = forget_claims(db_, age, rows_max) == rows_max || more;
    const applied_question numbers{
        .what = applied_question::forget,
        .age = age,
        .rows_max = rows_max};
    return forget(applied_sql::texts({}, numbers).front()) || more;
}

} // namespace outbox::sqlite
