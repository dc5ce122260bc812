#include "outbox/store/migration.hpp"

#include "outbox/base/crc32c.hpp"
#include "outbox/base/error.hpp"

#include <array>
#include <cstdio>

namespace outbox {

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
