#pragma once
// From a URL to a database, for programs that learn at run time which one it is.

#include "outbox/store/database.hpp"

#include <memory>
#include <string_view>

namespace outbox {

/// Connects to nothing yet. Throws outbox::error (invalid_argument) when no database of this build
/// has a URL like that.
std::unique_ptr<database> open_database(std::string_view url);

} // namespace outbox
