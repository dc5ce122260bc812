#include "outbox/base/units.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>
#include <span>
#include <system_error>

namespace outbox {
namespace {

struct unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr unit durations[] = {
    {"ms", 1},
    {"s", 1'000},
    {"m", 60'000},
    {"h", 3'600'000},
    {"d", 86'400'000},
};

constexpr unit sizes[] = {
    {"B", 1},
    {"KiB", 1ULL << 10},
    {"MiB", 1ULL << 20},
    {"GiB", 1ULL << 30},
    {"TiB", 1ULL << 40},
};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const unit> units) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{})
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    // Both kinds are kept in signed 64-bit numbers somewhere.
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    for (const auto& [name, factor] : units)
        if (text == name)
            return number <= most / factor ? std::optional{number * factor} : std::nullopt;
    return std::nullopt;
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    if (const auto ms = parse(text, durations))
        return std::chrono::milliseconds{static_cast<std::int64_t>(*ms)};
    return std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    return parse(text, sizes);
}

std::string utc_text(time_point when) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(when);
    const auto millis = std::chrono::floor<std::chrono::milliseconds>(when - whole);
    const std::time_t seconds = whole.time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 48> full{};
    std::snprintf(
        full.data(),
        full.size(),
        "%s.%03dZ",
        text.data(),
        static_cast<int>(millis.count())
    );
    return full.data();
}

} // namespace outbox
