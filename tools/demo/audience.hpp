#pragma once
// Who watches the demo and the crash tests: reads every partition of the shop's topic from its
// beginning, outside of any group, and keeps an account of everything that stands there, in order
// of arrival.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace outbox::demo {

struct arrival {
    std::string message_id{};
    int customer = 0;
    std::int64_t position = 0;
    int partition = 0;
    std::int64_t offset = 0;
};

class audience {
public:
    /// Reads from `brokers` on a thread of its own.
    audience(const std::string& brokers, const std::string& topic);
    ~audience();

    /// How many messages have arrived so far, copies included, and how many different ones.
    std::size_t arrival_count() const;
    std::size_t distinct_count() const;
    /// False when there were not that many different ones within `patience_ms`.
    bool await_distinct(std::size_t count, int patience_ms);

    /// Stops reading; then the account is complete and stands still.
    void stop();
    std::vector<arrival> arrivals() const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace outbox::demo
