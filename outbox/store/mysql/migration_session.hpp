#pragma once
// A MariaDB or MySQL database while its outbox tables are migrated. Table definitions commit by
// themselves here: a turn is a named lock of the server, not a transaction. Internal to this
// folder.

#include "outbox/store/migrator.hpp"
#include "outbox/store/mysql/connection.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace outbox::mysql {

class migration_session final : public outbox::migration_session {
public:
    /// `lock_wait` bounds the wait for another migrator, and for a lock on a table.
    explicit migration_session(
        server_url where,
        const outbox_name& name = {},
        std::chrono::milliseconds lock_wait = std::chrono::seconds{10}
    )
        : where_(std::move(where))
        , name_(name)
        , lock_wait_(lock_wait) {}

    std::vector<recorded_migration> recorded() override;
    void begin() override;
    void run(const std::string& sql, const std::string& failure) override;
    void commit() override;
    void roll_back() noexcept override;
    std::int64_t undelivered() override;

private:
    connection& db();

    server_url where_;
    outbox_name name_;
    std::chrono::milliseconds lock_wait_;
    std::optional<connection> db_{};
};

} // namespace outbox::mysql
