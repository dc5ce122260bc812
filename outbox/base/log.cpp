#include "outbox/base/log.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <utility>

namespace outbox {
namespace {

log_sink& current_sink() {
    static log_sink sink;
    return sink;
}

std::string utc_now() {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    const auto millis =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() %
        1000;
    std::array<char, 48> full{};
    std::snprintf(full.data(), full.size(), "%s.%03dZ", text.data(), static_cast<int>(millis));
    return full.data();
}

} // namespace

const char* to_string(log_level level) noexcept {
    switch (level) {
    case log_level::debug:
        return "debug";
    case log_level::info:
        return "info";
    case log_level::warning:
        return "warn";
    case log_level::error:
        return "error";
    }
    return "unknown";
}

void set_log_sink(log_sink sink) {
    current_sink() = std::move(sink);
}

void log(log_level level, std::string_view source, std::string_view text) {
    if (const auto& sink = current_sink())
        sink(level, source, text);
}

log_sink stderr_log_sink(log_level least) {
    return [least](log_level level, std::string_view source, std::string_view text) {
        if (level < least)
            return;
        std::string line = "ts=" + utc_now() + " level=" + to_string(level) + " source=";
        line.append(source).append(" msg=\"");
        for (const char c : text) {
            if (c == '"' || c == '\\')
                line += '\\';
            line += c == '\n' ? ' ' : c;
        }
        line += "\"\n";
        // One write per line, so that lines of several threads do not mix.
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    };
}

} // namespace outbox
