#include "tools/database_option.hpp"

#include "outbox/store/any/open_database.hpp"

#include <CLI/CLI.hpp>

namespace outbox::tools {

void add_name_option(CLI::App& command, std::string& into) {
    command.add_option(
        "--schema,--prefix",
        into,
        "the name of the outbox: its schema on PostgreSQL, elsewhere what its tables' names begin "
        "with, before an underscore; outbox when not given"
    );
}

std::unique_ptr<database> database_option::open() const {
    return open_database(url, outbox_name{name});
}

void add_database_option(CLI::App& command, database_option& into) {
    command.add_option("--db", into.url, "postgresql://…, mysql://… or sqlite:PATH")->required();
    add_name_option(command, into.name);
}

} // namespace outbox::tools
