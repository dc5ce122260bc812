#pragma once
// A SQLite file while its outbox tables are migrated: each turn is one transaction that nobody
// writes beside. Internal to this folder.

#include "outbox/store/migrator.hpp"
#include "outbox/store/sqlite/statement.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace outbox::sqlite {

class migration_session final : public outbox::migration_session {
public:
    /// `lock_wait` bounds the wait for another writer.
    explicit migration_session(
        std::string path,
        const outbox_name& name = {},
        std::chrono::milliseconds lock_wait = std::chrono::seconds{5}
    );

    bool is_there() override;
    std::vector<recorded_migration> recorded() override;
    void begin() override;
    void run(const std::string& sql, const std::string& failure) override;
    void commit() override;
    void roll_back() noexcept override;
    std::int64_t undelivered() override;

private:
    void connect(bool create);

    std::string path_;
    outbox_name name_;
    std::chrono::milliseconds lock_wait_;
    outbox_connection db_{};
};

} // namespace outbox::sqlite
