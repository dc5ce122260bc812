#include "outbox/store/mysql/database.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/store/commit.hpp"
#include "outbox/store/mysql/claim_store.hpp"
#include "outbox/store/mysql/connection.hpp"
#include "outbox/store/mysql/find_message.hpp"
#include "outbox/store/mysql/migration_session.hpp"
#include "outbox/store/mysql/put.hpp"
#include "outbox/store/mysql/relay_store.hpp"
#include "outbox/store/mysql/url.hpp"

#include <string>
#include <utility>

namespace outbox::mysql {
namespace {

class mysql_database final : public database {
public:
    mysql_database(server_url where, const outbox_name& name, const migration_dialect& known)
        : where_(std::move(where))
        , name_(name)
        , known_(known) {}

    std::string display_name() const override { return shown_with(where_.display_name(), name_); }
    outbox_name name() const override { return name_; }

    std::unique_ptr<outbox::relay_store> open_relay_store() override {
        require_usable(open_migrator()->status(), known_.oldest_usable, name_);
        relay_store_options options{.name = name_};
        if (where_.hole_patience)
            options.hole_patience = *where_.hole_patience;
        return std::make_unique<relay_store>(where_, options);
    }

    std::unique_ptr<migrator> open_migrator() override {
        return std::make_unique<migrator>(
            known_,
            std::make_unique<migration_session>(where_, name_),
            name_
        );
    }

    std::unique_ptr<outbox::claim_store> open_claim_store() override {
        return mysql::open_claim_store(where_, name_);
    }

    void send(std::span<const envelope> messages) override {
        connection db{where_, {}};
        rows doorbell = db.query(put::ask_doorbell(name_), "cannot read the relay's doorbell");
        const std::string address = doorbell.next() ? doorbell.text(0) : "";
        db.execute("start transaction", "cannot send");
        for (const std::string& statement : put::insert(name_, messages))
            db.execute(statement, "cannot write the messages");
        commit_or_doubt([&] { db.execute("commit", "cannot commit the messages"); });
        ring_doorbell(address);
    }

    message_search find(const message_id& id, std::int64_t rows_max) override {
        require_usable(open_migrator()->status(), known_.oldest_usable, name_);
        connection db{where_, {}, name_};
        return find_message(db, id, rows_max);
    }

private:
    server_url where_;
    outbox_name name_;
    const migration_dialect& known_;
};

} // namespace

std::unique_ptr<database>
open_database(std::string_view url, const outbox_name& name, const migration_dialect& known) {
    if (!is_ours(url))
        return nullptr;
    return std::make_unique<mysql_database>(parse_url(url), name, known);
}

} // namespace outbox::mysql
