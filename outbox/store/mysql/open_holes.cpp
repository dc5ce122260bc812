#include "outbox/store/mysql/open_holes.hpp"

#include <algorithm>
#include <charconv>

namespace outbox::mysql {
namespace {

bool take_number(std::string_view& text, std::int64_t& into) {
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), into);
    if (wrong != std::errc{} || into < 0)
        return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

} // namespace

std::optional<open_holes> open_holes::parse(std::string_view text) {
    open_holes result;
    while (!text.empty()) {
        number_range next;
        if (!take_number(text, next.first))
            return std::nullopt;
        next.last = next.first;
        if (text.starts_with('-')) {
            text.remove_prefix(1);
            if (!take_number(text, next.last))
                return std::nullopt;
        }
        if (text.starts_with(',') && text.size() > 1)
            text.remove_prefix(1);
        else if (!text.empty())
            return std::nullopt;
        const bool is_above = result.empty() || result.ranges_.back().last < next.first;
        if (!is_above || next.last < next.first)
            return std::nullopt;
        result.ranges_.push_back(next);
    }
    return result;
}

std::string open_holes::text() const {
    std::string result;
    for (const number_range& range : ranges_) {
        if (!result.empty())
            result += ',';
        result += std::to_string(range.first);
        if (range.last > range.first)
            result += '-' + std::to_string(range.last);
    }
    return result;
}

void open_holes::append(number_range range) {
    if (!ranges_.empty() && ranges_.back().last + 1 == range.first)
        ranges_.back().last = range.last;
    else
        ranges_.push_back(range);
}

void open_holes::close(number_range range) {
    const auto begin = std::partition_point(ranges_.begin(), ranges_.end(), [&](const auto& r) {
        return r.last < range.first;
    });
    const auto end = std::partition_point(begin, ranges_.end(), [&](const auto& r) {
        return r.first <= range.last;
    });
    if (begin == end)
        return;
    std::vector<number_range> left;
    if (begin->first < range.first)
        left.push_back({begin->first, range.first - 1});
    if (range.last < (end - 1)->last)
        left.push_back({range.last + 1, (end - 1)->last});
    const auto at = ranges_.erase(begin, end);
    ranges_.insert(at, left.begin(), left.end());
}

void open_holes::close_stretches(std::span<const std::int64_t> numbers) {
    open_holes stretches;
    auto at = numbers.begin();
    for (const number_range& range : ranges_) {
        at = std::lower_bound(at, numbers.end(), range.first);
        const auto end = std::upper_bound(at, numbers.end(), range.last);
        if (at != end)
            stretches.ranges_.push_back({*at, *(end - 1)});
        at = end;
    }
    *this = without(stretches);
}

bool open_holes::is_inside(std::int64_t number) const noexcept {
    const auto at = std::partition_point(ranges_.begin(), ranges_.end(), [&](const auto& r) {
        return r.last <= number;
    });
    return at != ranges_.end() && at->first < number;
}

open_holes open_holes::up_to(std::int64_t last) const {
    open_holes result;
    for (const number_range& range : ranges_) {
        if (range.first > last)
            break;
        result.ranges_.push_back({range.first, std::min(range.last, last)});
    }
    return result;
}

open_holes open_holes::without(const open_holes& other) const {
    open_holes result;
    auto next = other.ranges_.begin();
    for (number_range range : ranges_) {
        while (next != other.ranges_.end() && next->last < range.first)
            ++next;
        for (auto at = next; at != other.ranges_.end() && at->first <= range.last; ++at) {
            if (range.first < at->first)
                result.ranges_.push_back({range.first, at->first - 1});
            range.first = at->last + 1;
        }
        if (range.first <= range.last)
            result.ranges_.push_back(range);
    }
    return result;
}

} // namespace outbox::mysql
