#pragma once
// The options by which a command is told which outbox it is about.

#include "outbox/store/database.hpp"

#include <CLI/App.hpp>

#include <memory>
#include <string>

namespace outbox::tools {

/// --schema, also called --prefix: `into` keeps its value when it is not given.
void add_name_option(CLI::App& command, std::string& into);

struct database_option {
    std::string url{};
    std::string name = outbox_name{}.text();

    /// Throws outbox::error (invalid_argument) for a URL or a name that is none.
    std::unique_ptr<database> open() const;
};

/// --db, which must be given, and --schema.
void add_database_option(CLI::App& command, database_option& into);

} // namespace outbox::tools
