#include "tests/support/turns_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace outbox {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

void send_all(const unique_fd& to, const std::string& data) {
    std::size_t sent = 0;
    while (sent < data.size()) {
        const ssize_t n = ::send(to.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        sent += static_cast<std::size_t>(n);
    }
}

std::string receive(const unique_fd& from) {
    std::array<char, 65536> buffer;
    const ssize_t n = ::recv(from.get(), buffer.data(), buffer.size(), 0);
    return n <= 0 ? std::string{} : std::string(buffer.data(), static_cast<std::size_t>(n));
}

} // namespace

turns_proxy::turns_proxy(std::uint16_t server_port)
    : server_port_(server_port)
    , listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    , stop_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), raw, size) != 0 || ::listen(listener_.get(), 8) != 0 ||
        ::getsockname(listener_.get(), raw, &size) != 0)
        throw std::runtime_error("the proxy cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { serve(); }};
}

turns_proxy::~turns_proxy() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
}

void turns_proxy::lose_the_answer_to(const std::string& words) {
    const std::lock_guard lock{mutex_};
    trouble_ = trouble::lose_answer;
    words_ = words;
}

void turns_proxy::cut_before(const std::string& words) {
    const std::lock_guard lock{mutex_};
    trouble_ = trouble::cut;
    words_ = words;
}

void turns_proxy::before(const std::string& words, int nth, std::function<void()> action) {
    const std::lock_guard lock{mutex_};
    action_ = std::move(action);
    action_words_ = words;
    action_after_ = nth;
}

int turns_proxy::heard(const std::string& words) const {
    const std::lock_guard lock{mutex_};
    int count = 0;
    for (std::size_t at = heard_.find(words); at != std::string::npos;
         at = heard_.find(words, at + 1))
        ++count;
    return count;
}

turns_proxy::trouble turns_proxy::trouble_with(const std::string& sent) {
    std::unique_lock lock{mutex_};
    heard_ += sent;
    if (action_ && sent.find(action_words_) != std::string::npos && --action_after_ == 0) {
        const auto action = std::exchange(action_, nullptr);
        lock.unlock();
        action();
        lock.lock();
    }
    if (trouble_ == trouble::none || sent.find(words_) == std::string::npos)
        return trouble::none;
    return std::exchange(trouble_, trouble::none);
}

// One client after the other is enough for these tests.
void turns_proxy::serve() {
    while (true) {
        std::array<pollfd, 2> waiting = {
            pollfd{listener_.get(), POLLIN, 0},
            pollfd{stop_.get(), POLLIN, 0}};
        ::poll(waiting.data(), waiting.size(), -1);
        if (waiting[1].revents != 0)
            return;
        forward(unique_fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)});
    }
}

void turns_proxy::forward(const unique_fd& client) {
    const unique_fd server{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in address = loopback(server_port_);
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return;
    const int on = 1;
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(server.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool client_speaks = false;
    while (true) {
        std::array<pollfd, 3> waiting = {
            pollfd{client.get(), POLLIN, 0},
            pollfd{server.get(), POLLIN, 0},
            pollfd{stop_.get(), POLLIN, 0}};
        ::poll(waiting.data(), waiting.size(), -1);
        if (waiting[2].revents != 0)
            return;
        if (waiting[1].revents != 0) {
            const std::string answer = receive(server);
            if (answer.empty())
                return;
            client_speaks = false;
            send_all(client, answer);
        }
        if (waiting[0].revents != 0) {
            const std::string sent = receive(client);
            if (sent.empty())
                return;
            turns_ += client_speaks ? 0 : 1;
            client_speaks = true;
            const trouble what = trouble_with(sent);
            if (what == trouble::cut)
                return;
            send_all(server, sent);
            if (what == trouble::lose_answer) {
                receive(server); // the server has done it
                return;
            }
        }
    }
}

} // namespace outbox
