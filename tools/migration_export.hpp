#pragma once
// The versions of the outbox tables as files for other people's migration tools. Applied by one of
// them, a version also stands in our own list of versions, so that library and daemon accept the
// tables.

#include "outbox/store/migration.hpp"
#include "outbox/store/outbox_name.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace outbox::tools {

struct exported_file {
    /// Below the folder that the user names.
    std::string path{};
    std::string text{};
};

/// The names of the formats, as in "flyway, golang-migrate, …".
std::string export_formats();

/// What `format` wants for all versions of `known`, in files called after the outbox `name`. Where
/// the tool counts versions, ours have `start_version` and the numbers behind it. Throws
/// outbox::error (invalid_argument) when there is no such format.
std::vector<exported_file> export_migrations(
    const migration_dialect& known,
    const outbox_name& name,
    std::string_view format,
    long long start_version
);

/// What is left to do for the user, or nothing.
std::string export_advice(std::string_view format);

} // namespace outbox::tools
