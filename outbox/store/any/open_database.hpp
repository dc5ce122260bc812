#pragma once
// From a URL to a database, for programs that learn at run time which one it is.

#include "outbox/store/database.hpp"

#include <memory>
#include <span>
#include <string_view>

namespace outbox {

/// The outbox called `name` there. Connects to nothing yet. Throws outbox::error (invalid_argument)
/// when no database of this build has a URL like that.
std::unique_ptr<database> open_database(std::string_view url, const outbox_name& name = {});

/// What this build knows of making outbox tables, for each kind of database, by name.
std::span<const migration_dialect* const> all_dialects();

/// The one called `kind`, such as "sqlite". Throws outbox::error (invalid_argument) with the names
/// that there are.
const migration_dialect& dialect_of(std::string_view kind);

} // namespace outbox
