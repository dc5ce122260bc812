#pragma once
// How a database client plugs in: two traits, each about ten lines in the adapter's own header.
//
//   adapter<Tx>     names the store_session for a transaction object of the user's own, for `join`
//   and `send`:
//
//       template <> struct outbox::adapter<my::unit_of_work> {
//           using session = my::outbox_session;                  // a store_session; constructed
//           from my::unit_of_work&, or from that and a const outbox_name&
//       };
//
//   connector<Db>   names the transaction that `transact` opens on a connection:
//
//       template <> struct outbox::connector<my::connection> {
//           using transaction = my::outbox_transaction;          // see below
//       };
//
// A connector's transaction is constructed as `transaction(Db&, pending_messages&)` and begins. Its
// `commit()` writes what is pending together with COMMIT, and throws when the transaction did not
// commit; outbox::error (in_doubt) when that is unknown. Its destructor rolls back. `doorbell()` as
// in store_session, valid after commit too, noexcept. `user_face()` is what the user's function
// gets as its first argument.

#include "outbox/message/envelope.hpp"
#include "outbox/store/consumed_keys.hpp"
#include "outbox/store/outbox_name.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

/// The messages that wait for the COMMIT of one transaction, in the order in which they were sent.
struct pending_messages {
    std::vector<envelope> rows{};
    /// Set when a send failed: commit must throw even if the user swallowed that exception. Says
    /// why.
    std::string poisoned_by{};
    /// The outbox that they go to.
    outbox_name to{};
    /// What is to be noted before anything else, if anything: see consumed_keys.hpp.
    const consumed_batch* to_note = nullptr;
    /// What of it was new, from a connector that noted it in the trip of BEGIN. Nothing: it did
    /// not.
    std::optional<std::vector<bytes>> noted{};
};

template <class Tx>
struct adapter;

template <class Db>
struct connector;

template <class Tx>
concept joinable = requires {
    typename adapter<Tx>::session;
}
&&(std::constructible_from<typename adapter<Tx>::session, Tx&> ||
   std::constructible_from<typename adapter<Tx>::session, Tx&, const outbox_name&>);

/// Whether a joined transaction can send to any outbox of its database, or to the usual one only.
template <class Tx>
concept joinable_by_name =
    std::constructible_from<typename adapter<Tx>::session, Tx&, const outbox_name&>;

template <class Db>
concept connectable = requires {
    typename connector<Db>::transaction;
}
&&std::constructible_from<typename connector<Db>::transaction, Db&, pending_messages&>&& requires(
    typename connector<Db>::transaction& tx
) {
    tx.commit();
    tx.user_face();
    { tx.doorbell() }
    noexcept->std::convertible_to<std::string>;
};

} // namespace outbox
