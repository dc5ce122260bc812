#pragma once
// Stands between a client and a server on 127.0.0.1 and knows what passes: counts round trips,
// loses answers, cuts connections, and can be as slow as a network between two machines.

#include "outbox/base/clock.hpp"
#include "outbox/base/unique_fd.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

struct pollfd;

namespace outbox::harness {

enum class proxied {
    /// The bytes as they are.
    anything,
    /// A Kafka server tells its clients where to connect next, which would lead them past the
    /// proxy. Where it says
    /// 127.0.0.1 and its port, as every version of Metadata up to 8 says it, the client reads the
    /// proxy's port.
    kafka,
};

class tcp_proxy {
public:
    /// Listens on a port of its own. Throws outbox::error when it cannot. A round trip takes
    /// `delay` longer than it would: half of it there, half of it back, whatever else is on the way
    /// at the same time. Zero passes on at once.
    explicit tcp_proxy(
        std::uint16_t server_port,
        proxied what = proxied::anything,
        std::chrono::microseconds delay = {}
    );
    ~tcp_proxy();
    tcp_proxy(const tcp_proxy&) = delete;
    tcp_proxy& operator=(const tcp_proxy&) = delete;

    std::uint16_t port() const noexcept { return port_; }

    /// How often a client has spoken after its server had, over all connections so far: each of
    /// these is a round trip. The first words of a connection count.
    std::uint64_t turns() const noexcept { return turns_.load(); }

    /// From now on what servers say is swallowed. The requests arrive.
    void lose_answers(bool lose) noexcept { lose_answers_.store(lose); }
    /// Bytes swallowed so far.
    std::uint64_t lost_bytes() const noexcept { return lost_bytes_.load(); }

    /// Closes every connection that is open now; new ones are welcome.
    void cut() noexcept;

    /// So many bytes of one connection may be on the way in one direction; then the sender waits,
    /// as behind a full socket.
    static constexpr std::size_t under_way_bytes_max = 4U << 20U;

private:
    struct way;
    struct pair;

    void run();
    void accept_one();
    bool pass(pair& connection, bool from_client);
    bool deliver(pair& connection, tick_point now);
    void wait_for(std::vector<pollfd>& waits) const;
    void wake() noexcept;

    std::uint16_t server_port_;
    std::uint16_t port_ = 0;
    std::chrono::nanoseconds one_way_; // zero: nothing is ever under way
    std::string server_says_;          // replaced by what follows, of the same length
    std::string client_reads_;
    unique_fd listener_;
    unique_fd wake_;
    std::vector<std::unique_ptr<pair>> pairs_; // belongs to the thread
    std::atomic<std::uint64_t> turns_ = 0;
    std::atomic<std::uint64_t> lost_bytes_ = 0;
    std::atomic<bool> lose_answers_ = false;
    std::atomic<bool> cut_ = false;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

} // namespace outbox::harness
