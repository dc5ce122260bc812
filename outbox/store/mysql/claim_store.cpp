#include "outbox/store/mysql/claim_store.hpp"

#include "outbox/base/hex.hpp"

#include <string>

namespace outbox::mysql {
namespace {

std::string literal(bytes_view value) {
    return "x'" + to_hex(value) + "'";
}

std::string group_literal(const claim_key& key) {
    return "_ascii " + literal(key.group);
}

std::string where(const claim_key& key) {
    return " where group_name = " + group_literal(key) + " and message_key = " + literal(key.key);
}

std::string after(std::chrono::milliseconds hold) {
    return "now(6) + interval " + std::to_string(hold.count()) + " * 1000 microsecond";
}

std::string insert(const claim_key& key, bytes_view token, const std::string& lease_until) {
    return "insert into outbox_claim (group_name, message_key, token, lease_until, changed_at)"
           " values (" +
           group_literal(key) + ", " + literal(key.key) + ", " + literal(token) + ", " +
           lease_until + ", now(6)) on duplicate key update ";
}

// Assignments are made from the left to the right and see one another: once the token is ours, the
// rest follows. A comparison with null, which means done, is not true.
std::string take_over(bytes_view token) {
    return "token = if(lease_until <= now(6), " + literal(token) + ", token)";
}

class session final : public claim_store {
public:
    session(const server_url& where, const outbox_name& name, const timeouts& limits)
        : db_(where, limits, name) {}

    std::optional<claim_view>
    claim(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        const std::string mine = "if(lease_until is not null and token = " + literal(token) + ", ";
        rows found = db_.query(
            insert(key, token, after(hold)) + take_over(token) + ", changed_at = " + mine +
                "now(6), changed_at), lease_until = " + mine + after(hold) +
                ", lease_until); select token, lease_until is null,"
                " greatest(0, ceil(timestampdiff(microsecond, now(6), coalesce(lease_until, "
                "now(6))) /"
                " 1000)) from outbox_claim" +
                where(key),
            "cannot claim a message"
        );
        if (!found.next())
            return std::nullopt;
        return claim_view{
            .token = found.text(0),
            .done = found.number(1) != 0,
            .remaining = std::chrono::milliseconds{found.number(2)}};
    }

    // How many rows a statement of this kind has changed depends on how the client connected, so it
    // is read back.
    bool complete(const claim_key& key, bytes_view token) override {
        rows found = db_.query(
            insert(key, token, "null") + take_over(token) +
                ", changed_at = if(token = " + literal(token) +
                ", now(6), changed_at), lease_until = if(token = " + literal(token) +
                ", null, lease_until); select lease_until is null and token = " + literal(token) +
                " from outbox_claim" + where(key),
            "cannot mark a message as done"
        );
        return found.next() && found.number(0) != 0;
    }

    bool extend(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        return db_.execute(
                   "update outbox_claim set lease_until = " + after(hold) +
                       ", changed_at = now(6)" + where(key) + " and token = " + literal(token) +
                       " and lease_until > now(6)",
                   "cannot extend the claim on a message"
               ) > 0;
    }

    void release(const claim_key& key, bytes_view token) override {
        db_.execute(
            "delete from outbox_claim" + where(key) + " and token = " + literal(token) +
                " and lease_until is not null",
            "cannot release the claim on a message"
        );
    }

    std::size_t forget_before(std::chrono::seconds age, std::size_t rows_max) override {
        return forget_claims(db_, age, rows_max);
    }

private:
    connection db_;
};

} // namespace

std::size_t forget_claims(connection& db, std::chrono::seconds age, std::size_t rows_max) {
    return db.execute(
        "delete from outbox_claim where changed_at < now(6) - interval " +
            std::to_string(age.count()) +
            " second and (lease_until is null or lease_until <= now(6)) order by changed_at "
            "limit " +
            std::to_string(rows_max),
        "cannot remove old claims"
    );
}

std::unique_ptr<claim_store>
open_claim_store(const server_url& where, const outbox_name& name, const timeouts& limits) {
    return std::make_unique<session>(where, name, limits);
}

} // namespace outbox::mysql
