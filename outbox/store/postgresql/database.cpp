#include "outbox/store/postgresql/database.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/commit.hpp"
#include "outbox/store/postgresql/claim_store.hpp"
#include "outbox/store/postgresql/connection.hpp"
#include "outbox/store/postgresql/find_message.hpp"
#include "outbox/store/postgresql/migration_session.hpp"
#include "outbox/store/postgresql/put.hpp"
#include "outbox/store/postgresql/relay_store.hpp"

#include <string>
#include <utility>

namespace outbox::postgresql {
namespace {

class pg_database final : public database {
public:
    pg_database(std::string url, const outbox_name& name, const migration_dialect& known)
        : url_(std::move(url))
        , name_(name)
        , known_(known)
        , display_name_(shown_with(postgresql::display_name(url_), name)) {}

    std::string display_name() const override { return display_name_; }
    outbox_name name() const override { return name_; }

    std::unique_ptr<outbox::relay_store> open_relay_store() override {
        require_usable(open_migrator()->status(), known_.oldest_usable, name_);
        return std::make_unique<relay_store>(url_, relay_store_options{.name = name_});
    }

    std::unique_ptr<migrator> open_migrator() override {
        return std::make_unique<migrator>(
            known_,
            std::make_unique<migration_session>(url_, name_),
            name_
        );
    }

    std::unique_ptr<outbox::claim_store> open_claim_store() override {
        return postgresql::open_claim_store(url_, name_);
    }

    void send(std::span<const envelope> rows) override {
        connection db{url_, {}};
        const std::string doorbell =
            db.query(put::ask_doorbell(name_), "cannot read the relay's doorbell").text(0, 0);
        db.execute("begin", "cannot send");
        db.execute(put::insert(name_, rows), "cannot write the messages");
        commit_or_doubt([&] { db.execute("commit", "cannot commit the messages"); });
        ring_doorbell(doorbell);
    }

    message_search find(const message_id& id, std::int64_t rows_max) override {
        require_usable(open_migrator()->status(), known_.oldest_usable, name_);
        connection db{url_, {}, {}, name_};
        return find_message(db, id, rows_max);
    }

private:
    std::string url_;
    outbox_name name_;
    const migration_dialect& known_;
    std::string display_name_;
};

} // namespace

std::unique_ptr<database>
open_database(std::string_view url, const outbox_name& name, const migration_dialect& known) {
    if (!url.starts_with("postgresql://") && !url.starts_with("postgres://"))
        return nullptr;
    return std::make_unique<pg_database>(std::string{url}, name, known);
}

} // namespace outbox::postgresql
