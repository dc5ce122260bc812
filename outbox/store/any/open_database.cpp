#include "outbox/store/any/open_database.hpp"

#include "outbox/base/error.hpp"
#ifdef OUTBOX_WITH_POSTGRESQL
#include "outbox/store/postgresql/database.hpp"
#endif
#include "outbox/store/sqlite/database.hpp"

#include <string>

namespace outbox {

std::unique_ptr<database> open_database(std::string_view url) {
    if (auto found = sqlite::open_database(url))
        return found;
#ifdef OUTBOX_WITH_POSTGRESQL
    if (auto found = postgresql::open_database(url))
        return found;
#endif
    throw error(
        error_kind::invalid_argument,
        "no database has a URL that begins with \"" + std::string{url.substr(0, url.find(':') + 1)} + "\"",
        "write postgresql://USER@HOST:PORT/NAME or sqlite:PATH"
    );
}

} // namespace outbox
