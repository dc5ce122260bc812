#include "outbox/store/mysql/applied_sql.hpp"
#include "outbox/store/mysql/claim_store.hpp"
#include "outbox/store/mysql/consumed_sql.hpp"
#include "outbox/store/mysql/relay_store.hpp"

namespace outbox::mysql {

// The words speak of the usual outbox: the connection knows its own. Of each pair the first
// removes.
bool relay_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    const auto forget = [&](const std::string& sql) -> std::size_t {
        return db_.execute(sql, "cannot forget what consumers have done");
    };
    return any_is_full(
        rows_max,
        {forget(consumed_sql::forget({}, age, rows_max).front()),
         forget_claims(db_, age, rows_max),
         forget(applied_sql::texts({}, applied_question::forgetting(age, rows_max)).front())}
    );
}

} // namespace outbox::mysql
