#include "outbox/store/sqlite/database.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/sqlite/migration_session.hpp"
#include "outbox/store/sqlite/relay_store.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/store/sqlite/statement.hpp"

#include <string>
#include <utility>

namespace outbox::sqlite {
namespace {

constexpr int busy_timeout_ms = 5'000;

class sqlite_database final : public database {
public:
    sqlite_database(std::string path, const migration_dialect& known)
        : path_(std::move(path))
        , known_(known) {}

    std::string display_name() const override { return "sqlite:" + path_; }

    std::unique_ptr<outbox::relay_store> open_relay_store() override {
        require_usable(open_migrator()->status(), known_.oldest_usable);
        return std::make_unique<relay_store>(path_);
    }

    std::unique_ptr<migrator> open_migrator() override {
        return std::make_unique<migrator>(known_, std::make_unique<migration_session>(path_));
    }

    void send(std::span<const envelope> rows) override {
        const connection db = open(path_, false);
        sqlite3_busy_timeout(db.get(), busy_timeout_ms);
        pending_messages pending{.rows = {rows.begin(), rows.end()}, .poisoned_by = {}};
        sqlite_transaction tx{*db, pending};
        tx.commit();
        ring_doorbell(tx.doorbell());
    }

private:
    std::string path_;
    const migration_dialect& known_;
};

} // namespace

std::unique_ptr<database> open_database(std::string_view url, const migration_dialect& known) {
    constexpr std::string_view scheme = "sqlite:";
    if (!url.starts_with(scheme))
        return nullptr;
    std::string path{url.substr(scheme.size())};
    if (path.empty())
        throw error(
            error_kind::invalid_argument,
            "the URL \"sqlite:\" names no file",
            "write sqlite:PATH"
        );
    return std::make_unique<sqlite_database>(std::move(path), known);
}

} // namespace outbox::sqlite
