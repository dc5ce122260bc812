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
#include "outbox/producer/post_options.hpp"
#include "outbox/producer/receipt.hpp"
#include "outbox/producer/send_listener.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/database.hpp"
#include "outbox/store/outbox_name.hpp"
#include "outbox/target/target.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace outbox {

/// How a sender who wants to know hears from the relay. Nothing of it exists before the first
/// listener or receipt.
struct receipt_options {
    /// Where receipts arrive. The default hears relays on this machine; give an address of this
    /// host when the watchdog runs on another, and set receipts = "any" there.
    std::string address = "udp:127.0.0.1:0";
    /// How long to wait for a receipt after COMMIT; then the fate is left_to_watchdog.
    std::chrono::milliseconds deadline{30'000};
    /// So many messages may be waited for at once, those whose listener has not returned included.
    /// Beyond it a message's fate is left_to_watchdog at once, told on the sender's own thread
    /// after COMMIT: where you commit, when you say nudge() or committed(). For the latter 10,000
    /// more are kept in mind.
    std::size_t pending_max = 50'000;
};

struct producer_options {
    /// Which outbox of their database messages go to, by every door.
    outbox_name name{};
    /// What the target accepts. Raise it only together with the broker's limit.
    message_limits limits{};
    /// Where ids come from; tests put a generator with a fixed clock and seed here. Called from any
    /// thread.
    std::function<message_id()> next_id{};
    receipt_options receipts{};
    /// Where post() writes rows, its outbox of the same name; must outlive the producer. Not needed
    /// for transact, join and send.
    outbox::database* database = nullptr;
    /// Where post() sends what has no row. Its own limits of size, name and tags hold for
    /// everything that this producer sends, also in transactions.
    std::unique_ptr<outbox::target> target{};
    post_tuning posts{};
    /// How long the destructor waits for posted messages on their way, and for listeners that have
    /// not returned.
    std::chrono::milliseconds stop_patience{5'000};
};

class producer {
public:
    explicit producer(producer_options options = {});
    /// stop(options.stop_patience). A listener may destroy the producer.
    ~producer();
    producer(const producer&) = delete;
    producer& operator=(const producer&) = delete;

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
        pending_messages pending{.rows = {}, .poisoned_by = {}, .to = options_.name};
        typename connector<Db>::transaction tx{db, pending};
        outgoing out{next_id_, options_.limits, fates_, pending, scheduled_changes_of(tx)};
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

    /// The same for the handler of a message that must not be applied twice:
    ///
    ///   producer.transact(db, outbox::once{billing, d.id}, [&](auto& tx, outbox::outgoing& out)
    ///   {…});
    ///
    /// notes the message as first_time() does (consumer/idempotency/first_time.hpp, which has
    /// once), in the trip in which the transaction begins, and runs `work` and commits if it is
    /// new. False: it has been applied; nothing is done. Acknowledge after either, and never when
    /// this throws.
    template <connectable Db, class Once, class Work>
    requires requires(const Once& o) {
        { o.batch() } -> std::same_as<consumed_batch>;
    }
    bool transact(Db& db, const Once& once, Work&& work) {
        static_assert(
            std::derived_from<typename connector<Db>::transaction, consumed_keys>,
            "the transaction of this connector cannot note messages: derive it from consumed_keys"
        );
        const consumed_batch batch = once.batch();
        pending_messages pending{.to = options_.name, .to_note = &batch};
        typename connector<Db>::transaction tx{db, pending};
        if (!pending.noted)
            pending.noted = static_cast<consumed_keys&>(tx).note_consumed(batch);
        if (pending.noted->empty())
            return false;
        outgoing out{next_id_, options_.limits, fates_, pending, scheduled_changes_of(tx)};
        std::invoke(std::forward<Work>(work), tx.user_face(), out);
        commit(tx, out, pending);
        return true;
    }

    /// Joins a transaction of your own: you begin, you commit. Throws outbox::error
    /// (not_in_transaction) when none is open. `tx` must outlive what is returned. See
    /// outgoing::send for when to send, and outgoing::nudge.
    template <joinable Tx>
    [[nodiscard]] outgoing join(Tx& tx) {
        return outgoing{next_id_, options_.limits, fates_, session_of(tx)};
    }

    /// One message, one line, in a transaction of your own. As join(tx).send(m, listener), and
    /// committed(id) is the nudge().
    template <joinable Tx>
    message_id send(Tx& tx, const message& m, send_listener listener = {}) {
        return join(tx).send(m, std::move(listener));
    }
    template <joinable Tx>
    receipt send(Tx& tx, const message& m, with_receipt_t) {
        return join(tx).send(m, with_receipt);
    }

    /// As join(tx).cancel(id) and join(tx).replace(id, m).
    template <joinable Tx>
    bool cancel(Tx& tx, const message_id& id) {
        return join(tx).cancel(id);
    }
    template <joinable Tx>
    bool replace(Tx& tx, const message_id& id, const message& m) {
        return join(tx).replace(id, m);
    }

    // These never compile, and say what to do.
    template <class Tx>
    requires(!joinable<Tx>) void join(Tx&) { refuse<Tx>(); }
    template <class Tx, class... Rest>
    requires(!joinable<Tx>) message_id send(Tx&, const message&, Rest&&...) {
        refuse<Tx>();
        return {};
    }
    template <class Db, class Work>
    requires(!connectable<Db>) void transact(Db&, Work&&) {
        static_assert(
            connectable<Db>,
            "transact() takes a connection: a reference to it, not a pointer, and no transaction; "
            "in a transaction of your own use send() or join(). Include the header of the door "
            "from outbox/store"
        );
    }

    /// After send(tx, …) and your own commit: the message is committed, so its listener hears of it
    /// in any case, of its deadline too. Only within receipts.deadline of the send; harmless later,
    /// and for a message that nobody waits for.
    void committed(const message_id& id) noexcept;

    /// Waits until the fate of a message is known, at most `patience`; left_to_watchdog when it is
    /// not by then, and asking again is fine. Call it after the commit. Throws outbox::error
    /// (rejected) when there is nothing to wait for, because the transaction was rolled back or its
    /// commit is in doubt. Any thread, also a listener's.
    send_fate wait_delivered(const receipt& r, std::chrono::milliseconds patience) const;

    /// Sends a message that belongs to no transaction, as post_options.hpp and docs/sending.md say.
    /// With a row it returns when the row is committed; without one it returns when the message is
    /// in the queue, and `listener` hears how it ended. One-way sending is best_effort.
    ///
    /// Throws outbox::error: invalid_argument when it breaks a limit, or has a delivery time and
    /// would have no row; what the database throws when a row cannot be written (in_doubt() when
    /// that is unknown); unreachable when the queue stays full until the deadline, or too many
    /// listeners have not returned (in_memory). Either costs store_on_failure a row, written now,
    /// and best_effort the message, whose fate is then lost. Throws usage_error for
    /// `transactional`, without the database or the target that the kind needs, and after stop()
    /// for what would not be written at once. When it throws, the listener is not called.
    message_id post(const message& m, const post_options& how = {}, send_listener listener = {});

    /// The same for several, in order; with rows they are one transaction, all or nothing. Without,
    /// those before the one that throws are posted. The listener is told of each.
    std::vector<message_id> post(
        std::span<const message> several,
        const post_options& how = {},
        const send_listener& listener = {}
    );
    std::vector<message_id> post(
        std::initializer_list<message> several,
        const post_options& how = {},
        const send_listener& listener = {}
    ) {
        return post(std::span{several.begin(), several.size()}, how, listener);
    }

    /// As post(), and you can wait for it.
    receipt post(const message& m, const post_options& how, with_receipt_t);

    /// As post(), and waits until the fate is decided, which the deadline bounds. Throws also
    /// outbox::error (unreachable) when the message is neither delivered nor stored a while after
    /// the deadline, because the database is away as well; it is then still tried. Do not call it
    /// on a thread that others wait for.
    delivery_report post_and_wait(const message& m, const post_options& how = {});

    /// Ends what runs behind the calls: what is posted is sent or stored, as far as `patience`
    /// goes, every fate that is pending becomes left_to_watchdog, and listeners are waited for, at
    /// most `patience` as well. Transactions can still be sent with; the listeners of later ones
    /// hear left_to_watchdog. Any thread; once is enough.
    ///
    /// Nothing runs behind the calls in a child after fork(): there, sending with a listener throws
    /// usage_error, stop() and the destructor do nothing, and a new producer works.
    void stop(std::chrono::milliseconds patience) noexcept;

private:
    void post_frozen(envelope&& row, watcher who, const post_options& how);
    static void refuse_if_poisoned(const pending_messages& pending);

    template <class Tx>
    static void refuse() {
        static_assert(
            joinable<Tx>,
            "nothing would bind a message to this. libpqxx: a pqxx::work, not the connection and "
            "not a nontransaction; SOCI: an outbox::soci_transaction, not the session; "
            "Connector/C++ and SQLite: the connection, a reference to it, not a pointer. Include "
            "the header of the door from outbox/store"
        );
    }

    template <class Tx>
    std::unique_ptr<store_session> session_of(Tx& tx) const {
        using session = typename adapter<Tx>::session;
        if constexpr (joinable_by_name<Tx>) {
            return std::make_unique<session>(tx, options_.name);
        } else {
            if (!options_.name.is_usual())
                refuse_name(options_.name);
            return std::make_unique<session>(tx);
        }
    }
    [[noreturn]] static void refuse_name(const outbox_name& name);

    template <class Transaction>
    static scheduled_changes* scheduled_changes_of(Transaction& tx) noexcept {
        if constexpr (std::derived_from<Transaction, scheduled_changes>)
            return &tx;
        else
            return nullptr;
    }

    template <class Transaction>
    static void commit(Transaction& tx, outgoing& out, const pending_messages& pending) {
        out.close();
        refuse_if_poisoned(pending);
        OUTBOX_FAULT("producer.before_commit");
        tx.commit();
        OUTBOX_FAULT("producer.committed");
        if (!pending.rows.empty())
            ring_doorbell(tx.doorbell());
        out.committed();
    }

    producer_options options_;
    std::function<message_id()> next_id_;
    std::shared_ptr<background> fates_;
};

} // namespace outbox
