#include "outbox/base/doorbell.hpp"

#include <array>

namespace outbox {

doorbell_listener::doorbell_listener(const std::string& address) : socket_(address) {}

bool doorbell_listener::await(std::chrono::milliseconds timeout) {
    if (!socket_.await(timeout))
        return false;
    // Bounded: whoever floods the socket keeps it readable, and the next await() returns at once.
    constexpr int drained_max = 1'000;
    std::array<char, 1> ignored{};
    for (int i = 0; i < drained_max && socket_.receive(ignored); ++i) {
    }
    return true;
}

void ring_doorbell(const std::string& address) noexcept {
    send_datagram(address, {});
}

} // namespace outbox
