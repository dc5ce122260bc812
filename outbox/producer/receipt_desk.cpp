#include "outbox/producer/receipt_desk.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace outbox {
namespace {

// Room for a wave's receipts while this thread is busy; more than the kernel allows is cut there.
constexpr int socket_buffer_bytes = 4 << 20;
constexpr std::chrono::milliseconds asleep_longest{60'000};

receipt_request new_request(const std::string& address, random_source& random) {
    std::array<unsigned char, receipt_token_bytes> token{};
    random.fill(token);
    return {address, bytes{reinterpret_cast<const char*>(token.data()), token.size()}};
}

} // namespace

void let_go(const watcher& who, const char* why) {
    if (!who.receipt)
        return;
    const std::lock_guard lock{who.receipt->mutex};
    who.receipt->withdrawn = why;
    who.receipt->changed.notify_all();
}

receipt_desk::receipt_desk(
    const std::string& address,
    teller tell,
    const clock& time,
    random_source& random
)
    : clock_(&time)
    , tell_(std::move(tell))
    , socket_(address, socket_buffer_bytes)
    , request_(new_request(socket_.address(), random))
    , thread_([this] { run(); }) {}

receipt_desk::~receipt_desk() {
    close();
}

void receipt_desk::admit(const message_id& id, std::string subject, watcher who, committer by) {
    const std::lock_guard lock{mutex_};
    fates_.admit(id, std::move(subject), std::move(who), by);
}

void receipt_desk::committed(std::span<const message_id> ids, std::chrono::milliseconds deadline) {
    std::vector<settled_fate> settled;
    {
        const std::lock_guard lock{mutex_};
        const tick_point due = clock_->ticks() + deadline;
        for (const message_id& id : ids)
            fates_.committed(id, due, settled);
        wake_if_earlier();
    }
    if (!settled.empty())
        tell_(std::move(settled));
}

void receipt_desk::forget_after(std::span<const message_id> ids, std::chrono::milliseconds time) {
    const std::lock_guard lock{mutex_};
    const tick_point due = clock_->ticks() + time;
    for (const message_id& id : ids)
        fates_.forget_at(id, due);
    wake_if_earlier();
}

void receipt_desk::withdraw(std::span<const message_id> ids, const char* why) {
    std::vector<watcher> gone; // destroyed outside of the lock: what a listener holds is not ours
    {
        const std::lock_guard lock{mutex_};
        for (const message_id& id : ids)
            gone.push_back(fates_.withdraw(id));
    }
    for (const watcher& who : gone)
        let_go(who, why);
}

std::size_t receipt_desk::size() const {
    const std::lock_guard lock{mutex_};
    return fates_.size();
}

// Under the lock.
void receipt_desk::wake_if_earlier() {
    if (const auto next = fates_.next_deadline(); next && *next < asleep_until_)
        socket_.wake();
}

void receipt_desk::run() {
    while (true) {
        std::chrono::milliseconds timeout = asleep_longest;
        {
            const std::lock_guard lock{mutex_};
            if (closing_)
                return;
            const tick_point now = clock_->ticks();
            asleep_until_ = now + asleep_longest;
            if (const auto next = fates_.next_deadline())
                asleep_until_ = std::clamp(*next, now, asleep_until_);
            timeout = std::chrono::ceil<std::chrono::milliseconds>(asleep_until_ - now);
        }
        const bool news = socket_.await(timeout);
        std::vector<settled_fate> settled;
        std::vector<watcher> forgotten;
        if (news)
            take_datagrams(settled);
        {
            const std::lock_guard lock{mutex_};
            fates_.expire(clock_->ticks(), settled, forgotten);
        }
        for (const watcher& who : forgotten)
            let_go(
                who,
                "nobody said that its transaction was committed, and no relay delivered it"
            );
        if (!settled.empty())
            tell_(std::move(settled));
    }
}

void receipt_desk::take_datagrams(std::vector<settled_fate>& to) {
    // Bounded, so that a flood does not keep deadlines from being seen.
    constexpr int datagrams_max = 1'000;
    std::array<char, receipt_datagram_bytes_max> buffer{};
    for (int i = 0; i < datagrams_max; ++i) {
        const auto size = socket_.receive(buffer);
        if (!size)
            return;
        const auto notes = decode_receipts(request_.token, {buffer.data(), *size});
        if (!notes)
            continue;
        const std::lock_guard lock{mutex_};
        for (const receipt_note& note : *notes)
            fates_.heard(note, to);
    }
}

void receipt_desk::close() {
    if (!thread_.joinable())
        return;
    {
        const std::lock_guard lock{mutex_};
        closing_ = true;
    }
    socket_.wake();
    thread_.join();
    std::vector<settled_fate> settled;
    take_datagrams(settled); // what has arrived counts
    {
        const std::lock_guard lock{mutex_};
        fates_.close(settled);
    }
    if (!settled.empty())
        tell_(std::move(settled));
}

} // namespace outbox
