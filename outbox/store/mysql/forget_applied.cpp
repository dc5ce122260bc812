#include "outbox/store/mysql/applied_sql.hpp"
#include "outbox/store/mysql/claim_store.hpp"
#include "outbox/store/mysql/consumed_sql.hpp"
#include "outbox/store/mysql/relay_store.hpp"

namespace outbox::mysql {
namespace {

// What an older version does not have holds nothing. It is not looked up: information_schema does
// not show what the relay's user has no right to, and then the server must be heard.
template <class Work>
std::size_t unless_absent(Work&& work) {
    try {
        return work();
    } catch (const sql_error& e) {
        if (e.kind() != error_kind::schema_mismatch)
            throw;
        return 0;
    }
}

} // namespace

// The words speak of the usual outbox: the connection knows its own. Of each pair the first
// removes.
bool relay_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    const auto forget = [&](const std::string& sql) -> std::size_t {
        return unless_absent([&] {
            return db_.execute(sql, "cannot forget what consumers have done");
        });
    };
    return any_is_full(
        rows_max,
        {forget(consumed_sql::forget({}, age, rows_max).front()),
         unless_absent([&] { return forget_claims(db_, age, rows_max); }),
         forget(applied_sql::texts({}, applied_question::forgetting(age, rows_max)).front())}
    );
}

} // namespace outbox::mysql
