#pragma once
// What leaves with one transaction. You get it from the producer, together with the transaction it
// belongs to, and say `send`; the message leaves if and only if that transaction commits.
//
// It can be neither copied nor moved, so that it cannot outlive its transaction by accident. It
// belongs to the thread that uses the transaction; a child that is forked meanwhile cannot use it.

#include "outbox/message/envelope.hpp"
#include "outbox/message/message.hpp"
#include "outbox/producer/receipt.hpp"
#include "outbox/producer/send_listener.hpp"
#include "outbox/producer/watcher.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/store_session.hpp"

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace outbox {

class background;

/// More within one `transact` is refused, and poisons it: split the work. After `join` nothing is
/// held back, and only the database has a limit.
inline constexpr std::size_t transaction_messages_max = 100'000;
inline constexpr std::size_t transaction_bytes_max = 256U << 20U;

class outgoing {
public:
    outgoing(const outgoing&) = delete;
    outgoing& operator=(const outgoing&) = delete;
    ~outgoing();

    /// Sends `m` with the transaction. Within `transact` it is held back and written with COMMIT;
    /// after `join` its row is written now, so send *after* you have changed the rows that the
    /// message speaks of: the place of a message in its key's order is drawn here, and only the row
    /// locks you hold make it the order of the commits.
    ///
    /// Throws outbox::error when the message breaks a limit or its row cannot be written. The
    /// transaction is then poisoned: it will not commit even if the exception is swallowed.
    ///
    /// Nothing is sent after the end. What transact() gave throws usage_error. After join() it
    /// throws outbox::error (not_in_transaction), as long as no other transaction is open on a
    /// connection that was joined; what is sent then belongs to that one. An sql::Connection
    /// without autocommit, and a MYSQL with autocommit = 0, are always in a transaction:
    /// docs/doors.md.
    ///
    /// `listener` is told what became of the message after COMMIT; see send_listener.hpp. After
    /// `join` the library does not see your COMMIT: a receipt from a relay proves it, and nudge()
    /// says it. Without either the listener is not called, because the row may have been rolled
    /// back.
    message_id send(const message& m, send_listener listener = {});

    /// The same, and you can wait for it after the commit: producer::wait_delivered.
    receipt send(const message& m, with_receipt_t);

    /// The same for several, in order; after `join` they are one statement. Returns their ids in
    /// the same order. The listener is told of each of them.
    std::vector<message_id>
    send(std::span<const message> several, const send_listener& listener = {});
    std::vector<message_id>
    send(std::initializer_list<message> several, const send_listener& listener = {}) {
        return send(std::span{several.begin(), several.size()}, listener);
    }

    /// Takes a scheduled message back, now, and for good if the transaction commits. False: it is
    /// too late, it is due and may have left; or it never was scheduled. Within `transact` one
    /// that this very transaction has sent cannot be taken back, because it is not there yet:
    /// usage_error.
    bool cancel(const message_id& id);

    /// Puts `m` in the place of the scheduled message `id`, which keeps its id, and its time unless
    /// `m` has one. False as for cancel().
    bool replace(const message_id& id, const message& m);

    /// After `join`, and after your own commit: "I have committed, look soon, and tell my
    /// listeners". Forgotten, it costs at most a poll interval, and a message that no relay
    /// delivers in time has no call. Said after a rollback, listeners hear left_to_watchdog of a
    /// message that is not there. `transact` says it by itself.
    void nudge() noexcept;

private:
    friend class producer;
    using id_source = std::function<message_id()>;
    /// A message whose sender wants to know.
    struct watched_message {
        message_id id{};
        std::size_t row = 0; // in pending_, where a rolled-back savepoint may have taken it away
        // What nobody could take in charge is told here, after COMMIT.
        watcher unwatched{};
        std::string subject{};
    };

    outgoing(
        id_source& ids,
        const message_limits& limits,
        std::shared_ptr<background> fates,
        pending_messages& pending,
        scheduled_changes* scheduled
    );
    outgoing(
        id_source& ids,
        const message_limits& limits,
        std::shared_ptr<background> fates,
        std::unique_ptr<store_session> session
    );
    void close();
    void require_same_process() const;
    /// After COMMIT: from now on listeners are told. The last thing that happens here, because one
    /// of them may destroy the producer.
    void committed() noexcept;
    message_id send_watched(const message& m, watcher who);
    void watch(envelope& frozen, watcher&& who);
    void hold_back(envelope&& frozen);
    void poison(const char* why) noexcept;
    void withdraw(std::span<const watched_message> gone, const char* why) noexcept;
    scheduled_changes& changes_of(const message_id& id);

    id_source* ids_;
    const message_limits* limits_;
    std::shared_ptr<background> fates_;
    std::vector<watched_message> watched_;
    pending_messages* pending_ = nullptr;    // transact
    scheduled_changes* scheduled_ = nullptr; // transact, where the door can
    std::unique_ptr<store_session> session_; // join
    std::size_t pending_bytes_ = 0;
    bool closed_ = false;
    pid_t process_;
};

} // namespace outbox
