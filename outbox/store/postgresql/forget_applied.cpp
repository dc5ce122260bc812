#include "outbox/store/postgresql/applied_sql.hpp"
#include "outbox/store/postgresql/claim_store.hpp"
#include "outbox/store/postgresql/consumed_sql.hpp"
#include "outbox/store/postgresql/relay_store.hpp"

namespace outbox::postgresql {

// The words speak of the usual outbox: the connection knows its own.
bool relay_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    const auto most = static_cast<std::int64_t>(rows_max);
    const auto forget = [&](const std::string& sql) {
        return std::stoll(db_.query(sql, "cannot forget what consumers have done").text(0, 0)) ==
               most;
    };
    bool more = forget(consumed_sql::forget({}, age, rows_max));
    more = forget_claims(db_, age, rows_max) == rows_max || more;
    const applied_question numbers{
        .what = applied_question::forget,
        .age = age,
        .rows_max = rows_max};
    return forget(applied_sql::texts({}, numbers).front()) || more;
}

} // namespace outbox::postgresql
