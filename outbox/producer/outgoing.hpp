#pragma once
// What leaves with one transaction. You get it from the producer, together with the transaction it
// belongs to, and say `send`; the message leaves if and only if that transaction commits.
//
// It can be neither copied nor moved, so that it cannot outlive its transaction by accident. It
// belongs to the thread that uses the transaction.

#include "outbox/message/envelope.hpp"
#include "outbox/message/message.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/store_session.hpp"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

namespace outbox {

/// More in one transaction is refused, and poisons it: split the work.
inline constexpr std::size_t transaction_messages_max = 100'000;
inline constexpr std::size_t transaction_bytes_max = 256U << 20U;

class outgoing {
public:
    outgoing(const outgoing&) = delete;
    outgoing& operator=(const outgoing&) = delete;
    ~outgoing() = default;

    /// Sends `m` with the transaction. Within `transact` it is held back and written with COMMIT;
    /// after `join` its row is written now, so send *after* you have changed the rows that the
    /// message speaks of: the place of a message in its key's order is drawn here, and only the row
    /// locks you hold make it the order of the commits.
    ///
    /// Throws outbox::error when the message breaks a limit or its row cannot be written. The
    /// transaction is then poisoned: it will not commit even if the exception is swallowed. Throws
    /// usage_error after the end.
    message_id send(const message& m);

    /// The same for several, in order; after `join` they are one statement.
    void send(std::span<const message> several);
    void send(std::initializer_list<message> several) {
        send(std::span{several.begin(), several.size()});
    }

    /// After `join`, and after your own commit: "I have committed, look soon". Forgotten, or said
    /// after a rollback, it costs at most a poll interval. `transact` says it by itself.
    void nudge() noexcept;

private:
    friend class producer;
    using id_source = std::function<message_id()>;

    outgoing(id_source& ids, const message_limits& limits, pending_messages& pending);
    outgoing(id_source& ids, const message_limits& limits, std::unique_ptr<store_session> session);
    void close() noexcept { closed_ = true; }
    void hold_back(envelope&& frozen);
    void poison(const char* why) noexcept;

    id_source* ids_;
    const message_limits* limits_;
    pending_messages* pending_ = nullptr;    // transact
    std::unique_ptr<store_session> session_; // join
    std::size_t pending_bytes_ = 0;
    std::string doorbell_;
    bool closed_ = false;
};

} // namespace outbox
