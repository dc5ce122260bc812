#pragma once
// Makes changes of the coordinator's state durable, in order: the topic `__consumer_offsets`, of
// one partition, in the broker's own log.
//
//   log.load([&](state_change c) { machine.apply(c); });        // at the start
//   log.write(changes, [](std::error_code ec) { … });           // durable, and applied
//   log.write_when_quiet([&] { return changes_now(); }, …);     // decided when all before is
//   applied
//
// One wave is out at a time, and whatever comes meanwhile is the next one; so a burst of commits
// costs one fdatasync, and between two waves what has been applied is exactly what is on disk. In
// such a moment the log is shortened: when it has grown by enough, everything is written again at
// its end, and when that is durable all before it is deleted.
//
// One thread, the loop's. The disk's work is done elsewhere and comes back by `post`.

#include "broker/group/state_change.hpp"
#include "broker/log/log_manager.hpp"
#include "outbox/base/clock.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <system_error>
#include <vector>

namespace outbox::broker {

class state_log {
public:
    using job = std::function<void()>;
    using done_callback = std::function<void(std::error_code)>;
    using decide_callback = std::function<std::vector<state_change>()>;

    struct surroundings {
        log_manager& logs;
        const clock& time;
        /// Runs a job later on the loop's thread; any thread may call it.
        std::function<void(job)> post{};
        /// Runs a job on a thread that may block.
        std::function<void(job)> offload{};
        /// A change is durable.
        std::function<void(state_change)> apply{};
        /// All that has been applied, as changes.
        std::function<std::vector<state_change>()> snapshot{};
        /// The log is shortened when it has grown by this much, or by twice what a snapshot takes.
        std::size_t growth_bytes = 4 * 1024 * 1024;
    };

    /// What `around` names outlives this, and so does this the jobs that it posts.
    explicit state_log(surroundings around) : around_(std::move(around)) {}

    /// Applies everything that an earlier run has written. An error when it cannot be read whole:
    /// then nothing that was applied may be believed.
    std::error_code load();

    /// Writes, and calls `done` when the changes are durable and applied; in the order of the
    /// calls. With an error none of them was applied, and a later start may find them or not.
    void write(std::vector<state_change> changes, done_callback done);
    /// The same for changes that are only known when everything written before is applied. With
    /// none of them it is a way to wait for that. Both may be called inside this call.
    void write_when_quiet(decide_callback decide, done_callback done);

private:
    struct item {
        std::vector<state_change> changes;
        decide_callback decide;
        done_callback done;
    };

    void pump();
    item take();
    bool next_wave();
    void send();
    std::error_code append_wave();
    void landed(std::error_code ec);
    bool wants_snapshot() const;
    void delete_before(std::int64_t offset);

    surroundings around_;
    std::shared_ptr<partition_log> log_;
    std::deque<item> queue_;
    bool busy_ = false;
    bool pumping_ = false;

    // The wave that is out.
    std::vector<state_change> wave_;
    std::vector<done_callback> wave_done_;
    bool wave_is_snapshot_ = false;
    std::int64_t wave_start_ = 0;
    std::size_t wave_bytes_ = 0;

    std::size_t grown_ = 0; // since the last snapshot
    std::size_t snapshot_bytes_ = 0;
};

} // namespace outbox::broker
