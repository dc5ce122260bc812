#pragma once
// The order of one connection: requests come in, are worked on side by side, and their answers
// leave in the order in which the requests came. A machine without sockets: it says which bytes may
// go out next and whether another request may come in.

#include "outbox/base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace outbox::broker {

class request_pipeline {
public:
    using slot = std::uint64_t;

    struct limits {
        std::size_t requests_max = 0;
        std::size_t bytes_max = 0;
    };

    explicit request_pipeline(limits most) : most_(most) {}

    /// A request of `bytes` came in.
    slot open(std::size_t bytes);

    /// Its answer is there, or there is none to send (acks=0). Once per slot.
    void close(slot which, std::optional<bytes> answer);

    /// The next answer in order, if it is there. What was taken counts as held until written().
    std::optional<bytes> take_writable();
    void written(std::size_t bytes);

    /// Whether another request fits: fewer than requests_max are open, and less than bytes_max is
    /// held. A single request or answer may be larger than that; it is let through alone.
    bool may_read() const noexcept;

    /// Nothing is open and nothing waits for the socket.
    bool idle() const noexcept { return slots_.empty() && held_ == 0; }

private:
    struct entry {
        std::size_t request_bytes = 0;
        bool closed = false;
        std::optional<bytes> answer{};
    };

    limits most_;
    std::deque<entry> slots_;
    slot first_ = 0; // the slot of slots_.front()
    std::size_t held_ = 0;
};

} // namespace outbox::broker
