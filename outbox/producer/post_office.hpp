#pragma once
// Sends what is posted without a row: a queue in memory, one thread, a target, and
// post_machine.hpp, which decides. Rows are written through the database when they must be.

#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "outbox/message/envelope.hpp"
#include "outbox/producer/post_machine.hpp"
#include "outbox/producer/watcher.hpp"
#include "outbox/store/database.hpp"
#include "outbox/target/target.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace outbox {

class post_office {
public:
    /// Takes what is settled, outside of any lock, from the office's thread.
    using teller = std::function<void(std::vector<settled_fate>&&)>;

    /// Starts the thread. `rows` may be null when nothing is posted with store_on_failure; it must
    /// outlive this object.
    post_office(
        std::unique_ptr<target> to,
        database* rows,
        const post_tuning& tuning,
        teller tell,
        const clock& time = system_clock(),
        random_source& random = system_random()
    );
    /// stop() without patience.
    ~post_office();
    post_office(const post_office&) = delete;
    post_office& operator=(const post_office&) = delete;

    /// Takes the message in charge. False when there is no room within `room_wait`, or after
    /// stop(); then the arguments are as they were. Any thread.
    bool offer(
        envelope& content,
        watcher& who,
        durability kind,
        std::chrono::milliseconds deadline,
        std::chrono::milliseconds room_wait
    );

    /// Waits at most `patience` until everything is sent or stored, then gives up what is left: as
    /// post_machine says. Takes one deadline of the database longer when rows must be written. Not
    /// from its own thread. Once.
    void stop(std::chrono::milliseconds patience);

private:
    struct item {
        std::shared_ptr<stored_message> message{}; // a wave may hold it longer than we do
        watcher who{};
    };

    void run();
    post_event_type act(const post_action::send& a);
    post_event_type act(const post_action::await_target& a);
    post_event_type act(const post_action::cancel_wave& a);
    post_event_type act(const post_action::store& a);
    post_event_type act(const post_action::wait& a);
    post_event_type act(const post_action::stop& a);
    post_event_type collect(std::chrono::milliseconds timeout);
    post_event_type lose_wave(const std::string& why);
    std::vector<settled_fate> take_settled(std::string& unheard);
    void wake();

    const clock* clock_;
    std::unique_ptr<target> target_;
    database* rows_;
    teller tell_;

    std::mutex mutex_;
    std::condition_variable woken_changed_;
    std::condition_variable room_changed_;
    post_machine machine_;
    std::unordered_map<post_ticket, item> items_;
    tick_point asleep_until_{}; // the thread looks again by then, without being told
    bool in_target_ = false;    // it sleeps there and not here
    bool woken_ = false;
    bool stopping_ = false;

    // Of the thread alone.
    std::vector<std::shared_ptr<stored_message>> wave_messages_;
    std::vector<const stored_message*> wave_;
    std::vector<post_ticket> wave_tickets_;
    std::vector<bool> answered_;
    std::size_t outstanding_ = 0;
    std::vector<delivery_outcome> outcomes_;
    std::string trouble_;

    std::thread thread_;
};

} // namespace outbox
