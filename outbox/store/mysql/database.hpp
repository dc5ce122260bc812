#pragma once
// A MariaDB or MySQL database with an outbox in it, named by a URL: url.hpp says how.

#include "outbox/store/database.hpp"
#include "outbox/store/migration.hpp"

#include <memory>
#include <string_view>

namespace outbox::mysql {

/// The outbox tables of this build.
const migration_dialect& dialect() noexcept;

/// Nothing unless `url` begins with "mysql://" or "mariadb://". Throws outbox::error
/// (invalid_argument) when the rest of it cannot be understood. `name` says which of the
/// outboxes in it. `known` must outlive what is
/// returned; it is another than this build's only in tests.
std::unique_ptr<database> open_database(
    std::string_view url,
    const outbox_name& name = {},
    const migration_dialect& known = dialect()
);

} // namespace outbox::mysql
