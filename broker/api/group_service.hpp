#pragma once
// Around the coordinator of groups: the JoinGroup and SyncGroup requests that wait, the log in
// which its changes become durable, and the time. What it decides stands in broker/group; here it
// is only carried out.
//
// One object per broker; loop's thread only.

#include "broker/api/call.hpp"
#include "broker/api/loop.hpp"
#include "broker/group/coordinator.hpp"
#include "broker/group/state_log.hpp"
#include "broker/log/log_manager.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "wire/api/join_group.hpp"
#include "wire/api/sync_group.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace outbox::broker {

class group_service {
public:
    /// All arguments outlive this.
    group_service(
        log_manager& logs,
        class loop& loop,
        const clock& time,
        random_source& random,
        const group_options& options
    );

    /// Reads what earlier runs have committed. When that is damaged, groups are not served, and
    /// everything else is: the log says what to do.
    void start();

    /// Why nothing can be asked about a group of this name; none: it can.
    wire::error_code refusal(const std::string& group) const;

    coordinator& machine() noexcept { return machine_; }
    const group_options& options() const noexcept { return options_; }
    state_log& changes() noexcept { return log_; }
    moment now() const;

    void join(call<wire::join_group_api> request);
    void sync(call<wire::sync_group_api> request);
    /// Carries out what the machine decided.
    void run(coordinator_actions actions);

    /// The committed offset, if there is one of the topic that has this name now.
    const committed_offset*
    find_offset(const std::string& group, const std::string& topic, std::int32_t partition) const;

    void wake();
    void connection_closed(std::uint64_t connection);
    void topic_deleted() { sweep(); }
    /// The broker stops: nobody waits any longer.
    void stop();

private:
    enum class state { loading, serving, unavailable };
    template <class Api>
    struct waiting {
        std::string group;
        call<Api> request;
    };
    template <class Api>
    using waiting_calls = std::unordered_map<call_id, waiting<Api>>;

    void make_ready();
    void sweep();
    coordinator::find_topic topics() const;
    void answer(call_id id, const join_answer& answer);
    void answer(call_id id, const sync_answer& answer);
    template <class Api>
    void drop(waiting_calls<Api>& calls, std::uint64_t connection);

    log_manager& logs_;
    loop& loop_;
    const clock& time_;
    const group_options& options_;
    coordinator machine_;
    state_log log_;
    state state_ = state::loading;
    tick_point next_sweep_;
    call_id last_call_ = 0;
    waiting_calls<wire::join_group_api> joins_;
    waiting_calls<wire::sync_group_api> syncs_;
};

} // namespace outbox::broker
