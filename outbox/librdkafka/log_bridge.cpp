#include "outbox/librdkafka/log_bridge.hpp"

#include "outbox/base/log.hpp"

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace outbox::kafka {

std::optional<std::uint64_t> line_budget::ask(tick_point now) noexcept {
    if (said_ >= line_count_max) {
        if (begin_ != tick_point{} && now - begin_ < period) {
            ++kept_back_;
            return std::nullopt;
        }
        begin_ = now;
        said_ = 0;
    }
    ++said_;
    return std::exchange(kept_back_, 0);
}

namespace {

log_level level_of(int syslog_level) noexcept {
    if (syslog_level <= 3)
        return log_level::error;
    if (syslog_level == 4)
        return log_level::warning;
    return syslog_level <= 6 ? log_level::info : log_level::debug;
}

// Said at every start, about a property that we set on purpose.
bool is_known_already(std::string_view facility, std::string_view text) noexcept {
    return facility == "CONFWARN" &&
           text.find("enable.gapless.guarantee is experimental") != std::string_view::npos;
}

std::mutex budget_mutex;
line_budget budget; // for the whole process, as the sink is

} // namespace

void log_from_librdkafka(
    const rd_kafka_t*,
    int level,
    const char* facility,
    const char* text
) noexcept {
    try {
        if (is_known_already(facility, text))
            return;
        std::optional<std::uint64_t> kept_back;
        {
            const std::lock_guard hold{budget_mutex};
            kept_back = budget.ask(system_clock().ticks());
        }
        if (!kept_back)
            return;
        std::string line = std::string{facility} + ": " + text;
        if (*kept_back > 0)
            line += " (" + std::to_string(*kept_back) + " lines before this one were kept back)";
        log(level_of(level), "target.kafka", line);
    } catch (...) { // a log line is not worth the process
    }
}

} // namespace outbox::kafka
