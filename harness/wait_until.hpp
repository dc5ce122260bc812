#pragma once
// How a test waits: for a condition, never for a time. A test that passes ends as soon as the
// condition holds; one that fails says what it was waiting for.

#include <chrono>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace outbox::harness {

class timed_out : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Paces one wait. Not for tests: they call wait_until.
class poll_timer {
public:
    poll_timer(std::chrono::milliseconds within, std::string what);
    /// Sleeps a little, from 1 ms up to 20 ms. Throws timed_out when the time is over.
    void pause();

private:
    std::chrono::steady_clock::time_point end_;
    std::chrono::milliseconds within_;
    std::chrono::milliseconds step_{1};
    std::string what_;
};

/// Calls `predicate` until what it returns is true, and returns that: a bool, an optional, a
/// pointer. After `within` it throws timed_out with `what`, such as "the relay to deliver order
/// 17". What the predicate throws passes through.
template <class Predicate>
auto wait_until(Predicate&& predicate, std::chrono::milliseconds within, const std::string& what) {
    poll_timer timer{within, what};
    while (true) {
        if (auto value = predicate())
            return value;
        timer.pause();
    }
}

} // namespace outbox::harness
