#pragma once
// The versions of the outbox tables: the SQL of each, what a database says it has of them, and
// whether that will do. The SQL is in sql/<database>/NNN_name.up.sql and .down.sql and is compiled
// in. What applies them is in migrator.hpp.

#include "outbox/store/outbox_name.hpp"

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

/// What one kind of database has of its own when its outbox tables are made, as data: what applies
/// a version, prints it, or exports it for another tool takes the same words from here. Lives as
/// long as the program.
struct migration_dialect {
    /// As in `--db-kind`, such as "postgresql".
    std::string_view kind{};
    /// In the order of their numbers.
    std::span<const migration> versions{};
    /// Library and daemon of this build run on tables of this version and every later one of
    /// `versions`: by rule the last but one or an earlier one, so that programs are replaced first
    /// and tables after. What these tables cannot hold is refused when it is asked for.
    int oldest_usable = 1;
    /// The list of applied versions: a table with the columns version, name and checksum; more
    /// columns have defaults.
    std::string_view version_table{};
    /// Makes that table unless it is there. Empty where the first version does.
    std::string_view make_version_table{};
    /// Takes it away. Empty where the down file of the first version does.
    std::string_view drop_version_table{};
    /// Table definitions take part in transactions. Where they do not, a version is first recorded
    /// as unfinished, so that one that broke off half-way is never taken for applied.
    bool transactional = true;
    /// What makes the five roles and gives each no more than it needs; where a database has no
    /// roles, a comment that says what serves instead.
    std::string_view grants_sql{};
};

/// How a database stands to the migrations of this build.
struct migration_state {
    int version = 0;
    std::string name{};
    bool applied = false;
    /// The recorded checksum differs from that of this build's file: somebody edited one of them,
    /// or the version is newer than this build.
    bool altered = false;
    /// It was begun, up or down, and broke off.
    bool unfinished = false;
};

/// One line of the database's own list of applied versions.
struct recorded_migration {
    int version = 0;
    std::string name{};
    std::string checksum{};
};

/// Stands in place of the checksum while a version is applied or taken back without a transaction.
inline constexpr std::string_view unfinished_checksum = "unfinished";

/// What status() says: `ours` beside what the database has `recorded`.
std::vector<migration_state>
compare(std::span<const migration> ours, std::span<const recorded_migration> recorded);

/// Throws outbox::error (schema_mismatch) with what to do, unless a program of this build can work
/// with tables in these `states`, which are those of the outbox called `name`: nothing is missing
/// up to and including `oldest_usable`, and whatever is applied is whole and that of this build.
void require_usable(
    std::span<const migration_state> states,
    int oldest_usable,
    const outbox_name& name = {}
);

/// The same, and nothing is missing at all.
void require_current(std::span<const migration_state> states, const outbox_name& name = {});

/// The text recorded with an applied version: CRC-32C of its up file, as 8 hexadecimal digits.
std::string checksum(const migration& m);

/// What applies `m`, one of `known.versions`, and records it in the usual outbox (outbox_name::in
/// puts another in its place): SQL texts to be run one after the other, each of one or several
/// statements, in one transaction where `known.transactional`.
std::vector<std::string> up_steps(const migration_dialect& known, const migration& m);

/// What takes `m` back and forgets it; with the first version goes everything.
std::vector<std::string> down_steps(const migration_dialect& known, const migration& m);

} // namespace outbox
