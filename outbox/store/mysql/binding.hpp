#pragma once
// How a statement of ours makes sure, on the server and in its own trip, that what it writes is
// bound to a transaction. In a session that is not as it should be it fails as a whole, with error
// `unbound`, under every sql_mode.

#include <string>

namespace outbox::mysql {

enum class binding {
    /// Whoever sends it knows.
    none,
    /// Autocommit mode is off: so it is not after a driver has silently connected again.
    autocommit_off,
    /// A transaction is open, or autocommit mode is off. On MariaDB only; MySQL cannot be asked.
    transaction
};

/// ER_SUBQUERY_NO_1_ROW
inline constexpr unsigned unbound = 1242;

/// `value`, a literal of a statement, in an expression that has it where the session is bound. A
/// null instead of the error would be none under some sql_modes.
inline std::string bound(std::string value, binding how) {
    switch (how) {
    case binding::none:
        return value;
    case binding::autocommit_off:
        return "if(@@autocommit=0," + value + ",(select x'00' union select x'01'))";
    case binding::transaction:
        break;
    }
    return "if(@@in_transaction=1 or @@autocommit=0," + value +
           ",(select x'00' union select x'01'))";
}

} // namespace outbox::mysql
