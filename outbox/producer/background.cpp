#include "outbox/producer/background.hpp"

#include "outbox/base/clock.hpp"
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

void tell_here(
    const watcher& who,
    const message_id& id,
    const std::string& subject,
    send_fate fate,
    const char* why
) noexcept {
    try {
        const settled_fate end{
            .who = who,
            .report = {.id = id, .subject = subject, .fate = fate, .error = why}};
        if (end.who.receipt)
            fill(*end.who.receipt, end.report);
        call_listener(end);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"a fate is not told: "} + e.what());
    }
}

} // namespace

background::background(settings chosen, std::unique_ptr<target> to)
    : chosen_(std::move(chosen))
    , process_(to ? ::getpid() : 0)
    , listeners_(std::make_unique<listener_thread>())
    , target_(std::move(to)) {
    std::vector<settled_fate> none;
    unwatched_.close(none); // nobody waits for their receipts
}

background::~background() {
    if (is_inherited()) {
        keep_for_ever(std::move(desk_));
        keep_for_ever(std::move(office_));
        keep_for_ever(std::move(target_));
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

void background::post_row(envelope row, watcher who, std::chrono::milliseconds deadline) {
    std::vector<envelope> rows;
    rows.push_back(std::move(row));
    post_rows(std::move(rows), who, deadline);
}

void background::post_rows(
    std::vector<envelope> rows,
    const watcher& who,
    std::chrono::milliseconds deadline
) {
    if (chosen_.rows == nullptr)
        throw usage_error("outbox: a durable post() needs a database: put one into "
                          "producer_options::database, or post in_memory");
    std::vector<message_id> watched;
    std::vector<const envelope*> unwatched;
    try {
        if (!who.empty()) {
            for (envelope& row : rows) {
                watcher mine = who;
                if (const auto request = watch(row.id, row.subject, mine, committer::producer)) {
                    watched.push_back(row.id);
                    add_receipt_request(row.headers, *request);
                } else {
                    unwatched.push_back(&row);
                }
            }
        }
        chosen_.rows->send(rows);
    } catch (...) {
        withdraw(watched, "it could not be written, or that is in doubt");
        throw;
    }
    committed(watched, deadline);
    for (const envelope* row : unwatched)
        leave_unwatched(who, row->id, row->subject);
}

bool background::post_direct(
    envelope& content,
    watcher& who,
    durability kind,
    std::chrono::milliseconds deadline,
    std::chrono::milliseconds room_wait
) {
    refuse_in_child();
    std::shared_ptr<post_office> office;
    {
        const std::lock_guard lock{mutex_};
        if (stopped_)
            throw usage_error("outbox: a message was posted after the producer had been stopped");
        if (!office_) {
            if (!target_)
                throw usage_error(
                    std::string{"outbox: post() with "} + to_string(kind) +
                    " needs a target: put one into producer_options::target, or post persistent"
                );
            process_ = ::getpid();
            office_ = std::make_shared<post_office>(
                std::move(target_),
                chosen_.rows,
                chosen_.posts,
                [this](std::vector<settled_fate>&& fates) { tell(std::move(fates)); }
            );
        }
        office = office_;
    }
    if (!who.empty() && listeners_->waiting() >= chosen_.pending_max)
        return false;
    return office->offer(content, who, kind, deadline, room_wait);
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
        tell_unwatched(ids);
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
    tell_here(
        who,
        id,
        subject,
        send_fate::left_to_watchdog,
        "too many messages are waited for, or receipts cannot be received; this one is committed "
        "and "
        "will be delivered, do not send it again"
    );
}

void background::withdraw_unwatched(const watcher& who, const char* why) noexcept {
    try {
        let_go(who, why);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"a fate is not told: "} + e.what());
    }
}

void background::keep_unwatched(watcher who, const message_id& id, std::string subject) noexcept {
    std::vector<settled_fate> none;
    std::vector<watcher> forgotten; // destroyed outside of the lock
    try {
        const tick_point now = system_clock().ticks();
        const std::lock_guard lock{mutex_};
        unwatched_.expire(now, none, forgotten);
        if (unwatched_.size() >= unwatched_max)
            return;
        unwatched_.admit(id, std::move(subject), std::move(who), committer::user);
        unwatched_.forget_at(id, now + chosen_.receipt_deadline);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", std::string{"fates are not told: "} + e.what());
    }
}

void background::tell_unwatched(std::span<const message_id> ids) {
    std::vector<settled_fate> there;
    {
        const std::lock_guard lock{mutex_};
        if (unwatched_.size() == 0)
            return;
        for (const message_id& id : ids)
            unwatched_.committed(id, {}, there);
    }
    for (const settled_fate& fate : there)
        leave_unwatched(fate.who, fate.report.id, fate.report.subject);
}

void background::drop(
    const watcher& who,
    const message_id& id,
    const std::string& subject
) noexcept {
    tell_here(who, id, subject, send_fate::lost, "the queue in memory is full");
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
    std::shared_ptr<receipt_desk> desk;
    std::shared_ptr<post_office> office;
    {
        const std::lock_guard lock{mutex_};
        if (std::exchange(stopped_, true))
            return;
        desk = desk_;
        office = office_;
    }
    if (office)
        office->stop(patience);
    if (desk)
        desk->close();
    listeners_->stop(patience);
}

} // namespace outbox
