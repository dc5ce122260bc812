#include "broker/api/group_service.hpp"

#include "outbox/base/log.hpp"
#include "wire/limits.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace outbox::broker {

namespace {

constexpr std::string_view source = "broker.groups";
constexpr std::chrono::milliseconds sweep_longest{std::chrono::minutes{1}};
constexpr std::chrono::milliseconds sweep_shortest{100};
using wire::error_code;

static_assert(
    wire::group_frame_bytes_max > group_options{}.group_bytes_max,
    "a member may tell as much as its group may hold"
);

/// What is kept for long is looked through seldom.
std::chrono::milliseconds sweep_interval(const group_options& options) {
    return std::clamp(options.offsets_retention / 10, sweep_shortest, sweep_longest);
}

std::optional<std::string> text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

} // namespace

group_service::group_service(
    log_manager& logs,
    class loop& loop,
    const clock& time,
    random_source& random,
    const group_options& options
)
    : logs_(logs)
    , loop_(loop)
    , time_(time)
    , options_(options)
    , machine_(options, random)
    , log_({
          .logs = logs,
          .time = time,
          .post = [&loop](state_log::job job) { loop.post(std::move(job)); },
          .offload = [&loop](state_log::job job) { loop.offload(std::move(job)); },
          .apply = [this](state_change change) { machine_.apply(std::move(change)); },
          .snapshot = [this] { return machine_.snapshot(); },
      }) {}

moment group_service::now() const {
    const auto since_1970 = time_.now().time_since_epoch();
    return {
        time_.ticks(),
        std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()};
}

void group_service::start() {
    if (const auto ec = log_.load()) {
        state_ = state::unavailable;
        log(log_level::error,
            source,
            "groups are not served: " + std::string(offsets_topic) +
                "-0 cannot be read: " + ec.message() +
                "; put its directory back from a copy, or create the file accept-data-loss in it "
                "to go on with what is readable, and start again");
        return;
    }
    machine_.begin(now());
    make_ready();
}

void group_service::make_ready() {
    const auto put_back = [this] {
        auto changes = machine_.truncate(topics());
        // After a clean stop nothing was lost but what a person has given up, and somebody may have
        // committed ahead on purpose.
        if (const recovery_report& found = logs_.recovery(); found.clean)
            std::erase_if(changes, [&](const state_change& change) {
                const auto& one = std::get<offset_change>(change);
                const topic_partition name{one.topic, one.partition};
                return std::ranges::find(found.loss_accepted, name) == found.loss_accepted.end();
            });
        for (const state_change& change : changes) {
            const auto& one = std::get<offset_change>(change);
            log(log_level::warning,
                source,
                "group '" + one.group + "' goes back to offset " +
                    std::to_string(one.value->offset) + " of " + one.topic + "-" +
                    std::to_string(one.partition) + ", because the end of that partition was lost");
        }
        return changes;
    };
    log_.write_when_quiet(put_back, [this](std::error_code ec) {
        if (!ec)
            state_ = state::serving;
        // Otherwise wake() tries again. Whoever asks meanwhile is told to.
        next_sweep_ = time_.ticks() + sweep_shortest;
        loop_.wake_at(next_sweep_);
    });
}

error_code group_service::refusal(const std::string& group) const {
    if (state_ == state::loading)
        return error_code::coordinator_load_in_progress;
    if (state_ == state::unavailable)
        return error_code::coordinator_not_available;
    return group.empty() || group.size() > options_.name_bytes_max ? error_code::invalid_group_id
                                                                   : error_code::none;
}

coordinator::find_topic group_service::topics() const {
    return [this](const std::string& name) -> std::optional<coordinator::present_topic> {
        const auto known = logs_.find_topic(name);
        if (!known)
            return std::nullopt;
        const auto end = [this, name](std::int32_t partition) -> std::optional<std::int64_t> {
            const auto log_of = logs_.find_partition(name, partition);
            // Of a damaged partition the end is not known: it may come back from a copy.
            if (!log_of || log_of->health() == partition_health::quarantined)
                return std::nullopt;
            return log_of->offsets().log_end;
        };
        return coordinator::present_topic{known->id, end};
    };
}

const committed_offset* group_service::find_offset(
    const std::string& group,
    const std::string& topic,
    std::int32_t partition
) const {
    const auto* known = machine_.find(group);
    if (known == nullptr)
        return nullptr;
    const auto offsets = known->offsets.find(topic);
    if (offsets == known->offsets.end())
        return nullptr;
    const auto committed = offsets->second.find(partition);
    const auto present = logs_.find_topic(topic);
    if (committed == offsets->second.end() || !present || present->id != committed->second.topic)
        return nullptr;
    return &committed->second;
}

// Requests that may wait
// ------------------------------------------------------------------------------------------------------

void group_service::join(call<wire::join_group_api> request) {
    wire::join_group_request& asked = request.request();
    const std::string group = asked.group_id;
    error_code why = refusal(group);
    if (why == error_code::none && asked.group_instance_id &&
        (asked.group_instance_id->empty() ||
         asked.group_instance_id->size() > options_.name_bytes_max))
        why = error_code::invalid_request;
    join_ask ask{
        .member_id = std::move(asked.member_id),
        .instance_id = std::move(asked.group_instance_id),
        .client_id = request.client_id(),
        .client_host = "/" + request.client_host(),
        .session = std::chrono::milliseconds{asked.session_timeout_ms},
        .rebalance = std::chrono::milliseconds{asked.rebalance_timeout_ms},
        .protocol_type = std::move(asked.protocol_type),
        .takes_member_id = request.version() >= 4,
        .takes_skip_assignment = request.version() >= 9};
    if (asked.protocols.size() > options_.protocols_max && why == error_code::none)
        why = error_code::inconsistent_group_protocol;
    if (why == error_code::none)
        for (auto& p : asked.protocols)
            ask.protocols.push_back({std::move(p.name), bytes(p.metadata)});
    asked = {}; // while it waits, it need not hold what has been read
    release(request.frame());
    const call_id id = ++last_call_;
    joins_.emplace(id, waiting<wire::join_group_api>{group, std::move(request)});
    coordinator_actions actions;
    if (why != error_code::none)
        actions.joins.emplace_back(id, join_answer{.error = why, .member_id = ask.member_id});
    else
        machine_.join(now(), id, group, std::move(ask), actions);
    run(std::move(actions));
}

void group_service::sync(call<wire::sync_group_api> request) {
    wire::sync_group_request& asked = request.request();
    const std::string group = asked.group_id;
    const error_code why = refusal(group);
    sync_ask ask{
        .member_id = std::move(asked.member_id),
        .instance_id = std::move(asked.group_instance_id),
        .generation = asked.generation_id,
        .protocol_type = std::move(asked.protocol_type),
        .protocol = std::move(asked.protocol_name)};
    for (auto& a : asked.assignments)
        ask.assignments.emplace_back(std::move(a.member_id), bytes(a.assigned));
    asked = {};
    release(request.frame());
    const call_id id = ++last_call_;
    syncs_.emplace(id, waiting<wire::sync_group_api>{group, std::move(request)});
    coordinator_actions actions;
    if (why != error_code::none)
        actions.syncs.emplace_back(id, sync_answer{.error = why});
    else
        machine_.sync(now(), id, group, std::move(ask), actions);
    run(std::move(actions));
}

// An answer makes room on its connection, so the next request of it may be served before the answer
// after it is sent: what was decided is complete here, and does not change by that.
void group_service::run(coordinator_actions actions) {
    if (!actions.changes.empty())
        log_.write(std::move(actions.changes), [](std::error_code) {});
    for (const auto& [id, joined] : actions.joins)
        answer(id, joined);
    for (const auto& [id, synced] : actions.syncs)
        answer(id, synced);
    if (const auto next = machine_.next_deadline())
        loop_.wake_at(*next);
}

void group_service::answer(call_id id, const join_answer& joined) {
    auto node = joins_.extract(id);
    if (!node)
        return;
    auto& request = node.mapped().request;
    constexpr std::int16_t reads_null = 7;
    wire::join_group_response response{
        .error = joined.error,
        .generation_id = joined.generation,
        .protocol_type = text_or_null(joined.protocol_type),
        .protocol_name =
            request.version() >= reads_null ? text_or_null(joined.protocol) : joined.protocol,
        .leader = joined.leader,
        .skip_assignment = joined.skip_assignment,
        .member_id = joined.member_id};
    for (const auto& m : joined.members)
        response.members.push_back({m.member_id, m.instance_id, m.metadata});
    request.answer(response);
}

void group_service::answer(call_id id, const sync_answer& synced) {
    auto node = syncs_.extract(id);
    if (!node)
        return;
    node.mapped().request.answer(
        {.error = synced.error,
         .protocol_type = text_or_null(synced.protocol_type),
         .protocol_name = text_or_null(synced.protocol),
         .assigned = synced.assigned}
    );
}

template <class Api>
void group_service::drop(waiting_calls<Api>& calls, std::uint64_t connection) {
    std::vector<std::pair<call_id, std::string>> gone;
    for (const auto& [id, call] : calls)
        if (call.request.connection() == connection)
            gone.emplace_back(id, call.group);
    for (const auto& [id, group] : gone) {
        calls.erase(id);
        coordinator_actions actions;
        machine_.disconnected(now(), group, id, actions);
        run(std::move(actions));
    }
}

void group_service::connection_closed(std::uint64_t connection) {
    drop(joins_, connection);
    drop(syncs_, connection);
}

void group_service::stop() {
    constexpr auto why = error_code::coordinator_not_available;
    while (!joins_.empty())
        answer(joins_.begin()->first, join_answer{.error = why});
    while (!syncs_.empty())
        answer(syncs_.begin()->first, sync_answer{.error = why});
}

// Time
// ------------------------------------------------------------------------------------------------------

void group_service::wake() {
    if (state_ == state::unavailable)
        return;
    if (time_.ticks() >= next_sweep_) {
        next_sweep_ = time_.ticks() + sweep_interval(options_);
        if (state_ == state::loading)
            make_ready();
        else
            sweep();
    }
    coordinator_actions actions;
    machine_.tick(now(), actions);
    run(std::move(actions));
    loop_.wake_at(next_sweep_);
}

void group_service::sweep() {
    if (state_ != state::serving)
        return;
    log_.write_when_quiet(
        [this] {
            auto changes = machine_.expire(now(), topics());
            if (!changes.empty())
                log(log_level::info,
                    source,
                    std::to_string(changes.size()) +
                        " offsets and groups are forgotten: their topic is gone, or the group has "
                        "been empty for too long");
            return changes;
        },
        [](std::error_code) {}
    );
}

} // namespace outbox::broker
