#pragma once
// Durations, sizes and times as people write them, in configuration files and on the command line.

#include "outbox/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outbox {

/// A whole number and its unit, "250ms", "10s", "5m", "2h", "7d". Nothing for anything else, also
/// for what does not fit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// A whole number and its unit, "512B", "64KiB", "16MiB", "1GiB", "2TiB": in bytes. Nothing for
/// anything else; "KB" is refused because it means 1000 to some and 1024 to others.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "2026-11-21T18:00:00.123Z", what is less than a millisecond cut off.
std::string utc_text(time_point when);

} // namespace outbox
