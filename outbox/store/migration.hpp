#pragma once
// The versions of the outbox tables. The SQL is in sql/<database>/NNN_name.up.sql and .down.sql and
// is compiled in.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

struct migration {
    int version = 0;
    std::string_view name{};
    std::string_view up_sql{};
    std::string_view down_sql{};
};

/// How a database stands to the migrations of this build.
struct migration_state {
    int version = 0;
    std::string name{};
    bool applied = false;
    /// The recorded checksum differs from that of this build's file: somebody edited one of them.
    bool altered = false;
};

class migrator {
public:
    virtual ~migrator() = default;

    /// Every version that this build or the database knows, in order.
    virtual std::vector<migration_state> status() = 0;
    /// Applies what is missing, each version in one transaction, one migrator at a time. Returns
    /// what was applied.
    virtual std::vector<migration_state> up() = 0;
};

/// One line of the database's own list of applied versions.
struct recorded_migration {
    int version = 0;
    std::string name{};
    std::string checksum{};
};

/// What status() says: `ours` beside what the database has `recorded`.
std::vector<migration_state>
compare(std::span<const migration> ours, std::span<const recorded_migration> recorded);

/// Throws outbox::error (schema_mismatch) with what to do, unless every version of `states` is
/// applied and unaltered.
void require_current(std::span<const migration_state> states);

/// The text recorded with an applied version: CRC-32C of its up file, as 8 hexadecimal digits.
std::string checksum(const migration& m);

} // namespace outbox
