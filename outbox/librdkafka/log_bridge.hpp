#pragma once
// Librdkafka's log lines on their way to ours. A broker that is away makes it say the same several
// times a second; what is too much is counted and the count is said.

#include "outbox/base/clock.hpp"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace outbox::kafka {

/// At most `line_count_max` lines in each `period`. One thread at a time.
class line_budget {
public:
    static constexpr int line_count_max = 10;
    static constexpr std::chrono::seconds period{10};

    /// Nothing: keep this line to yourself. A number: say it, and that so many were kept back
    /// before it.
    std::optional<std::uint64_t> ask(tick_point now) noexcept;

private:
    tick_point begin_{};
    int said_ = line_count_max; // so that the first question begins a period
    std::uint64_t kept_back_ = 0;
};

/// For rd_kafka_conf_set_log_cb; called from librdkafka's own threads.
void log_from_librdkafka(
    const rd_kafka_t* handle,
    int level,
    const char* facility,
    const char* text
) noexcept;

} // namespace outbox::kafka
