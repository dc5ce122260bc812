#include "harness/tcp_proxy.hpp"

#include "outbox/base/clock.hpp"
#include "outbox/base/unique_fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <thread>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Reads `size` bytes, or as many as come before the end.
std::string read_up_to(const unique_fd& from, std::size_t size) {
    std::string text;
    std::array<char, 65'536> some{};
    while (text.size() < size) {
        const auto got =
            ::recv(from.get(), some.data(), std::min(some.size(), size - text.size()), 0);
        if (got <= 0)
            break;
        text.append(some.data(), static_cast<std::size_t>(got));
    }
    return text;
}

void write_all(const unique_fd& to, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const auto sent = ::send(to.get(), text.data() + done, text.size() - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        done += static_cast<std::size_t>(sent);
    }
}

/// A server for one client, which sends back what it hears until the client hangs up.
class echo {
public:
    echo() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        auto address = loopback(0);
        socklen_t size = sizeof address;
        auto* const raw = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_.get(), raw, size) != 0 || ::listen(listener_.get(), 1) != 0 ||
            ::getsockname(listener_.get(), raw, &size) != 0)
            throw std::runtime_error("the echo cannot listen");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] {
            const unique_fd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            std::array<char, 65'536> some{};
            while (true) {
                const auto got = ::recv(client.get(), some.data(), some.size(), 0);
                if (got <= 0)
                    return;
                const std::string text(some.data(), static_cast<std::size_t>(got));
                heard_ += text;
                write_all(client, text);
            }
        }};
    }
    ~echo() {
        if (thread_.joinable())
            thread_.join();
    }
    echo(const echo&) = delete;
    echo& operator=(const echo&) = delete;

    std::uint16_t port() const noexcept { return port_; }
    /// All of it, when the client has hung up.
    std::string heard() {
        thread_.join();
        return heard_;
    }

private:
    unique_fd listener_;
    std::string heard_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

unique_fd connect_to(std::uint16_t port) {
    unique_fd made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto address = loopback(port);
    if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("cannot connect");
    return made;
}

TEST(tcp_proxy, a_round_trip_takes_the_delay_and_counts_once) {
    const echo server;
    const tcp_proxy proxy{server.port(), proxied::anything, 4ms};
    const auto client = connect_to(proxy.port());
    const auto begin = system_clock().ticks();
    for (int i = 0; i < 10; ++i) {
        write_all(client, "x");
        ASSERT_EQ(read_up_to(client, 1), "x");
    }
    EXPECT_GE(system_clock().ticks() - begin, 40ms);
    EXPECT_EQ(proxy.turns(), 10U);
}

TEST(tcp_proxy, what_is_under_way_together_is_delayed_together) {
    const echo server;
    const tcp_proxy proxy{server.port(), proxied::anything, 1s};
    const auto client = connect_to(proxy.port());
    const std::string text(3U << 20U, 'x'); // some fifty times what is passed on at once
    const auto begin = system_clock().ticks();
    std::thread writer{[&] { write_all(client, text); }};
    const auto heard = read_up_to(client, text.size());
    const auto time = system_clock().ticks() - begin;
    writer.join();
    EXPECT_EQ(heard.size(), text.size());
    EXPECT_GE(time, 1s);
    EXPECT_LT(time, 20s); // one after the other it would be twenty-five
}

TEST(tcp_proxy, more_than_may_be_under_way_arrives_whole_and_in_order) {
    const echo server;
    const tcp_proxy proxy{server.port(), proxied::anything, 1ms};
    const auto client = connect_to(proxy.port());
    std::string text(tcp_proxy::under_way_bytes_max + 100'000, ' ');
    for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<char>('a' + i * i % 23);
    std::thread writer{[&] { write_all(client, text); }};
    const auto heard = read_up_to(client, text.size());
    writer.join();
    EXPECT_TRUE(heard == text) << heard.size() << " of " << text.size();
}

TEST(tcp_proxy, what_was_said_before_hanging_up_is_heard) {
    echo server;
    const tcp_proxy proxy{server.port(), proxied::anything, 20ms};
    {
        const auto client = connect_to(proxy.port());
        write_all(client, "last words");
    }
    EXPECT_EQ(server.heard(), "last words");
}

TEST(tcp_proxy, a_sender_waits_when_too_much_is_under_way) {
    const echo server;
    const tcp_proxy proxy{server.port(), proxied::anything, 60s};
    const auto client = connect_to(proxy.port());
    const timeval patience{.tv_sec = 0, .tv_usec = 300'000};
    ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const std::string some(1U << 20U, 'x');
    std::size_t taken = 0;
    while (taken < (256U << 20U)) {
        const auto sent = ::send(client.get(), some.data(), some.size(), MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        taken += static_cast<std::size_t>(sent);
    }
    // Beside what the proxy holds there is what the kernel's buffers do.
    EXPECT_LT(taken, tcp_proxy::under_way_bytes_max + (64U << 20U));
}

} // namespace
} // namespace outbox::harness
