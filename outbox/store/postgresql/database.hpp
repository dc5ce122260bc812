#pragma once
// A PostgreSQL database with an outbox in it, named by a URL: postgresql://user@host:port/name.
// What libpq understands in a URL is understood here: several hosts, sslmode, passfile, options.

#include "outbox/store/database.hpp"
#include "outbox/store/migration.hpp"

#include <memory>
#include <string_view>

namespace outbox::postgresql {

/// The outbox tables of this build.
const migration_dialect& dialect() noexcept;

/// Nothing unless `url` begins with "postgresql://" or "postgres://". Throws outbox::error
/// (invalid_argument) when the rest cannot be understood. `name` says which of the
/// outboxes in it. `known` must outlive what is returned; it
/// is another than this build's only in tests.
std::unique_ptr<database> open_database(
    std::string_view url,
    const outbox_name& name = {},
    const migration_dialect& known = dialect()
);

} // namespace outbox::postgresql
