#pragma once
// The nudge from a producer to a relay: after COMMIT, one empty datagram says "look now". It
// promises nothing. A lost, forged or stray one costs at most one early look; without any the relay
// finds the row by polling.
//
// An address is text, so that it fits a column: "udp:127.0.0.1:41235" (datagram.hpp).

#include "outbox/base/datagram.hpp"

#include <chrono>
#include <string>

namespace outbox {

/// The relay's side. One thread, but for wake().
class doorbell_listener {
public:
    /// Listens on `address`; port 0 takes a free one. Throws outbox::error (conflict,
    /// invalid_argument, io).
    explicit doorbell_listener(const std::string& address = "udp:127.0.0.1:0");

    /// Where producers ring, with the port that was given.
    const std::string& address() const noexcept { return socket_.address(); }

    /// Waits until somebody rings or `timeout` has passed, and swallows every ring so far. True: it
    /// rang.
    bool await(std::chrono::milliseconds timeout);

    /// Lets await() return true now. Any thread, also a signal handler.
    void wake() noexcept { socket_.wake(); }

private:
    datagram_socket socket_;
};

/// The producer's side: sends without blocking and never fails. Any thread.
void ring_doorbell(const std::string& address) noexcept;

} // namespace outbox
