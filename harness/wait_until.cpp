#include "harness/wait_until.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace outbox::harness {

poll_timer::poll_timer(std::chrono::milliseconds within, std::string what)
    : end_(std::chrono::steady_clock::now() + within)
    , within_(within)
    , what_(std::move(what)) {}

void poll_timer::pause() {
    if (std::chrono::steady_clock::now() >= end_)
        throw timed_out{"waited " + std::to_string(within_.count()) + " ms in vain for " + what_};
    std::this_thread::sleep_for(step_);
    step_ = std::min(step_ * 2, std::chrono::milliseconds{20});
}

} // namespace outbox::harness
