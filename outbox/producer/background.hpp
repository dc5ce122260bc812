#pragma once
// What of a producer outlives a call: the desk where receipts arrive, the thread of the listeners.
// Made with the producer, but opens no socket and starts no thread before somebody wants to know
// the fate of a message. Inside of the producer; shared with every `outgoing`, so that a listener
// may destroy the producer.

#include "outbox/message/envelope.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/producer/listener_thread.hpp"
#include "outbox/producer/pending_fates.hpp"
#include "outbox/producer/post_office.hpp"
#include "outbox/producer/post_options.hpp"
#include "outbox/producer/receipt_desk.hpp"
#include "outbox/producer/watcher.hpp"
#include "outbox/store/database.hpp"
#include "outbox/target/target.hpp"

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace outbox {

class background {
public:
    struct settings {
        std::string receipt_address{};
        std::chrono::milliseconds receipt_deadline{};
        std::size_t pending_max = 0;
        database* rows = nullptr;
        post_tuning posts{};
    };
    /// `to` may be null: then nothing can be posted without a row.
    background(settings chosen, std::unique_ptr<target> to);
    ~background();
    background(const background&) = delete;
    background& operator=(const background&) = delete;

    /// Takes `who` in charge for a message of a transaction that is still open, and returns what
    /// its row must carry. Nothing when it cannot: at the limit, after stop(), without a socket;
    /// then `who` is as it was. Throws usage_error in a child after fork().
    std::optional<receipt_request>
    watch(const message_id& id, const std::string& subject, watcher& who, committer by);

    void committed(std::span<const message_id> ids, std::chrono::milliseconds deadline) noexcept;
    void committed(std::span<const message_id> ids) noexcept {
        committed(ids, chosen_.receipt_deadline);
    }
    /// The user will not say any more whether it was committed.
    void unwitnessed(std::span<const message_id> ids) noexcept;
    void withdraw(std::span<const message_id> ids, const char* why) noexcept;

    /// For what could not be watched, after COMMIT: tells on this thread that it is left to the
    /// watchdog.
    static void
    leave_unwatched(const watcher& who, const message_id& id, const std::string& subject) noexcept;

    /// For what could not be watched and was rolled back: its receipt waits for nothing.
    static void withdraw_unwatched(const watcher& who, const char* why) noexcept;

    /// For what could not be watched in a transaction whose end only the user knows: kept until
    /// committed() with its id, as long as one that is watched would be. At most `unwatched_max`
    /// of them; one beyond it is not told.
    void keep_unwatched(watcher who, const message_id& id, std::string subject) noexcept;
    static constexpr std::size_t unwatched_max = 10'000;

    /// For what there was no room for: tells on this thread that it is lost.
    static void drop(const watcher& who, const message_id& id, const std::string& subject) noexcept;

    /// Posts `row` in a transaction of its own. Throws what the database does.
    void post_row(envelope row, watcher who, std::chrono::milliseconds deadline);
    /// The same for several, in one transaction; `who` is told of each.
    void
    post_rows(std::vector<envelope> rows, const watcher& who, std::chrono::milliseconds deadline);
    /// Posts straight to the target. False, and the arguments as they were, when there is no room
    /// within `room_wait`: in the queue, or among the listeners that have not returned. Throws
    /// usage_error without a target, after stop(), and in a child after fork().
    bool post_direct(
        envelope& content,
        watcher& who,
        durability kind,
        std::chrono::milliseconds deadline,
        std::chrono::milliseconds room_wait
    );
    const database* rows() const noexcept { return chosen_.rows; }

    /// Tells receipts at once and hands the rest to the thread of the listeners. Any thread.
    void tell(std::vector<settled_fate>&& fates) noexcept;

    /// Sends or stores what is posted, settles everything that is pending, and waits for listeners;
    /// for each at most `patience`. From then on nothing is watched. Any thread, also a listener's;
    /// only the first call does anything, and none in a child after fork().
    void stop(std::chrono::milliseconds patience) noexcept;

    /// Throws usage_error in a child that was forked after threads were started.
    void refuse_in_child() const;

private:
    bool is_inherited() const noexcept;
    std::shared_ptr<receipt_desk> desk() const noexcept;
    void tell_unwatched(std::span<const message_id> ids);

    const settings chosen_;
    std::atomic<pid_t> process_; // of the threads, a target's too; 0 before there are any
    std::unique_ptr<listener_thread> listeners_;
    mutable std::mutex mutex_;
    bool stopped_ = false;
    bool said_no_socket_ = false;
    std::unique_ptr<target> target_; // until the office has it
    std::shared_ptr<receipt_desk> desk_;
    std::shared_ptr<post_office> office_;
    pending_fates unwatched_;
};

} // namespace outbox
