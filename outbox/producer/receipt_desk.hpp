#pragma once
// Where receipts from relays arrive: one socket, one thread, and pending_fates.hpp, which decides.

#include "outbox/base/clock.hpp"
#include "outbox/base/datagram.hpp"
#include "outbox/base/random.hpp"
#include "outbox/message/receipt_request.hpp"
#include "outbox/producer/pending_fates.hpp"
#include "outbox/producer/watcher.hpp"

#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace outbox {

/// Tells who holds the receipt that there is nothing to wait for.
void let_go(const watcher& who, const char* why);

class receipt_desk {
public:
    /// Takes what is settled, outside of any lock; from the desk's thread, from close(), and from
    /// whoever calls committed().
    using teller = std::function<void(std::vector<settled_fate>&&)>;

    /// Listens on `address` at once. Throws outbox::error when that cannot be.
    receipt_desk(
        const std::string& address,
        teller tell,
        const clock& time = system_clock(),
        random_source& random = system_random()
    );
    ~receipt_desk();
    receipt_desk(const receipt_desk&) = delete;
    receipt_desk& operator=(const receipt_desk&) = delete;

    /// What a row must carry for its receipt to come here.
    const receipt_request& request() const noexcept { return request_; }

    // As in pending_fates. Any thread.
    void admit(const message_id& id, std::string subject, watcher who, committer by);
    void committed(std::span<const message_id> ids, std::chrono::milliseconds deadline);
    void forget_after(std::span<const message_id> ids, std::chrono::milliseconds time);
    void withdraw(std::span<const message_id> ids, const char* why);
    std::size_t size() const;

    /// Ends the thread and settles what is committed and pending; what is committed later is
    /// settled then. Not from its own thread. Once.
    void close();

private:
    void run();
    void take_datagrams(std::vector<settled_fate>& to);
    void wake_if_earlier();

    const clock* clock_;
    teller tell_;
    datagram_socket socket_;
    receipt_request request_;

    mutable std::mutex mutex_;
    pending_fates fates_;
    tick_point asleep_until_ = tick_point::max();
    bool closing_ = false;
    std::thread thread_;
};

} // namespace outbox
