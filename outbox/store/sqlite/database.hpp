#pragma once
// A SQLite file with an outbox in it, named by a URL: sqlite:PATH.

#include "outbox/store/database.hpp"

#include <memory>
#include <string_view>

namespace outbox::sqlite {

/// Nothing unless `url` begins with "sqlite:". Throws outbox::error (invalid_argument) when the
/// path is missing. The file is created by the migrator and by nothing else.
std::unique_ptr<database> open_database(std::string_view url);

} // namespace outbox::sqlite
