#include "outbox/store/migration.hpp"

#include "outbox/base/crc32c.hpp"
#include "outbox/base/error.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace outbox {

std::vector<migration_state>
compare(std::span<const migration> ours, std::span<const recorded_migration> recorded) {
    std::vector<migration_state> states;
    for (const migration& m : ours) {
        const auto found = std::ranges::find(recorded, m.version, &recorded_migration::version);
        const bool applied = found != recorded.end();
        states.push_back(
            {m.version, std::string{m.name}, applied, applied && found->checksum != checksum(m)}
        );
    }
    for (const recorded_migration& r : recorded) {
        if (std::ranges::find(ours, r.version, &migration::version) == ours.end())
            states.push_back({r.version, r.name, true, true});
    }
    return states;
}

void require_current(std::span<const migration_state> states) {
    for (const migration_state& state : states) {
        const std::string which = std::to_string(state.version) + " (" + state.name + ")";
        if (!state.applied)
            throw error(
                error_kind::schema_mismatch,
                "the outbox tables lack version " + which,
                "run `outbox migrate up --db URL` as a user who may create tables"
            );
        if (state.altered)
            throw error(
                error_kind::schema_mismatch,
                "version " + which + " of the outbox tables is not the one that this build knows",
                "the database was migrated by a newer program or from an edited file; use one "
                "version of both"
            );
    }
}

std::string checksum(const migration& m) {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08x", crc32c(m.up_sql));
    return text.data();
}

} // namespace outbox
