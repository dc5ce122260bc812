#include "tests/broker/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace outbox::broker::test {

raw_client::raw_client(std::uint16_t port)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
        throw std::system_error(errno, std::generic_category(), "connect");
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void raw_client::send_raw(bytes_view data) {
    while (!data.empty()) {
        const ssize_t sent = ::send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
        if (sent < 0)
            throw std::system_error(errno, std::generic_category(), "send");
        data.remove_prefix(static_cast<std::size_t>(sent));
    }
}

bytes raw_client::framed(bytes_view message) {
    bytes frame;
    wire::writer out(frame);
    out.int32(static_cast<std::int32_t>(message.size()));
    out.raw(message);
    return frame;
}

void raw_client::send_frame(bytes_view message) {
    send_raw(framed(message));
}

bool raw_client::wait_readable(std::chrono::milliseconds within) {
    pollfd what{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&what, 1, static_cast<int>(within.count())) > 0;
}

void raw_client::read_some(std::chrono::milliseconds within) {
    if (!wait_readable(within))
        throw std::runtime_error("no answer in time");
    constexpr std::size_t chunk_bytes = 64 * 1024;
    const std::size_t at = received_.size();
    received_.resize(at + chunk_bytes);
    const ssize_t got = ::recv(socket_.get(), received_.data() + at, chunk_bytes, 0);
    received_.resize(at + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got <= 0)
        throw connection_closed();
}

bytes raw_client::receive(std::chrono::milliseconds within) {
    constexpr std::size_t length_bytes = 4;
    for (;;) {
        if (received_.size() >= length_bytes) {
            wire::reader in(received_);
            const auto size = static_cast<std::size_t>(in.int32());
            if (received_.size() >= length_bytes + size) {
                bytes frame = received_.substr(length_bytes, size);
                received_.erase(0, length_bytes + size);
                return frame;
            }
        }
        read_some(within);
    }
}

bool raw_client::silent_for(std::chrono::milliseconds during) {
    return received_.empty() && !wait_readable(during);
}

bool raw_client::closed_within(std::chrono::milliseconds within) {
    try {
        for (;;)
            read_some(within);
    } catch (const connection_closed&) {
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

} // namespace outbox::broker::test
