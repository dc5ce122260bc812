#pragma once
// Which messages somebody waits for, and how each of them ends: by a receipt, by its deadline, or
// by the end of the producer, exactly once. Decides only; knows no socket, no thread and no clock.
//
// A message is *undecided* until its transaction has committed. Of one that `transact` commits we
// hear how that went, so a receipt that is faster than the answer to COMMIT is kept until then. Of
// one that the user commits we hear only by nudge(); without it a receipt is the proof, because
// only committed rows are relayed, and without a receipt either there is no call, because it may
// have been rolled back.

#include "outbox/base/clock.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/message/receipt_datagram.hpp"
#include "outbox/producer/watcher.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace outbox {

/// Who commits the transaction.
enum class committer { producer, user };

class pending_fates {
public:
    /// A new message, undecided. Precondition: `id` is not here yet.
    void admit(const message_id& id, std::string subject, watcher who, committer by);

    /// Its transaction is committed. Wait for its receipt until `deadline`. Harmless when it is not
    /// here any more.
    void committed(const message_id& id, tick_point deadline, std::vector<settled_fate>& to);
    /// Nobody will say whether its transaction was committed: forget it at `at`, unless a receipt
    /// comes.
    void forget_at(const message_id& id, tick_point at);
    /// It was rolled back, or its commit is in doubt: nobody is told anything. The caller gets its
    /// watcher back; empty when it is not here.
    watcher withdraw(const message_id& id);

    /// A relay speaks. Notes about messages that are not here are ignored: a second copy, a late
    /// one, a forged one.
    void heard(const receipt_note& note, std::vector<settled_fate>& to);
    /// Whatever is due at `now` ends; forgotten watchers go to `forgotten`.
    void expire(tick_point now, std::vector<settled_fate>& to, std::vector<watcher>& forgotten);
    /// The end: what is committed is left to the watchdog now, what is undecided as soon as it is
    /// committed.
    void close(std::vector<settled_fate>& to);

    /// When expire() has something to do; nothing while nothing has a deadline.
    std::optional<tick_point> next_deadline() const;
    std::size_t size() const noexcept { return entries_.size(); }

private:
    struct entry {
        std::string subject{};
        watcher who{};
        committer by = committer::producer;
        bool is_committed = false;
        std::optional<tick_point> due{};
        std::optional<receipt_note> early{}; // before the answer to COMMIT
    };
    struct id_hash {
        std::size_t operator()(const message_id& id) const noexcept {
            return std::hash<bytes_view>{}(id.raw());
        }
    };
    using entry_map = std::unordered_map<message_id, entry, id_hash>;

    void settle(entry_map::iterator at, const receipt_note& note, std::vector<settled_fate>& to);
    void leave(entry_map::iterator at, const char* why, std::vector<settled_fate>& to);
    void set_due(entry_map::iterator at, std::optional<tick_point> due);

    entry_map entries_;
    bool closed_ = false;
    std::set<std::pair<tick_point, message_id>> due_;
};

} // namespace outbox
