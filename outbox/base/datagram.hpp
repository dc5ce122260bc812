#pragma once
// Datagrams between the processes of one machine or one network: nudges (doorbell.hpp) and
// receipts. One may be lost, doubled, reordered or forged, and whoever reads it must live with
// that.
//
// An address is text, so that it fits a column: "udp:127.0.0.1:41235". IPv4 only.

#include "outbox/base/bytes.hpp"
#include "outbox/base/unique_fd.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace outbox {

/// The side that listens. One thread, but for wake().
class datagram_socket {
public:
    /// Listens on `address`; port 0 takes a free one. `buffer_bytes`: how much the kernel should
    /// keep until it is read, as far as it allows; 0 for its own default. Throws outbox::error
    /// (conflict, invalid_argument, io).
    explicit datagram_socket(const std::string& address, int buffer_bytes = 0);

    /// Where to send to, with the port that was given.
    const std::string& address() const noexcept { return address_; }

    /// Waits until a datagram is there, wake() was called, or `timeout` has passed. True: one of
    /// the first two.
    bool await(std::chrono::milliseconds timeout);

    /// Takes the next datagram and returns its size; nothing when there is none. One that does not
    /// fit is thrown away and has the size 0.
    std::optional<std::size_t> receive(std::span<char> into) noexcept;

    /// Lets await() return true now. Any thread, also a signal handler.
    void wake() noexcept;

private:
    unique_fd socket_;
    unique_fd wake_;
    std::string address_;
};

/// Sends without blocking and never fails: what cannot be sent is lost. Any thread; opens no socket
/// before the first call and opens a new one in a child after fork().
void send_datagram(const std::string& address, bytes_view data) noexcept;

/// True when `address` is one of this machine's own, 127.0.0.0/8. False for what is no address.
bool is_loopback(const std::string& address) noexcept;

} // namespace outbox
