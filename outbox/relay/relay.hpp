#pragma once
// The relay of one shard: takes committed messages from a store and brings them to a target, in
// order, each at least once. It runs on a thread of yours, in the watchdog or inside a business
// process; as many as you like may run for one shard, on any machines: the lease in the database
// lets one of them work.
//
//   outbox::relay relay{database, std::move(target), {.owner = "shop-1"}};
//   std::jthread thread{[&] { relay.run(); }};
//   …
//   relay.request_stop();          // finishes the wave that is out, records progress, gives the
//   lease back
//
// All decisions are in relay_machine.hpp; this is the loop that carries them out.

#include "outbox/base/clock.hpp"
#include "outbox/base/doorbell.hpp"
#include "outbox/base/log.hpp"
#include "outbox/base/random.hpp"
#include "outbox/relay/outcome_observer.hpp"
#include "outbox/relay/relay_machine.hpp"
#include "outbox/store/database.hpp"
#include "outbox/store/relay_store.hpp"
#include "outbox/target/target.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace outbox {

/// Whether messages carry numbers, by which a consumer can recognise what it has applied in one row
/// for all: docs/numbering.md.
enum class numbering { off, on };

struct relay_options {
    int shard = 0;
    /// Who holds the lease, for people; a part that is unique to this object is appended.
    std::string owner{};
    /// Where producers ring. The default hears producers on this machine; put an address that other
    /// machines reach when producers run there, else they wait for a poll.
    std::string doorbell = "udp:127.0.0.1:0";
    relay_timing timing{};
    slice_limits slice{};
    /// Costs one durable write per slice. The same for every relay of a shard: one that does not
    /// number sends what is left by one that does under no number at all.
    numbering numbers = numbering::off;
    /// What consumers have noted in the same database, as having been applied, is removed when it
    /// is older than this, by pieces of 1,000 rows; zero: never. Not shorter than the longest way
    /// of a message, which consumer/idempotency/retention.hpp knows, or effects happen twice.
    std::chrono::seconds forget_applied_after{0};
    /// Is told what became of messages whose producers asked; nobody when null. Must outlive the
    /// relay.
    outcome_observer* observer = nullptr;
};

/// A moment's view, for metrics. Each number is exact; they need not be of the same instant.
struct relay_stats {
    std::uint64_t delivered = 0;
    std::uint64_t waves = 0;
    bool holds_lease = false;
    bool target_down = false;
};

class relay {
public:
    /// `source` must outlive the relay. Throws outbox::error when the doorbell's address cannot be
    /// used.
    relay(
        database& source,
        std::unique_ptr<target> destination,
        relay_options options = {},
        const clock& time = system_clock(),
        random_source& random = system_random()
    );
    ~relay();

    /// Works until request_stop(), then returns in good order within timing.stop_patience and one
    /// deadline of the database. Throws nothing that it could wait out: an unreachable database or
    /// target is logged and tried again, for ever. One thread, once.
    void run();

    /// Any thread, also before run(). In a signal handler only if the target's wake() may be called
    /// there, as that of kafka_target may.
    void request_stop() noexcept;

    relay_stats stats() const noexcept;
    const std::string& owner() const noexcept { return options_.owner; }

private:
    /// A message whose producer wants to know.
    struct watched_message {
        std::size_t index = 0; // in the slot
        receipt_request to{};
        std::uint32_t attempts = 0;
    };
    struct slot {
        std::vector<stored_message> messages{};
        std::vector<bool> delivered{};
        std::size_t undelivered = 0;
        std::vector<watched_message> watched{}; // by index
    };

    relay_event_type perform(const relay_action_type& action);
    relay_event_type act(const relay_action::acquire& a);
    relay_event_type act(const relay_action::renew& a);
    relay_event_type act(const relay_action::read& a);
    relay_event_type act(const relay_action::deliver& a);
    relay_event_type act(const relay_action::await_target& a);
    relay_event_type act(const relay_action::cancel_wave& a);
    relay_event_type act(const relay_action::record& a);
    relay_event_type act(const relay_action::remove& a);
    relay_event_type act(const relay_action::forget_applied& a);
    relay_event_type act(const relay_action::release_due& a);
    relay_event_type act(const relay_action::release& a);
    relay_event_type act(const relay_action::wait& a);
    relay_event_type act(const relay_action::stop& a);
    relay_event_type collect(std::chrono::milliseconds timeout);
    void note_outcome(std::size_t index, const delivery_outcome& outcome);
    void say_once(std::string& last, log_level level, const std::string& text);
    relay_store& store();

    database* source_;
    std::unique_ptr<target> target_;
    relay_options options_;
    const clock* clock_;
    random_source* random_;
    relay_machine machine_;
    doorbell_listener doorbell_;
    std::unique_ptr<relay_store> store_;

    slot current_;
    slot next_;
    std::vector<const stored_message*> wave_;
    std::vector<std::size_t> wave_index_; // position in current_ of each message of the wave
    relay_event::wave_news news_{};
    std::vector<delivery_outcome> outcomes_;
    std::vector<observed_outcome> observed_;
    std::string target_trouble_;
    std::string store_trouble_;
    std::string forget_trouble_;
    std::string due_trouble_;

    std::atomic<bool> stop_requested_{false};
    std::atomic<std::uint64_t> delivered_{0};
    std::atomic<std::uint64_t> waves_{0};
    std::atomic<bool> holds_lease_{false};
    std::atomic<bool> target_down_{false};
};

} // namespace outbox
