#include "outbox/store/postgresql/window.hpp"

#include <algorithm>
#include <charconv>

namespace outbox::postgresql {
namespace {

template <class Number>
std::optional<Number> to_number(std::string_view text) {
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

// Takes the part before `mark` off `text`; all of it when there is no mark.
std::string_view take_until(std::string_view& text, char mark) {
    const std::size_t at = text.find(mark);
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return part;
}

std::string joined(const std::vector<std::uint64_t>& numbers) {
    std::string text;
    for (const std::uint64_t number : numbers) {
        if (!text.empty())
            text += ',';
        text += std::to_string(number);
    }
    return text;
}

} // namespace

std::optional<snapshot> snapshot::parse(std::string_view text) {
    const auto xmin = to_number<std::uint64_t>(take_until(text, ':'));
    const auto xmax = to_number<std::uint64_t>(take_until(text, ':'));
    if (!xmin || !xmax || *xmin > *xmax)
        return std::nullopt;
    snapshot result{.xmin = *xmin, .xmax = *xmax};
    while (!text.empty()) {
        const auto xid = to_number<std::uint64_t>(take_until(text, ','));
        const std::uint64_t least = result.running.empty() ? *xmin : result.running.back() + 1;
        if (!xid || *xid < least || *xid >= *xmax)
            return std::nullopt;
        result.running.push_back(*xid);
    }
    return result;
}

std::string snapshot::text() const {
    return std::to_string(xmin) + ":" + std::to_string(xmax) + ":" + joined(running);
}

bool snapshot::sees(std::uint64_t xid) const noexcept {
    return xid < xmin || (xid < xmax && !std::binary_search(running.begin(), running.end(), xid));
}

std::optional<window> window::parse(std::string_view text) {
    std::string_view origin = take_until(text, ' ');
    const auto last = snapshot::parse(take_until(text, ' '));
    const auto system = to_number<std::uint64_t>(take_until(origin, '/'));
    const auto timeline = to_number<std::uint32_t>(take_until(origin, '/'));
    if (!system || !timeline || !last)
        return std::nullopt;
    window result{
        .taken_by = {*system, *timeline, std::string{origin}},
        .last = *last,
        .current = std::nullopt};
    if (!text.empty()) {
        result.current = snapshot::parse(text);
        if (!result.current)
            return std::nullopt;
    }
    return result;
}

std::string window::text() const {
    std::string result = std::to_string(taken_by.system) + "/" + std::to_string(taken_by.timeline) +
                         "/" + taken_by.session + " " + last.text();
    if (current)
        result += " " + current->text();
    return result;
}

std::string to_array(const std::vector<std::uint64_t>& numbers) {
    return "{" + joined(numbers) + "}";
}

} // namespace outbox::postgresql
