#pragma once
// Applying each message once, where the effect is a change in the consumer's own database.
//
//   pqxx::work tx{db};
//   if (outbox::first_time(tx, billing, d.id))
//       tx.exec_params("update account set balance = balance - $1 where id = $2", amount, id);
//   tx.commit();
//   return outbox::outcome::ack();                // only now
//
// The key is written in the same transaction as the effect: committed together or not at all. So
// the effect happens exactly once, whoever dies, however often the message is delivered, and by how
// many consumers at the same time. It takes whatever producer.send() takes (see the doors below
// outbox/store/), and what transact() hands to its function, so a consumer can change and send in
// one transaction.
//
// What it asks of you:
// - Commit also when it says false, or roll back; then acknowledge. False means that the
//   transaction which has applied the message is committed, or is this one.
// - An exception out of it, or out of your commit, means that nothing is known to be applied: do
//   not acknowledge. A COMMIT in doubt is no exception to that; the next delivery finds out.
// - Effects outside of this database (a mail, a call of another service) are not covered. For these
//   see idempotency_checker.hpp.
//
// A second transaction with the same key waits until the first has ended. If that commits, the
// second hears false; on PostgreSQL at REPEATABLE READ or SERIALIZABLE it fails with a
// serialization failure instead, as a change of a row would. A wait that is too long fails as your
// server and your client say it. Never do two hear true.
//
// The user needs the rights of the role outbox_consumer. Tables: outbox migrate up.

#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/idempotency/message_key.hpp"
#include "outbox/consumer/idempotency/retention.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/consumed_keys.hpp"
#include "outbox/store/outbox_name.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace outbox {

/// A transaction in which keys can be noted: one of ours, or one that has an adapter.
template <class Tx>
concept keeps_keys = std::convertible_to<Tx*, consumed_keys*> || joinable<Tx>;

namespace detail {

[[noreturn]] void refuse_name(const outbox_name& in);

std::vector<bool>
note_first_times(consumed_keys& tx, const group_name& group, std::span<const message_key> keys);

template <class Tx, class Use>
auto with_consumed_keys(Tx& tx, const outbox_name* in, Use&& use) {
    static_assert(
        keeps_keys<Tx>,
        "first_time() takes a transaction, and the header of its door: libpqxx: a pqxx::work, not "
        "the connection; SOCI: an outbox::soci_transaction; what transact() hands to your function"
    );
    if constexpr (std::convertible_to<Tx*, consumed_keys*>) {
        if (in != nullptr)
            refuse_name(*in);
        return use(static_cast<consumed_keys&>(tx));
    } else if constexpr (joinable_by_name<Tx>) {
        typename adapter<Tx>::session session{tx, in == nullptr ? outbox_name{} : *in};
        return use(static_cast<consumed_keys&>(session));
    } else {
        if (in != nullptr && !in->is_usual())
            refuse_name(*in);
        typename adapter<Tx>::session session{tx};
        return use(static_cast<consumed_keys&>(session));
    }
}

} // namespace detail

/// True: nobody has applied this message for `group`, and with the commit of `tx` it is applied. In
/// `tx`'s own thread. One trip to the server; two on MySQL. Throws what the client throws when a
/// statement fails; outbox::error: not_in_transaction when `tx` is not open, schema_mismatch when
/// the tables are absent.
/// `in`: another outbox of the database than the usual one; a transaction of ours knows its outbox
/// by itself and refuses one (usage_error).
template <class Tx>
[[nodiscard]] bool first_time(
    Tx& tx,
    const group_name& group,
    const message_key& key,
    const std::optional<outbox_name>& in = std::nullopt
) {
    return detail::with_consumed_keys(tx, in ? &*in : nullptr, [&](consumed_keys& keys) -> bool {
        return detail::note_first_times(keys, group, std::span{&key, 1}).front();
    });
}

/// For producer.transact(db, once{group, key}, work), which begins a transaction and asks
/// first_time() in it in one trip: then applying each message once costs no trip at all. One object
/// for each transaction.
class once {
public:
    once(const group_name& group, const message_key& key);

    /// Lives as long as this object.
    consumed_batch batch() const noexcept {
        return {.group = group_, .keys = std::span{&key_, 1}, .token = token_};
    }

private:
    std::string group_;
    bytes key_;
    bytes token_;
};

/// The same for several messages in one statement, in the order of `keys`; of equal ones the first.
/// At most consumed_batch::keys_max of them, else usage_error.
template <class Tx>
[[nodiscard]] std::vector<bool> first_times(
    Tx& tx,
    const group_name& group,
    std::span<const message_key> keys,
    const std::optional<outbox_name>& in = std::nullopt
) {
    return detail::with_consumed_keys(tx, in ? &*in : nullptr, [&](consumed_keys& door) {
        return detail::note_first_times(door, group, keys);
    });
}

/// Removes keys of all groups that were noted longer ago than `keep`, at most `rows_max` of them,
/// and returns how many: call it again while it returns `rows_max`, each time in a transaction of
/// its own.
template <class Tx>
std::size_t forget_consumed(
    Tx& tx,
    const retention& keep,
    std::size_t rows_max = 1'000,
    const std::optional<outbox_name>& in = std::nullopt
) {
    return detail::with_consumed_keys(tx, in ? &*in : nullptr, [&](consumed_keys& keys) {
        return keys.forget_consumed(keep.keep(), rows_max);
    });
}

} // namespace outbox
