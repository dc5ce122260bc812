#include "outbox/store/postgresql/applied_sql.hpp"
#include "outbox/store/postgresql/claim_store.hpp"
#include "outbox/store/postgresql/consumed_sql.hpp"
#include "outbox/store/postgresql/relay_store.hpp"

namespace outbox::postgresql {

// The words speak of the usual outbox: the connection knows its own.
bool relay_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    const auto forget = [&](const std::string& sql) -> std::size_t {
        return std::stoul(db_.query(sql, "cannot forget what consumers have done").text(0, 0));
    };
    return any_is_full(
        rows_max,
        {forget(consumed_sql::forget({}, age, rows_max)),
         forget_claims(db_, age, rows_max),
         forget(applied_sql::texts({}, applied_question::forgetting(age, rows_max)).front())}
    );
}

} // namespace outbox::postgresql
