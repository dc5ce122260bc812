#include "outbox/base/log.hpp"

#include "outbox/base/units.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

namespace outbox {
namespace {

log_sink& current_sink() {
    static log_sink sink;
    return sink;
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
        std::string line = "ts=" + utc_text(std::chrono::system_clock::now()) +
                           " level=" + to_string(level) + " source=";
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
