#include "outbox/base/doorbell.hpp"

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
#include <optional>
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
        "choose another doorbell address, or \"udp:127.0.0.1:0\" for a free port"
    );
}

} // namespace

doorbell_listener::doorbell_listener(const std::string& address) {
    const auto wanted = parse_address(address);
    if (!wanted)
        throw error(
            error_kind::invalid_argument,
            "bad doorbell address \"" + address + "\"",
            "write udp:IPv4:PORT, such as \"udp:127.0.0.1:0\""
        );
    socket_ = unique_fd{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket_ ||
        ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&*wanted), sizeof *wanted) != 0)
        fail("cannot listen on doorbell " + address);
    wake_ = unique_fd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    if (!wake_ || ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
        fail("cannot listen on doorbell " + address);
    address_ = address.substr(0, address.rfind(':') + 1) + std::to_string(ntohs(bound.sin_port));
}

bool doorbell_listener::await(std::chrono::milliseconds timeout) {
    std::array<pollfd, 2> waiting{{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(timeout.count())) <= 0)
        return false;
    // Bounded: whoever floods the socket keeps it readable, and the next await() returns at once.
    constexpr int drained_max = 1'000;
    std::array<char, 1> ignored{};
    for (int i = 0;
         i < drained_max && ::recv(socket_.get(), ignored.data(), ignored.size(), 0) >= 0;
         ++i) {
    }
    std::uint64_t count = 0;
    [[maybe_unused]] const auto drained = ::read(wake_.get(), &count, sizeof count);
    return true;
}

void doorbell_listener::wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void ring_doorbell(const std::string& address) noexcept {
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
        "",
        0,
        MSG_NOSIGNAL,
        reinterpret_cast<const sockaddr*>(&*to),
        sizeof *to
    );
}

} // namespace outbox
