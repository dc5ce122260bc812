#pragma once
// The consumer of the demo and of the crash tests: reads every partition of the shop's topic from its beginning, applies
// each message once to a database of its own, and keeps an account of everything that arrived, in order of arrival.
//
// Applying means: in one transaction, remember the message id, and only if it was new give the customer a point.

#include <cstdint>
#include <filesystem>
#include <map>
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
    /// Reads from `brokers` on a thread of its own; `effects_file` is a SQLite file that is made.
    audience(const std::string& brokers, const std::string& topic, const std::filesystem::path& effects_file);
    ~audience();

    /// How many messages have arrived so far, copies included, and how many different ones.
    std::size_t arrival_count() const;
    std::size_t distinct_count() const;
    /// False when there were not that many different ones within `patience_ms`.
    bool await_distinct(std::size_t count, int patience_ms);

    /// Stops reading; then the account is complete and stands still.
    void stop();
    std::vector<arrival> arrivals() const;
    /// Points that each customer got: effects as the customer feels them.
    std::map<int, std::int64_t> points() const;
    /// How often each message was applied; never more than once unless the checker is broken.
    std::map<std::string, std::int64_t> effects() const;

  private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace outbox::demo
