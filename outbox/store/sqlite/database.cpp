#include "outbox/store/sqlite/database.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/sqlite/claim_store.hpp"
#include "outbox/store/sqlite/find_message.hpp"
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
    sqlite_database(std::string path, const outbox_name& name, const migration_dialect& known)
        : path_(std::move(path))
        , name_(name)
        , known_(known) {}

    std::string display_name() const override { return shown_with("sqlite:" + path_, name_); }
    outbox_name name() const override { return name_; }

    std::unique_ptr<outbox::relay_store> open_relay_store() override {
        require_usable(open_migrator()->status(), known_.oldest_usable, name_);
        return std::make_unique<relay_store>(path_, name_);
    }

    std::unique_ptr<migrator> open_migrator() override {
        return std::make_unique<migrator>(
            known_,
            std::make_unique<migration_session>(path_, name_),
            name_
        );
    }

    std::unique_ptr<outbox::claim_store> open_claim_store() override {
        return sqlite::open_claim_store(path_, name_);
    }

    void send(std::span<const envelope> rows) override {
        const connection db = open(path_, false);
        sqlite3_busy_timeout(db.get(), busy_timeout_ms);
        pending_messages pending{
            .rows = {rows.begin(), rows.end()},
            .poisoned_by = {},
            .to = name_};
        sqlite_transaction tx{*db, pending};
        tx.commit();
        ring_doorbell(tx.doorbell());
    }

    message_search find(const message_id& id, std::int64_t rows_max) override {
        require_usable(open_migrator()->status(), known_.oldest_usable, name_);
        const outbox_connection db{open(path_, false), name_};
        sqlite3_busy_timeout(db.get(), busy_timeout_ms);
        return find_message(db, id, rows_max);
    }

private:
    std::string path_;
    outbox_name name_;
    const migration_dialect& known_;
};

} // namespace

std::unique_ptr<database>
open_database(std::string_view url, const outbox_name& name, const migration_dialect& known) {
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
    return std::make_unique<sqlite_database>(std::move(path), name, known);
}

} // namespace outbox::sqlite
