#include "outbox/store/migration.hpp"

#include "outbox/base/crc32c.hpp"
#include "outbox/base/error.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

namespace outbox {
namespace {

std::string quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text)
        result += c == '\'' ? "''" : std::string(1, c);
    return result + "'";
}

std::string record(const migration_dialect& known, const migration& m, std::string_view checksum) {
    return "insert into " + std::string{known.version_table} +
           " (version, name, checksum) values (" + std::to_string(m.version) + ", " +
           quoted(m.name) + ", " + quoted(checksum) + ");\n";
}

std::string note(const migration_dialect& known, const migration& m, std::string_view checksum) {
    return "update " + std::string{known.version_table} + " set checksum = " + quoted(checksum) +
           " where version = " + std::to_string(m.version) + ";\n";
}

std::string forget(const migration_dialect& known, const migration& m) {
    return "delete from " + std::string{known.version_table} +
           " where version = " + std::to_string(m.version) + ";\n";
}

bool is_first(const migration_dialect& known, const migration& m) {
    return m.version == known.versions.front().version;
}

} // namespace

std::vector<migration_state>
compare(std::span<const migration> ours, std::span<const recorded_migration> recorded) {
    std::vector<migration_state> states;
    for (const migration& m : ours) {
        migration_state state{.version = m.version, .name = std::string{m.name}};
        const auto found = std::ranges::find(recorded, m.version, &recorded_migration::version);
        if (found != recorded.end()) {
            state.unfinished = found->checksum == unfinished_checksum;
            state.applied = !state.unfinished;
            state.altered = state.applied && found->checksum != checksum(m);
        }
        states.push_back(state);
    }
    for (const recorded_migration& r : recorded) {
        if (std::ranges::find(ours, r.version, &migration::version) != ours.end())
            continue;
        const bool unfinished = r.checksum == unfinished_checksum;
        states.push_back({r.version, r.name, !unfinished, true, unfinished});
    }
    return states;
}

void require_usable(
    std::span<const migration_state> states,
    int oldest_usable,
    const outbox_name& name
) {
    for (const migration_state& state : states) {
        const std::string which = std::to_string(state.version) + " (" + state.name + ")";
        if (state.unfinished)
            throw error(
                error_kind::schema_mismatch,
                "version " + which + " of the outbox tables was begun and broke off half-way",
                "this database cannot roll such changes back: compare the tables with `outbox "
                "migrate get --version " +
                    std::to_string(state.version) +
                    "`, finish or undo it by hand, and set or delete its line in the version table "
                    "as that SQL does at its end"
            );
        if (state.altered)
            throw error(
                error_kind::schema_mismatch,
                "version " + which + " of the outbox tables is not the one that this build knows",
                "the database was migrated by a newer program or from an edited file; use one "
                "version of both"
            );
        if (!state.applied && state.version <= oldest_usable)
            throw error(
                error_kind::schema_mismatch,
                "the outbox tables lack version " + which,
                name.migrate_hint() + " as a user who may create tables"
            );
    }
}

void require_current(std::span<const migration_state> states, const outbox_name& name) {
    require_usable(states, std::numeric_limits<int>::max(), name);
}

std::string checksum(const migration& m) {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08x", crc32c(m.up_sql));
    return text.data();
}

std::vector<std::string> up_steps(const migration_dialect& known, const migration& m) {
    std::vector<std::string> steps;
    if (is_first(known, m) && !known.make_version_table.empty())
        steps.emplace_back(known.make_version_table);
    if (!known.transactional)
        steps.push_back(record(known, m, unfinished_checksum));
    steps.emplace_back(m.up_sql);
    steps.push_back(
        known.transactional ? record(known, m, checksum(m)) : note(known, m, checksum(m))
    );
    return steps;
}

// Forgotten before it is gone where both happen at once, because the list of versions may go with
// it.
std::vector<std::string> down_steps(const migration_dialect& known, const migration& m) {
    std::vector<std::string> steps;
    steps.push_back(known.transactional ? forget(known, m) : note(known, m, unfinished_checksum));
    steps.emplace_back(m.down_sql);
    if (!known.transactional)
        steps.push_back(forget(known, m));
    if (is_first(known, m) && !known.drop_version_table.empty())
        steps.emplace_back(known.drop_version_table);
    return steps;
}

} // namespace outbox
