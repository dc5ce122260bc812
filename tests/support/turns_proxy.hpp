#pragma once
// Stands between a client and a server, counts the turns of their conversation, and can lose an
// answer. A turn begins when the client speaks after the server has spoken: a trip that the client
// waits for.

#include "outbox/base/unique_fd.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace outbox {

class turns_proxy {
public:
    explicit turns_proxy(std::uint16_t server_port);
    ~turns_proxy();

    std::uint16_t port() const noexcept { return port_; }
    int turns() const noexcept { return turns_; }

    /// From now on: what contains `words` still reaches the server, and the server's answer to it
    /// is thrown away, with the connection.
    void lose_the_answer_to(const std::string& words);
    /// What contains `words` does not reach the server; the connection is cut instead.
    void cut_before(const std::string& words);
    /// Calls `action`, on the proxy's thread, before the `nth` thing from now on that contains
    /// `words` reaches the server. `action` does not touch this object.
    void before(const std::string& words, int nth, std::function<void()> action);
    /// How many times the client has sent something that contains `words`.
    int heard(const std::string& words) const;

private:
    enum class trouble { none, lose_answer, cut };

    void serve();
    void forward(const unique_fd& client);
    trouble trouble_with(const std::string& sent);

    std::uint16_t server_port_;
    std::uint16_t port_ = 0;
    unique_fd listener_;
    unique_fd stop_;
    std::atomic<int> turns_{0};
    mutable std::mutex mutex_;
    std::string heard_;
    trouble trouble_ = trouble::none;
    std::string words_;
    std::function<void()> action_;
    std::string action_words_;
    int action_after_ = 0;
    std::thread thread_;
};

} // namespace outbox
