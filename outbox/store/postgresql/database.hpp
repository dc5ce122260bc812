#pragma once
// A PostgreSQL database with an outbox in it, named by a URL: postgresql://user@host:port/name.
// What libpq understands in a URL is understood here: several hosts, sslmode, passfile, options.

#include "outbox/store/database.hpp"

#include <memory>
#include <string_view>

namespace outbox::postgresql {

/// Nothing unless `url` begins with "postgresql://" or "postgres://". Throws outbox::error
/// (invalid_argument) when the rest cannot be understood.
std::unique_ptr<database> open_database(std::string_view url);

} // namespace outbox::postgresql
