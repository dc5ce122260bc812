#pragma once
// A PostgreSQL database while its outbox tables are migrated: each turn is one transaction that
// holds an advisory lock.

#include "outbox/store/migrator.hpp"
#include "outbox/store/postgresql/connection.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::postgresql {

class migration_session final : public outbox::migration_session {
public:
    /// `lock_wait` bounds the wait for another migrator and for each lock on a table: writers queue
    /// behind it.
    explicit migration_session(
        std::string url,
        const outbox_name& name = {},
        std::chrono::milliseconds lock_wait = std::chrono::seconds{10}
    );

    std::vector<recorded_migration> recorded() override;
    void begin() override;
    void run(const std::string& sql, const std::string& failure) override;
    void commit() override;
    void roll_back() noexcept override;
    /// Locks the table of messages: nothing is added until the turn's end.
    std::int64_t undelivered() override;

private:
    connection& db();

    std::string url_;
    outbox_name name_;
    std::chrono::milliseconds lock_wait_;
    std::optional<connection> db_{};
};

} // namespace outbox::postgresql
