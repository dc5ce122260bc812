#include "outbox/producer/outgoing.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/producer/background.hpp"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

namespace outbox {

outgoing::outgoing(
    id_source& ids,
    const message_limits& limits,
    std::shared_ptr<background> fates,
    pending_messages& pending,
    scheduled_changes* scheduled
)
    : ids_(&ids)
    , limits_(&limits)
    , fates_(std::move(fates))
    , pending_(&pending)
    , scheduled_(scheduled)
    , process_(::getpid()) {}

outgoing::outgoing(
    id_source& ids,
    const message_limits& limits,
    std::shared_ptr<background> fates,
    std::unique_ptr<store_session> session
)
    : ids_(&ids)
    , limits_(&limits)
    , fates_(std::move(fates))
    , session_(std::move(session))
    , process_(::getpid()) {
    session_->require_open();
}

outgoing::~outgoing() {
    if (watched_.empty() || process_ != ::getpid()) // a forked child has no word in it
        return;
    if (!session_) {
        withdraw(watched_, "its transaction was not committed, or that is in doubt");
        return;
    }
    std::vector<message_id> ids;
    for (watched_message& w : watched_) {
        if (w.unwatched.empty())
            ids.push_back(w.id);
        else
            fates_->keep_unwatched(std::move(w.unwatched), w.id, std::move(w.subject));
    }
    fates_->unwitnessed(ids);
}

void outgoing::withdraw(std::span<const watched_message> gone, const char* why) noexcept {
    std::vector<message_id> ids;
    for (const watched_message& w : gone) {
        if (w.unwatched.empty())
            ids.push_back(w.id);
        else
            background::withdraw_unwatched(w.unwatched, why);
    }
    fates_->withdraw(ids, why);
}

void outgoing::close() {
    require_same_process();
    closed_ = true;
}

void outgoing::require_same_process() const {
    if (process_ != ::getpid())
        throw usage_error("outbox: a forked child shares its parent's connection and must not use "
                          "its transaction; open a connection of its own");
}

message_id outgoing::send(const message& m, send_listener listener) {
    return send_watched(m, watcher{.listener = std::move(listener), .receipt = nullptr});
}

receipt outgoing::send(const message& m, with_receipt_t) {
    auto state = std::make_shared<detail::receipt_state>();
    const message_id id = send_watched(m, watcher{.listener = {}, .receipt = state});
    return receipt{id, std::move(state)};
}

message_id outgoing::send_watched(const message& m, watcher who) {
    require_same_process();
    if (closed_)
        throw usage_error("outbox: a message was sent after its transaction had ended");
    try {
        envelope frozen = freeze(m, (*ids_)(), *limits_);
        const message_id id = frozen.id;
        watch(frozen, std::move(who));
        if (pending_ != nullptr) {
            hold_back(std::move(frozen));
        } else {
            session_->require_open();
            session_->insert({&frozen, 1});
            OUTBOX_FAULT("producer.inserted");
        }
        return id;
    } catch (const std::exception& e) {
        poison(e.what());
        throw;
    }
}

std::vector<message_id>
outgoing::send(std::span<const message> several, const send_listener& listener) {
    require_same_process();
    std::vector<message_id> ids;
    ids.reserve(several.size());
    if (pending_ != nullptr || closed_) {
        for (const message& m : several)
            ids.push_back(send(m, listener));
        return ids;
    }
    try {
        std::vector<envelope> rows;
        rows.reserve(several.size());
        for (const message& m : several) {
            rows.push_back(freeze(m, (*ids_)(), *limits_));
            ids.push_back(rows.back().id);
            watch(rows.back(), watcher{.listener = listener, .receipt = nullptr});
        }
        session_->require_open();
        if (!rows.empty())
            session_->insert(rows);
        return ids;
    } catch (const std::exception& e) {
        poison(e.what());
        throw;
    }
}

scheduled_changes& outgoing::changes_of(const message_id& id) {
    require_same_process();
    if (closed_)
        throw usage_error("outbox: a scheduled message was changed after the transaction had ended"
        );
    if (session_) {
        session_->require_open();
        return *session_;
    }
    const auto same = [&](const envelope& row) { return row.id == id; };
    if (std::any_of(pending_->rows.begin(), pending_->rows.end(), same))
        throw usage_error("outbox: a message cannot be changed in the transaction that sends it; "
                          "decide before sending");
    if (scheduled_ == nullptr)
        throw usage_error("outbox: this door cannot change scheduled messages");
    return *scheduled_;
}

bool outgoing::cancel(const message_id& id) {
    scheduled_changes& changes = changes_of(id);
    try {
        return changes.cancel(id);
    } catch (const std::exception& e) {
        poison(e.what());
        throw;
    }
}

bool outgoing::replace(const message_id& id, const message& m) {
    scheduled_changes& changes = changes_of(id);
    try {
        return changes.replace(freeze(m, id, *limits_));
    } catch (const std::exception& e) {
        poison(e.what());
        throw;
    }
}

void outgoing::watch(envelope& frozen, watcher&& who) {
    if (who.empty())
        return;
    const auto by = session_ ? committer::user : committer::producer;
    const auto request = fates_->watch(frozen.id, frozen.subject, who, by);
    watched_message& made = watched_.emplace_back();
    made.id = frozen.id;
    made.row = pending_ != nullptr ? pending_->rows.size() : 0;
    if (request) {
        add_receipt_request(frozen.headers, *request);
    } else {
        made.unwatched = std::move(who);
        made.subject = frozen.subject;
    }
}

void outgoing::hold_back(envelope&& frozen) {
    pending_bytes_ += frozen.payload.size() + frozen.headers.size();
    if (pending_->rows.size() >= transaction_messages_max || pending_bytes_ > transaction_bytes_max)
        throw error(
            error_kind::invalid_argument,
            "a transaction sends more than 100000 messages or 256 MiB",
            "split it into several transactions"
        );
    pending_->rows.push_back(std::move(frozen));
}

void outgoing::poison(const char* why) noexcept {
    if (!session_) {
        pending_->poisoned_by = why;
        return;
    }
    session_->poison();
    withdraw(watched_, "its transaction was rolled back, because a message could not be sent");
    watched_.clear();
}

void outgoing::nudge() noexcept {
    try {
        if (session_)
            ring_doorbell(session_->doorbell());
    } catch (...) { // a nudge promises nothing, so it reports nothing
    }
    if (session_)
        committed();
}

void outgoing::committed() noexcept {
    if (watched_.empty())
        return;
    std::vector<watched_message> mine = std::exchange(watched_, {});
    const auto gone = std::stable_partition(mine.begin(), mine.end(), [&](const auto& w) {
        return pending_ == nullptr ||
               (w.row < pending_->rows.size() && pending_->rows[w.row].id == w.id);
    });
    withdraw({gone, mine.end()}, "its savepoint was rolled back");
    mine.erase(gone, mine.end());
    std::vector<message_id> watched;
    for (const watched_message& w : mine)
        if (w.unwatched.empty())
            watched.push_back(w.id);
    fates_->committed(watched);
    for (const watched_message& w : mine)
        if (!w.unwatched.empty())
            background::leave_unwatched(w.unwatched, w.id, w.subject);
}

} // namespace outbox
