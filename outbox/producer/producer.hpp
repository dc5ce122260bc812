#pragma once
// The library's face: sends messages inside the transactions of your own database, so that a
// message leaves if and only if the change that it speaks of is committed.
//
//   #include "outbox/producer/producer.hpp"
//   #include "outbox/store/postgresql/pqxx.hpp"          // or store/sqlite/sqlite.hpp: one header
//   per database client
//
//   const outbox::subject order_paid{"orders.paid"};
//   outbox::producer producer;
//
//   producer.transact(connection, [&](auto& tx, outbox::outgoing& out) {
//       tx.exec_params("update orders set state = 'paid' where id = $1", id);
//       out.send({.to = order_paid, .body = {{"orderId", id}}, .key = outbox::order_key{id}});
//   });                                                    // begins, commits, nudges the relay;
//   nothing to forget
//
// Delivering is not its business: a relay, in this process or in the watchdog, does that. After a
// COMMIT nothing here throws, and every misuse costs latency at most, never a lost and never a
// phantom message.
//
// One producer serves the whole process: any number of threads, each with its own connection.

#include "outbox/base/doorbell.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/message/message.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/producer/outgoing.hpp"
#include "outbox/store/adapter.hpp"

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace outbox {

struct producer_options {
    /// What the target accepts. Raise it only together with the broker's limit.
    message_limits limits{};
    /// Where ids come from; tests put a generator with a fixed clock and seed here. Called from any
    /// thread.
    std::function<message_id()> next_id{};
};

class producer {
public:
    explicit producer(producer_options options = {});

    /// Begins a transaction on `db`, runs `work(tx, out)`, commits what it did together with what
    /// it sent, and nudges the relay. Returns what `work` returns.
    ///
    /// Precondition: no transaction is open on `db`. If `work` throws, all is rolled back, nothing
    /// is sent, and the same exception comes out. If COMMIT fails, nothing was done and its
    /// exception comes out; if the answer to COMMIT was lost, outbox::error with in_doubt() comes
    /// out: do not repeat the work blindly, look whether it was done. The message needs no care in
    /// either case: it is delivered exactly if the transaction is there.
    template <connectable Db, class Work>
    auto transact(Db& db, Work&& work) {
        pending_messages pending;
        typename connector<Db>::transaction tx{db, pending};
        outgoing out{next_id_, options_.limits, pending};
        if constexpr (std::is_void_v<
                          decltype(std::invoke(std::forward<Work>(work), tx.user_face(), out))>) {
            std::invoke(std::forward<Work>(work), tx.user_face(), out);
            commit(tx, out, pending);
        } else {
            auto result = std::invoke(std::forward<Work>(work), tx.user_face(), out);
            commit(tx, out, pending);
            return result;
        }
    }

    /// Joins a transaction of your own: you begin, you commit. Throws outbox::error
    /// (not_in_transaction) when none is open. `tx` must outlive what is returned. See
    /// outgoing::send for when to send, and outgoing::nudge.
    template <joinable Tx>
    [[nodiscard]] outgoing join(Tx& tx) {
        return outgoing{
            next_id_,
            options_.limits,
            std::make_unique<typename adapter<Tx>::session>(tx)};
    }

    /// One message, one line, in a transaction of your own. As join(tx).send(m).
    template <joinable Tx>
    message_id send(Tx& tx, const message& m) {
        return join(tx).send(m);
    }

private:
    static void refuse_if_poisoned(const pending_messages& pending);

    template <class Transaction>
    static void commit(Transaction& tx, outgoing& out, const pending_messages& pending) {
        out.close();
        refuse_if_poisoned(pending);
        OUTBOX_FAULT("producer.before_commit");
        tx.commit();
        OUTBOX_FAULT("producer.committed");
        if (!pending.rows.empty())
            ring_doorbell(tx.doorbell());
    }

    producer_options options_;
    std::function<message_id()> next_id_;
};

} // namespace outbox
