#pragma once
// Remembers what a listener was told, from whatever thread.

#include "harness/wait_until.hpp"

#include "outbox/producer/send_listener.hpp"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <vector>

namespace outbox::testing {

class notebook {
public:
    send_listener listener() {
        return {
            .on_delivered = [this](const delivery_report& r) { add(r, true); },
            .on_failed = [this](const delivery_report& r) { add(r, false); }};
    }
    std::vector<delivery_report> reports() const {
        const std::lock_guard lock{mutex_};
        return reports_;
    }
    std::vector<delivery_report>
    await(std::size_t count, std::chrono::milliseconds within = std::chrono::seconds{20}) {
        harness::wait_until(
            [&] { return reports().size() >= count; },
            within,
            "listeners to be called"
        );
        return reports();
    }
    std::size_t count(send_fate fate) const {
        std::size_t n = 0;
        for (const delivery_report& r : reports())
            n += r.fate == fate ? 1 : 0;
        return n;
    }
    bool all_in_the_right_function() const {
        const std::lock_guard lock{mutex_};
        return right_;
    }

private:
    void add(const delivery_report& r, bool as_delivered) {
        const std::lock_guard lock{mutex_};
        reports_.push_back(r);
        right_ = right_ && as_delivered == (r.fate == send_fate::delivered);
    }

    mutable std::mutex mutex_;
    std::vector<delivery_report> reports_;
    bool right_ = true;
};

} // namespace outbox::testing
