#include "harness/tcp_proxy.hpp"

#include "outbox/base/error.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace outbox::harness {

struct tcp_proxy::pair {
    unique_fd client;
    unique_fd server;
    bool server_spoke_last = true; // so that the first words count
};

namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

[[noreturn]] void fail(const char* what) {
    throw error{
        error_kind::io,
        std::string{"TCP proxy: "} + what + ": " + std::system_category().message(errno)};
}

bool send_all(int fd, const char* data, std::size_t size) {
    while (size > 0) {
        const auto sent = ::send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

void no_delay(int fd) {
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// The host with its length as 16 bits, then the port as 32.
std::string kafka_address(std::uint16_t port) {
    std::string text{"\x00\x09", 2};
    text += "127.0.0.1";
    text += std::string(2, '\0');
    text += static_cast<char>(port >> 8U);
    text += static_cast<char>(port & 0xffU);
    return text;
}

} // namespace

tcp_proxy::tcp_proxy(std::uint16_t server_port, proxied what)
    : server_port_(server_port)
    , listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    , wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    auto address = loopback(0);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fail("bind");
    if (::listen(listener_.get(), 64) != 0)
        fail("listen");
    socklen_t length = sizeof address;
    if (::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        fail("getsockname");
    port_ = ntohs(address.sin_port);
    if (what == proxied::kafka) {
        server_says_ = kafka_address(server_port_);
        client_reads_ = kafka_address(port_);
    }
    thread_ = std::thread{[this] { run(); }};
}

tcp_proxy::~tcp_proxy() {
    stop_.store(true);
    wake();
    thread_.join();
}

void tcp_proxy::cut() noexcept {
    cut_.store(true);
    wake();
}

void tcp_proxy::wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void tcp_proxy::run() {
    std::vector<pollfd> waits;
    while (!stop_.load()) {
        if (cut_.exchange(false))
            pairs_.clear();
        waits.clear();
        waits.push_back({.fd = wake_.get(), .events = POLLIN, .revents = 0});
        waits.push_back({.fd = listener_.get(), .events = POLLIN, .revents = 0});
        for (const auto& each : pairs_) {
            waits.push_back({.fd = each->client.get(), .events = POLLIN, .revents = 0});
            waits.push_back({.fd = each->server.get(), .events = POLLIN, .revents = 0});
        }
        if (::poll(waits.data(), waits.size(), -1) < 0)
            continue;
        std::uint64_t count = 0;
        if (waits[0].revents != 0) [[maybe_unused]]
            const auto read = ::read(wake_.get(), &count, sizeof count);
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            const bool alive = (waits[2 + 2 * i].revents == 0 || pass(*pairs_[i], true)) &&
                               (waits[3 + 2 * i].revents == 0 || pass(*pairs_[i], false));
            if (!alive)
                pairs_[i].reset();
        }
        std::erase(pairs_, nullptr);
        if (waits[1].revents != 0)
            accept_one();
    }
}

void tcp_proxy::accept_one() {
    auto made = std::make_unique<pair>();
    made->client = unique_fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    made->server = unique_fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto address = loopback(server_port_);
    if (!made->client || ::connect(
                             made->server.get(),
                             reinterpret_cast<const sockaddr*>(&address),
                             sizeof address
                         ) != 0)
        return; // the client sees its connection closed
    no_delay(made->client.get());
    no_delay(made->server.get());
    pairs_.push_back(std::move(made));
}

bool tcp_proxy::pass(pair& connection, bool from_client) {
    std::array<char, 65'536> data; // NOLINT: filled below
    const auto& source = from_client ? connection.client : connection.server;
    const auto& sink = from_client ? connection.server : connection.client;
    const auto size = ::recv(source.get(), data.data(), data.size(), 0);
    if (size <= 0)
        return false;
    const auto end = data.begin() + size;
    if (from_client) {
        if (std::exchange(connection.server_spoke_last, false))
            ++turns_;
    } else {
        connection.server_spoke_last = true;
        if (lose_answers_.load()) {
            lost_bytes_ += static_cast<std::uint64_t>(size);
            return true;
        }
        const auto& wanted = server_says_;
        for (auto at = data.begin(); !wanted.empty();) {
            at = std::search(at, end, wanted.begin(), wanted.end());
            if (at == end)
                break;
            at = std::copy(client_reads_.begin(), client_reads_.end(), at);
        }
    }
    return send_all(sink.get(), data.data(), static_cast<std::size_t>(size));
}

} // namespace outbox::harness
