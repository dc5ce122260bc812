#include "outbox/store/any/open_database.hpp"

#include "outbox/base/error.hpp"
#ifdef OUTBOX_WITH_MYSQL
#include "outbox/store/mysql/database.hpp"
#endif
#ifdef OUTBOX_WITH_POSTGRESQL
#include "outbox/store/postgresql/database.hpp"
#endif
#include "outbox/store/sqlite/database.hpp"

#include <string>

namespace outbox {

std::unique_ptr<database> open_database(std::string_view url, const outbox_name& name) {
    if (auto found = sqlite::open_database(url, name))
        return found;
#ifdef OUTBOX_WITH_POSTGRESQL
    if (auto found = postgresql::open_database(url, name))
        return found;
#endif
#ifdef OUTBOX_WITH_MYSQL
    if (auto found = mysql::open_database(url, name))
        return found;
#endif
    throw error(
        error_kind::invalid_argument,
        "no database has a URL that begins with \"" +
            std::string{url.substr(0, url.find(':') + 1)} + "\"",
        "write postgresql://USER@HOST:PORT/NAME, mysql://USER@HOST:PORT/NAME or sqlite:PATH"
    );
}

std::span<const migration_dialect* const> all_dialects() {
    static const migration_dialect* const known[] = {
#ifdef OUTBOX_WITH_POSTGRESQL
        &postgresql::dialect(),
#endif
#ifdef OUTBOX_WITH_MYSQL
        &mysql::dialect(),
#endif
        &sqlite::dialect(),
    };
    return known;
}

const migration_dialect& dialect_of(std::string_view kind) {
    std::string names;
    for (const migration_dialect* known : all_dialects()) {
        if (known->kind == kind)
            return *known;
        names += (names.empty() ? "" : ", ") + std::string{known->kind};
    }
    throw error(
        error_kind::invalid_argument,
        "this build knows no kind of database called \"" + std::string{kind} + "\"",
        "there are " + names
    );
}

} // namespace outbox
