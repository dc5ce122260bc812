#pragma once
// The business application that an outbox is added to, once for each door: begin, one update by
// primary key, commit, in the words that a user of that client would take, with a prepared
// statement.

#include "outbox/consumer/delivery_number.hpp"
#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/idempotency/message_key.hpp"
#include "outbox/producer/outgoing.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace outbox::bench {

enum class peer { usual_outbox, pgq };

/// One session. One thread at a time. `number` chooses the row and the key of the messages; two
/// sessions that use numbers apart by less than 1,000 do not meet.
class application {
public:
    application() = default;
    virtual ~application() = default;
    application(const application&) = delete;
    application& operator=(const application&) = delete;

    virtual void plain(long number) = 0;
    /// Through producer.transact(), also when there are no messages.
    virtual void with_outbox(long number, int messages) = 0;
    /// One statement a message. Throws usage_error where the client has no such peer.
    virtual void with_peer(peer which, long number, int messages);
    /// What a handler does for a message: adds to the points of a customer. With a key, after
    /// first_time() has said that the message is new. Throws usage_error where no bench has wanted
    /// it yet.
    virtual void handle(long number, const std::optional<message_key>& key);
    /// With first_time_numbered().
    virtual void handle_numbered(long number, const delivery_number& which);
    /// As handle(), through producer.transact(), with a key with once.
    virtual void handle_in_transact(long number, const std::optional<message_key>& key);
};

/// What they all send.
void send_messages(outgoing& out, long number, int messages);

inline const group_name consumers{"bench"};

/// The account or the customer that a transaction changes, 1 to 1,000.
inline long account_of(long number) {
    return number % 1'000 + 1;
}

// On private servers on 127.0.0.1, in the database "postgres" and "test" respectively, with the
// tables of workload.hpp.
std::unique_ptr<application> connect_pqxx(std::uint16_t port);
std::unique_ptr<application> connect_connector_cpp(std::uint16_t port);
std::unique_ptr<application> connect_soci_postgresql(std::uint16_t port);
std::unique_ptr<application> connect_soci_mariadb(std::uint16_t port);
std::unique_ptr<application> connect_sqlite(const std::string& file);

} // namespace outbox::bench
