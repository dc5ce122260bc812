#pragma once
// A SQLite file with an outbox in it, named by a URL: sqlite:PATH.

#include "outbox/store/database.hpp"
#include "outbox/store/migration.hpp"

#include <memory>
#include <string_view>

namespace outbox::sqlite {

/// The outbox tables of this build.
const migration_dialect& dialect() noexcept;

/// Nothing unless `url` begins with "sqlite:". Throws outbox::error (invalid_argument) when the
/// path is missing. The file is created by the migrator and by nothing else. `name` says which of
/// the outboxes in it. `known` must outlive what is returned; it is another than this build's only
/// in tests.
std::unique_ptr<database> open_database(
    std::string_view url,
    const outbox_name& name = {},
    const migration_dialect& known = dialect()
);

} // namespace outbox::sqlite
