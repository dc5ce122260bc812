#include "outbox/store/postgresql/claim_store.hpp"

namespace outbox::postgresql {
namespace {

// One WHERE decides for the whole row, so that the clock is read once.
constexpr statement take{
    "outbox_claim_take",
    "insert into outbox.claim as c (group_name, message_key, token, lease_until) values ($1::text,"
    " $2::bytea, $3::bytea, clock_timestamp() + $4::bigint * interval '1 millisecond')"
    " on conflict (group_name, message_key) do update set token = excluded.token,"
    " lease_until = excluded.lease_until, changed_at = clock_timestamp()"
    " where c.lease_until is not null"
    " and (c.lease_until <= clock_timestamp() or c.token = excluded.token)",
    "cannot claim a message"};

constexpr statement look{
    "outbox_claim_look",
    "select token, lease_until is null, coalesce(greatest(0, ceil(extract(epoch from lease_until -"
    " clock_timestamp()) * 1000)), 0)::bigint from outbox.claim"
    " where group_name = $1::text and message_key = $2::bytea",
    "cannot read who has claimed a message"};

constexpr statement finish{
    "outbox_claim_complete",
    "insert into outbox.claim as c (group_name, message_key, token, lease_until)"
    " values ($1::text, $2::bytea, $3::bytea, null)"
    " on conflict (group_name, message_key) do update set token = excluded.token,"
    " lease_until = null, changed_at = clock_timestamp()"
    " where c.token = excluded.token or c.lease_until <= clock_timestamp()",
    "cannot mark a message as done"};

constexpr statement prolong{
    "outbox_claim_extend",
    "update outbox.claim set lease_until = clock_timestamp() + $4::bigint * interval '1"
    " millisecond', changed_at = clock_timestamp() where group_name = $1::text"
    " and message_key = $2::bytea and token = $3::bytea and lease_until > clock_timestamp()",
    "cannot extend the claim on a message"};

constexpr statement give_back{
    "outbox_claim_release",
    "delete from outbox.claim where group_name = $1::text and message_key = $2::bytea"
    " and token = $3::bytea and lease_until is not null",
    "cannot release the claim on a message"};

constexpr statement forget{
    "outbox_claim_forget",
    "delete from outbox.claim where (group_name, message_key) in (select group_name, message_key"
    " from outbox.claim where changed_at < clock_timestamp() - $1::bigint * interval '1 second'"
    " and (lease_until is null or lease_until <= clock_timestamp()) order by changed_at"
    " limit $2::bigint for update skip locked)",
    "cannot remove old claims"};

parameters of(const claim_key& key) {
    parameters values;
    values.add(std::string{key.group}).add_binary(std::string{key.key});
    return values;
}

parameters of(const claim_key& key, bytes_view token) {
    parameters values = of(key);
    values.add_binary(std::string{token});
    return values;
}

class session final : public claim_store {
public:
    session(const std::string& url, const outbox_name& name, const timeouts& limits)
        : db_(url, limits, {}, name) {}

    std::optional<claim_view>
    claim(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        if (db_.run(take, of(key, token).add(std::int64_t{hold.count()})).touched() > 0)
            return claim_view{.token = bytes{token}, .done = false, .remaining = hold};
        const rows found = db_.run(look, of(key));
        if (found.count() == 0)
            return std::nullopt;
        return claim_view{
            .token = bytes{found.bytes(0, 0)},
            .done = found.truth(0, 1),
            .remaining = std::chrono::milliseconds{found.number(0, 2)}};
    }

    bool complete(const claim_key& key, bytes_view token) override {
        return db_.run(finish, of(key, token)).touched() > 0;
    }

    bool extend(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        return db_.run(prolong, of(key, token).add(std::int64_t{hold.count()})).touched() > 0;
    }

    void release(const claim_key& key, bytes_view token) override {
        db_.run(give_back, of(key, token));
    }

    std::size_t forget_before(std::chrono::seconds age, std::size_t rows_max) override {
        return forget_claims(db_, age, rows_max);
    }

private:
    connection db_;
};

} // namespace

std::size_t forget_claims(connection& db, std::chrono::seconds age, std::size_t rows_max) {
    parameters values;
    values.add(std::int64_t{age.count()}).add(static_cast<std::int64_t>(rows_max));
    return static_cast<std::size_t>(db.run(forget, values).touched());
}

std::unique_ptr<claim_store>
open_claim_store(const std::string& url, const outbox_name& name, const timeouts& limits) {
    return std::make_unique<session>(url, name, limits);
}

} // namespace outbox::postgresql
