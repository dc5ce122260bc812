#pragma once
// Where a relay stands in a PostgreSQL outbox, and the text that a cursor keeps of it.
//
// A window is everything that committed between two snapshots of the database: the rows that the
// second sees and the first does not. Windows follow each other without a gap and without an
// overlap, whatever transactions do and however long they take: a transaction that runs during a
// snapshot is listed in it, and its rows belong to the window at whose end it is over. So a row
// that commits late under a low seq cannot be missed, and no open transaction can hold up the
// others.
//
//   cursor.window   "<system identifier>/<timeline>/<session> <last> [<current>]"
//
// With one snapshot: all that it sees is delivered. With two: the window between them is being read
// in the order of seq, and cursor.seq tells how far. `session` names the connection that took the
// last snapshot; relay_store.cpp says what for.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox::postgresql {

/// A value of type pg_snapshot.
struct snapshot {
    /// Every transaction below is over.
    std::uint64_t xmin = 1;
    /// None from here on is over.
    std::uint64_t xmax = 1;
    /// Those between the two that are not over, ascending.
    std::vector<std::uint64_t> running{};

    /// "xmin:xmax:running,…", as PostgreSQL writes it. Nothing if `text` is not that.
    static std::optional<snapshot> parse(std::string_view text);
    std::string text() const;

    /// Whether transaction `xid` was over.
    bool sees(std::uint64_t xid) const noexcept;

    bool operator==(const snapshot&) const = default;
};

/// Which history of which cluster a snapshot belongs to.
struct identity {
    std::uint64_t system = 0;
    std::uint32_t timeline = 0;
    /// Different for each connection.
    std::string session{};

    bool operator==(const identity&) const = default;
};

struct window {
    identity taken_by{};
    /// The default sees nothing: everything is ahead.
    snapshot last{};
    std::optional<snapshot> current{};

    /// Of cursor::window. Nothing if `text` is not what text() makes.
    static std::optional<window> parse(std::string_view text);
    std::string text() const;
};

/// "{1,2,3}": an array of SQL.
std::string to_array(const std::vector<std::uint64_t>& numbers);

} // namespace outbox::postgresql
