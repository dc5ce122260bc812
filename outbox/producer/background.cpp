#include "outbox/producer/background.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"

#include <unistd.h>

#include <exception>
#include <utility>

namespace outbox {
namespace {

void fill(detail::receipt_state& state, const delivery_report& report) {
    const std::lock_guard lock{state.mutex};
    state.report = report;
    state.changed.notify_all();
}

// A child after fork() has none of the threads, and their locks may be held for ever: what belongs
// to them stays as it is.
void keep_for_ever(std::shared_ptr<void> what) {
    static auto* const kept = new std::vector<std::shared_ptr<void>>;
    kept->push_back(std::move(what));
}

} // namespace

background::background(settings chosen)
    : chosen_(std::move(chosen))
    , listeners_(std::make_unique<listener_thread>()) {}

background::~background() {
    if (is_inherited()) {
        keep_for_ever(std::move(desk_));
        keep_for_ever(std::move(listeners_));
        return;
    }
    stop(std::chrono::milliseconds{0});
}

bool background::is_inherited() const noexcept {
    const pid_t owner = process_.load();
    return owner != 0 && owner != ::getpid();
}

void background::refuse_in_child() const {
    if (is_inherited())
        throw usage_error(
            "outbox: this producer was made before fork(), and its threads are in the parent, "
            "process " +
            std::to_string(process_.load()) + "; make a new producer in the child"
        );
}

std::shared_ptr<receipt_desk> background::desk() const noexcept {
    const std::lock_guard lock{mutex_};
    return desk_;
}

std::optional<receipt_request>
background::watch(const message_id& id, const std::string& subject, watcher& who, committer by) {
    refuse_in_child();
    const std::lock_guard lock{mutex_};
    if (stopped_)
        return std::nullopt;
    if (!desk_) {
        try {
            desk_ = std::make_shared<receipt_desk>(
                chosen_.receipt_address,
                [this](std::vector<settled_fate>&& fates) { tell(std::move(fates)); }
            );
            process_ = ::getpid();
        } catch (const std::exception& e) {
            if (!std::exchange(said_no_socket_, true))
                log(log_level::error,
                    "producer",
                    std::string{
                        "receipts cannot be received, so every fate is left_to_watchdog: "} +
                        e.what());
            return std::nullopt;
        }
    }
    if (desk_->size() + listeners_->waiting() >= chosen_.pending_max)
        return std::nullopt;
    desk_->admit(id, subject, std::move(who), by);
    return desk_->request();
}

// What follows a COMMIT or a rollback throws nothing: a fate that is not told costs nobody a
// message.

void background::committed(
    std::span<const message_id> ids,
    std::chrono::milliseconds deadline
) noexcept {
    if (ids.empty() || is_inherited())
        return;
    try {
        if (const auto at = desk())
            at->committed(ids, deadline);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"fates are not told: "} + e.what());
    }
}

void background::unwitnessed(std::span<const message_id> ids) noexcept {
    if (ids.empty() || is_inherited())
        return;
    try {
        if (const auto at = desk())
            at->forget_after(ids, chosen_.receipt_deadline);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"fates are not told: "} + e.what());
    }
}

void background::withdraw(std::span<const message_id> ids, const char* why) noexcept {
    if (ids.empty() || is_inherited())
        return;
    try {
        if (const auto at = desk())
            at->withdraw(ids, why);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"fates are not told: "} + e.what());
    }
}

void background::leave_unwatched(
    const watcher& who,
    const message_id& id,
    const std::string& subject
) noexcept {
    try {
        const settled_fate fate{
            .who = who,
            .report = {
                .id = id,
                .subject = subject,
                .fate = send_fate::left_to_watchdog,
                .error = "too many messages are waited for, or receipts cannot be received; this "
                         "one is committed and will be delivered, do not send it again"}};
        if (fate.who.receipt)
            fill(*fate.who.receipt, fate.report);
        call_listener(fate);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"a fate is not told: "} + e.what());
    }
}

void background::tell(std::vector<settled_fate>&& fates) noexcept {
    try {
        std::vector<settled_fate> for_listeners;
        for (settled_fate& fate : fates) {
            if (fate.who.receipt)
                fill(*fate.who.receipt, fate.report);
            if (!fate.who.listener.empty())
                for_listeners.push_back(std::move(fate));
        }
        if (!for_listeners.empty())
            listeners_->call(std::move(for_listeners));
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"fates are not told: "} + e.what());
    }
}

void background::stop(std::chrono::milliseconds patience) noexcept {
    if (is_inherited())
        return;
    std::shared_ptr<receipt_desk> at;
    {
        const std::lock_guard lock{mutex_};
        if (std::exchange(stopped_, true))
            return;
        at = desk_;
    }
    if (at)
        at->close();
    listeners_->stop(patience);
}

} // namespace outbox
