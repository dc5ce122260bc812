#pragma once
// Where the library's words go: one callback that the program sets once at its start. The library
// itself never writes to stdout or stderr, never logs a payload, and is silent until a sink is set.

#include <functional>
#include <string_view>

namespace outbox {

enum class log_level { debug, info, warning, error };

/// The level's name in a log line: "debug", "info", "warn", "error".
const char* to_string(log_level level) noexcept;

using log_sink = std::function<void(log_level, std::string_view source, std::string_view text)>;

/// Sets the sink for the whole process. Call it before any relay or broker starts: it is not
/// synchronised with log(). The sink is called from any thread and must not throw.
void set_log_sink(log_sink sink);

/// `source` names the part that speaks, such as "relay" or "broker.log".
void log(log_level level, std::string_view source, std::string_view text);

/// The programs' sink: one `key=value` line per event on stderr, with a UTC time. Lines below
/// `least` are dropped.
log_sink stderr_log_sink(log_level least);

} // namespace outbox
