#include "harness/tcp_proxy.hpp"

#include "outbox/base/error.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <system_error>
#include <utility>

namespace outbox::harness {

/// What is under way in one direction.
struct tcp_proxy::way {
    struct parcel {
        tick_point due{};
        std::string data{}; // none: the sender has hung up
    };
    std::deque<parcel> parcels{};
    std::size_t bytes = 0;
    bool ended = false;

    bool takes_more() const noexcept { return !ended && bytes < under_way_bytes_max; }
};

struct tcp_proxy::pair {
    unique_fd client;
    unique_fd server;
    bool server_spoke_last = true; // so that the first words count
    way there{};
    way back{};
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

tcp_proxy::tcp_proxy(std::uint16_t server_port, proxied what, std::chrono::microseconds delay)
    : server_port_(server_port)
    , one_way_(std::chrono::nanoseconds{delay} / 2)
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
    // Otherwise the kernel may wake a thread 50 us late, to wake several at once.
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    std::vector<pollfd> waits;
    while (!stop_.load()) {
        if (cut_.exchange(false))
            pairs_.clear();
        waits.clear();
        waits.push_back({.fd = wake_.get(), .events = POLLIN, .revents = 0});
        waits.push_back({.fd = listener_.get(), .events = POLLIN, .revents = 0});
        for (const auto& each : pairs_) {
            const auto heard = [](const unique_fd& from, const way& on) {
                return pollfd{
                    .fd = on.takes_more() ? from.get() : -1,
                    .events = POLLIN,
                    .revents = 0};
            };
            waits.push_back(heard(each->client, each->there));
            waits.push_back(heard(each->server, each->back));
        }
        wait_for(waits);
        std::uint64_t count = 0;
        if (waits[0].revents != 0) [[maybe_unused]]
            const auto read = ::read(wake_.get(), &count, sizeof count);
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            const bool alive = (waits[2 + 2 * i].revents == 0 || pass(*pairs_[i], true)) &&
                               (waits[3 + 2 * i].revents == 0 || pass(*pairs_[i], false)) &&
                               deliver(*pairs_[i], system_clock().ticks());
            if (!alive)
                pairs_[i].reset();
        }
        std::erase(pairs_, nullptr);
        if (waits[1].revents != 0)
            accept_one();
    }
}

/// Until somebody speaks or the next parcel is due.
void tcp_proxy::wait_for(std::vector<pollfd>& waits) const {
    auto next = tick_point::max();
    for (const auto& each : pairs_)
        for (const auto* on : {&each->there, &each->back})
            if (!on->parcels.empty())
                next = std::min(next, on->parcels.front().due);
    timespec left{};
    if (next != tick_point::max()) {
        const auto time = std::max(next - system_clock().ticks(), tick_point::duration{0});
        const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
        left.tv_sec = whole.count();
        left.tv_nsec = std::chrono::nanoseconds{time - whole}.count();
    }
    if (::ppoll(waits.data(), waits.size(), next == tick_point::max() ? nullptr : &left, nullptr) <
        0)
        for (auto& each : waits)
            each.revents = 0;
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
    auto& on = from_client ? connection.there : connection.back;
    const auto size = ::recv(source.get(), data.data(), data.size(), 0);
    if (size <= 0) {
        // What was said before is heard before.
        on.ended = true;
        on.parcels.push_back({.due = system_clock().ticks() + one_way_});
        return true;
    }
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
    const auto length = static_cast<std::size_t>(size);
    if (one_way_ == one_way_.zero())
        return send_all(sink.get(), data.data(), length);
    on.parcels.push_back({
        .due = system_clock().ticks() + one_way_,
        .data = std::string(data.data(), length),
    });
    on.bytes += length;
    return true;
}

/// Hands over what has arrived by `now`. False: the connection has ended.
bool tcp_proxy::deliver(pair& connection, tick_point now) {
    for (auto* const on : {&connection.there, &connection.back}) {
        const auto& sink = on == &connection.there ? connection.server : connection.client;
        while (!on->parcels.empty() && on->parcels.front().due <= now) {
            const auto parcel = std::move(on->parcels.front());
            on->parcels.pop_front();
            on->bytes -= parcel.data.size();
            if (parcel.data.empty() ||
                !send_all(sink.get(), parcel.data.data(), parcel.data.size()))
                return false;
        }
    }
    return true;
}

} // namespace outbox::harness
