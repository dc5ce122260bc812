#pragma once
// Runs one relay for each configured database, each on a thread of its own with its own connection
// and its own connection to the target, so that one that hangs holds up none of the others.

#include "outbox/relay/receipt_sender.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/database.hpp"
#include "watchdog/config.hpp"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace outbox::watchdog {

class supervisor {
public:
    /// Connects to nothing yet. Throws outbox::error (invalid_argument, conflict) for a URL, a
    /// property or a doorbell that cannot be used.
    explicit supervisor(const config& configured);
    /// Stops, if stop() has not been called.
    ~supervisor();

    void start();
    /// Asks every relay to stop in good order and waits for all of them.
    void stop();

    std::size_t relay_count() const noexcept { return entries_.size(); }

private:
    struct entry {
        std::string name{};
        std::unique_ptr<database> source{};
        std::unique_ptr<receipt_sender> receipts{};
        std::unique_ptr<relay> worker{};
        std::thread thread{};
    };
    std::vector<entry> entries_;
};

} // namespace outbox::watchdog
