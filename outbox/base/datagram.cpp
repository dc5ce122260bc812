#include "outbox/base/datagram.hpp"

#include "outbox/base/error.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace outbox {
namespace {

std::optional<sockaddr_in> parse_address(std::string_view text) noexcept {
    constexpr std::string_view scheme = "udp:";
    const auto colon = text.rfind(':');
    if (!text.starts_with(scheme) || colon < scheme.size())
        return std::nullopt;
    const std::string_view host = text.substr(scheme.size(), colon - scheme.size());
    const std::string_view port = text.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
    std::array<char, INET_ADDRSTRLEN> host_text{};
    if (failure != std::errc{} || end != port.data() + port.size() ||
        host.size() >= host_text.size())
        return std::nullopt;
    std::memcpy(host_text.data(), host.data(), host.size());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(number);
    if (::inet_pton(AF_INET, host_text.data(), &address.sin_addr) != 1)
        return std::nullopt;
    return address;
}

[[noreturn]] void fail(const std::string& what) {
    const int code = errno;
    throw error(
        code == EADDRINUSE ? error_kind::conflict : error_kind::io,
        what + ": " + std::strerror(code),
        "choose another address, or \"udp:127.0.0.1:0\" for a free port"
    );
}

} // namespace

datagram_socket::datagram_socket(const std::string& address, int buffer_bytes) {
    const auto wanted = parse_address(address);
    if (!wanted)
        throw error(
            error_kind::invalid_argument,
            "bad datagram address \"" + address + "\"",
            "write udp:IPv4:PORT, such as \"udp:127.0.0.1:0\""
        );
    socket_ = unique_fd{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket_ ||
        ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&*wanted), sizeof *wanted) != 0)
        fail("cannot listen on " + address);
    // The kernel cuts it to what the system allows; a small buffer loses more and breaks nothing.
    if (buffer_bytes > 0)
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    wake_ = unique_fd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    if (!wake_ || ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
        fail("cannot listen on " + address);
    address_ = address.substr(0, address.rfind(':') + 1) + std::to_string(ntohs(bound.sin_port));
}

bool datagram_socket::await(std::chrono::milliseconds timeout) {
    std::array<pollfd, 2> waiting{{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(timeout.count())) <= 0)
        return false;
    std::uint64_t count = 0;
    [[maybe_unused]] const auto drained = ::read(wake_.get(), &count, sizeof count);
    return true;
}

std::optional<std::size_t> datagram_socket::receive(std::span<char> into) noexcept {
    // MSG_TRUNC: the answer is the datagram's whole size, also when it did not fit.
    const auto size = ::recv(socket_.get(), into.data(), into.size(), MSG_TRUNC);
    if (size < 0)
        return std::nullopt;
    const auto whole = static_cast<std::size_t>(size);
    return whole <= into.size() ? whole : 0;
}

void datagram_socket::wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void send_datagram(const std::string& address, bytes_view data) noexcept {
    const auto to = parse_address(address);
    if (!to)
        return;
    thread_local unique_fd sender;
    thread_local pid_t sender_process = 0;
    if (sender_process != ::getpid()) {
        sender = unique_fd{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        sender_process = ::getpid();
    }
    [[maybe_unused]] const auto sent = ::sendto(
        sender.get(),
        data.data(),
        data.size(),
        MSG_NOSIGNAL,
        reinterpret_cast<const sockaddr*>(&*to),
        sizeof *to
    );
}

bool is_loopback(const std::string& address) noexcept {
    const auto parsed = parse_address(address);
    return parsed && ntohl(parsed->sin_addr.s_addr) >> 24U == 127U;
}

} // namespace outbox
