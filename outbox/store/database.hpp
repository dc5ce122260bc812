#pragma once
// One business database as the programs see it: named by a URL, opened for whatever is to be done
// with it.
//
//   postgresql://user@host:port/name
//   mysql://user@host:port/name             MariaDB and MySQL
//   sqlite:relative/or/absolute/path

#include "outbox/message/envelope.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/store/claim_store.hpp"
#include "outbox/store/message_search.hpp"
#include "outbox/store/migrator.hpp"
#include "outbox/store/outbox_name.hpp"
#include "outbox/store/relay_store.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace outbox {

/// Nothing is connected until one of the functions is called. Any thread; what they return belongs
/// to one thread and may outlive this object.
class database {
public:
    virtual ~database() = default;

    /// The URL without its password, and the outbox's name unless it is the usual one: what may be
    /// shown.
    virtual std::string display_name() const = 0;
    /// Which outbox of the database it is; the others are not touched.
    virtual outbox_name name() const { return {}; }
    /// Throws schema_mismatch unless the outbox tables are of a version that this build runs on.
    virtual std::unique_ptr<relay_store> open_relay_store() = 0;
    virtual std::unique_ptr<migrator> open_migrator() = 0;
    /// For an idempotency checker. What it needs of the tables it finds out when it uses them.
    virtual std::unique_ptr<claim_store> open_claim_store() = 0;
    /// Writes and commits `rows` in a transaction of their own, all or none, and rings the relay's
    /// doorbell. Throws outbox::error; in_doubt() when the answer to COMMIT was lost.
    virtual void send(std::span<const envelope> rows) = 0;
    /// Looks for a message in the tables, as far as `rows_max` rows of the hot one: no index knows
    /// ids, so a row that is looked at costs what reading it costs. Throws schema_mismatch as
    /// open_relay_store() does.
    virtual message_search find(const message_id& id, std::int64_t rows_max) = 0;
};

/// For display_name().
inline std::string shown_with(const std::string& where, const outbox_name& name) {
    return name.is_usual() ? where : where + " (outbox " + name.text() + ")";
}

} // namespace outbox
