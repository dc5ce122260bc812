#include "outbox/store/sqlite/claim_store.hpp"

#include "outbox/store/sqlite/now.hpp"
#include "outbox/store/sqlite/statement.hpp"

namespace outbox::sqlite {
namespace {

constexpr int busy_timeout_ms = 5'000;
constexpr const char* this_row = " where group_name = ?1 and message_key = ?2";

statement prepare(
    const outbox_connection& db,
    const std::string& sql,
    const char* doing,
    const claim_key& key
) {
    statement prepared = db.prepare(sql.c_str(), doing);
    prepared.bind_text(1, std::string{key.group}).bind_blob(2, key.key);
    return prepared;
}

// Goes on to the end, where a statement commits: that may fail, too.
bool takes_effect(statement& change) {
    if (!change.step())
        return false;
    while (change.step()) {
    }
    return true;
}

class session final : public claim_store {
public:
    session(const std::string& path, const outbox_name& name) : db_(open(path, false), name) {
        sqlite3_busy_timeout(db_.get(), busy_timeout_ms);
    }

    std::optional<claim_view>
    claim(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        statement take = prepare(
            db_,
            "insert into outbox_claim (group_name, message_key, token, lease_until, changed_at)"
            " values (?1, ?2, ?3, " OUTBOX_SQLITE_NOW " + ?4 * 1000, " OUTBOX_SQLITE_NOW ")"
            " on conflict do update set token = excluded.token, lease_until = excluded.lease_until,"
            " changed_at = excluded.changed_at where lease_until is not null and"
            " (lease_until <= " OUTBOX_SQLITE_NOW " or token = excluded.token) returning 1",
            "cannot claim a message",
            key
        );
        take.bind_blob(3, token).bind(4, hold.count());
        if (takes_effect(take))
            return claim_view{.token = bytes{token}, .done = false, .remaining = hold};
        statement look = prepare(
            db_,
            std::string{"select token, lease_until is null, coalesce(max(0, (lease_until "
                        "- " OUTBOX_SQLITE_NOW " + 999) / 1000), 0) from outbox_claim"} +
                this_row,
            "cannot read who has claimed a message",
            key
        );
        if (!look.step())
            return std::nullopt;
        return claim_view{
            .token = look.blob(0),
            .done = look.number(1) != 0,
            .remaining = std::chrono::milliseconds{look.number(2)}};
    }

    bool complete(const claim_key& key, bytes_view token) override {
        statement finish = prepare(
            db_,
            "insert into outbox_claim (group_name, message_key, token, lease_until, changed_at)"
            " values (?1, ?2, ?3, null, " OUTBOX_SQLITE_NOW ") on conflict do update set"
            " token = excluded.token, lease_until = null, changed_at = excluded.changed_at"
            " where token = excluded.token or lease_until <= " OUTBOX_SQLITE_NOW " returning 1",
            "cannot mark a message as done",
            key
        );
        finish.bind_blob(3, token);
        return takes_effect(finish);
    }

    bool extend(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        statement prolong = prepare(
            db_,
            std::string{"update outbox_claim set lease_until = " OUTBOX_SQLITE_NOW
                        " + ?4 * 1000, changed_at = " OUTBOX_SQLITE_NOW} +
                this_row + " and token = ?3 and lease_until > " OUTBOX_SQLITE_NOW " returning 1",
            "cannot extend the claim on a message",
            key
        );
        prolong.bind_blob(3, token).bind(4, hold.count());
        return takes_effect(prolong);
    }

    void release(const claim_key& key, bytes_view token) override {
        statement give_back = prepare(
            db_,
            std::string{"delete from outbox_claim"} + this_row +
                " and token = ?3 and lease_until is not null",
            "cannot release the claim on a message",
            key
        );
        give_back.bind_blob(3, token).step();
    }

    std::size_t forget_before(std::chrono::seconds age, std::size_t rows_max) override {
        return forget_claims(db_, age, rows_max);
    }

private:
    outbox_connection db_;
};

} // namespace

std::size_t
forget_claims(const outbox_connection& db, std::chrono::seconds age, std::size_t rows_max) {
    statement forget = db.prepare(
        "delete from outbox_claim where (group_name, message_key) in (select group_name,"
        " message_key from outbox_claim where changed_at < " OUTBOX_SQLITE_NOW " - ?1 * 1000000"
        " and (lease_until is null or lease_until <= " OUTBOX_SQLITE_NOW ")"
        " order by changed_at limit ?2)",
        "cannot remove old claims"
    );
    forget.bind(1, age.count()).bind(2, static_cast<std::int64_t>(rows_max)).step();
    return static_cast<std::size_t>(sqlite3_changes(db.get()));
}

std::unique_ptr<claim_store> open_claim_store(const std::string& path, const outbox_name& name) {
    return std::make_unique<session>(path, name);
}

} // namespace outbox::sqlite
