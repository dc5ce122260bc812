#pragma once
// What every handler stands on: the log, the loop, the settings, the groups, and the fetches that
// wait. One object per broker; all of it belongs to the loop's thread.

#include "broker/api/group_service.hpp"
#include "broker/api/loop.hpp"
#include "broker/api/settings.hpp"
#include "broker/api/wait_list.hpp"
#include "broker/log/log_manager.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace outbox::broker {

/// A request that waits for data. Looks again when it is told to.
class waiting_request {
public:
    virtual ~waiting_request() = default;
    /// True when it has answered and need not be kept.
    virtual bool look_again() = 0;
    /// Time is over: answers with what there is.
    virtual void finish() = 0;
};

class core {
public:
    /// All arguments outlive this.
    core(
        log_manager& the_logs,
        class loop& the_loop,
        const clock& the_time,
        random_source& random,
        const settings& the_options,
        const topic_config& the_topic_defaults
    )
        : logs(the_logs)
        , loop(the_loop)
        , time(the_time)
        , options(the_options)
        , topic_defaults(the_topic_defaults)
        , groups(the_logs, the_loop, the_time, random, the_options.groups) {}

    log_manager& logs;
    class loop& loop;
    const clock& time;
    const settings& options;
    const topic_config& topic_defaults;
    group_service groups;

    /// The largest batch of a topic, remembered from its configuration.
    std::int64_t message_bytes_max(const std::string& topic);
    /// A topic was made, changed or deleted.
    void forget_topic(const std::string& topic) { message_bytes_max_.erase(topic); }

    /// Keeps `request` until it answers, `deadline` passes, or its connection goes.
    void wait(
        std::shared_ptr<waiting_request> request,
        std::uint64_t connection,
        tick_point deadline,
        std::vector<const void*> partitions
    );
    /// The high watermark or the health of a partition moved.
    void progressed(const partition_log* partition);
    void expire_waits();
    void connection_closed(std::uint64_t connection);
    /// The broker stops: every waiting request answers with what it has.
    void finish_waits();

private:
    std::shared_ptr<waiting_request> take(wait_list::wait_id id);

    wait_list waits_;
    std::unordered_map<wait_list::wait_id, std::shared_ptr<waiting_request>> waiting_;
    std::unordered_map<std::string, std::int64_t> message_bytes_max_;
};

} // namespace outbox::broker
