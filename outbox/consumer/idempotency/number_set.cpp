#include "outbox/consumer/idempotency/number_set.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/varint.hpp"

#include <algorithm>
#include <limits>

namespace outbox {
namespace {

constexpr char format_version = 1;

[[noreturn]] void refuse(const char* why) {
    throw error(
        error_kind::corrupt,
        std::string{"a set of applied numbers cannot be read: "} + why,
        "no message of its source is applied before its row is repaired; without the row, its "
        "messages that come again are applied again"
    );
}

} // namespace

bool number_set::contains(std::int64_t number) const noexcept {
    if (number <= watermark_)
        return true;
    const auto behind = std::upper_bound(
        ranges_.begin(),
        ranges_.end(),
        number,
        [](std::int64_t n, const range& r) { return n < r.first; }
    );
    return behind != ranges_.begin() && number <= std::prev(behind)->last;
}

number_set::inserted number_set::insert(std::int64_t number) {
    if (contains(number))
        return inserted::no;
    const auto above = std::upper_bound(
        ranges_.begin(),
        ranges_.end(),
        number,
        [](std::int64_t n, const range& r) { return n < r.first; }
    );
    const bool joins_above = above != ranges_.end() && above->first - 1 == number;
    if (number - 1 == watermark_) {
        watermark_ = joins_above ? above->last : number;
        if (joins_above)
            ranges_.erase(above);
        return inserted::yes;
    }
    const bool joins_below = above != ranges_.begin() && std::prev(above)->last == number - 1;
    if (joins_below && joins_above) {
        std::prev(above)->last = above->last;
        ranges_.erase(above);
    } else if (joins_below) {
        std::prev(above)->last = number;
    } else if (joins_above) {
        above->first = number;
    } else if (ranges_.size() >= ranges_max) {
        return inserted::full;
    } else {
        ranges_.insert(above, {.first = number, .last = number});
    }
    return inserted::yes;
}

bytes number_set::encode() const {
    bytes out(1, format_version);
    append_varint(out, static_cast<std::uint64_t>(watermark_));
    std::int64_t before = watermark_;
    for (const range& r : ranges_) {
        append_varint(out, static_cast<std::uint64_t>(r.first - before - 2));
        append_varint(out, static_cast<std::uint64_t>(r.last - r.first));
        before = r.last;
    }
    return out;
}

number_set number_set::decode(bytes_view data) {
    constexpr auto number_max =
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (data.empty() || data.front() != format_version)
        refuse("it is of another version");
    data.remove_prefix(1);
    const auto take = [&](std::uint64_t most) {
        const auto value = take_varint(data);
        if (!value || *value > most)
            refuse("a number is damaged");
        return *value;
    };
    number_set set;
    std::uint64_t before = take(number_max);
    set.watermark_ = static_cast<std::int64_t>(before);
    while (!data.empty()) {
        if (set.ranges_.size() == ranges_max)
            refuse("it has too many ranges");
        if (number_max - before < 2)
            refuse("a number is damaged");
        const std::uint64_t first = before + 2 + take(number_max - before - 2);
        before = first + take(number_max - first);
        set.ranges_.push_back(
            {.first = static_cast<std::int64_t>(first), .last = static_cast<std::int64_t>(before)}
        );
    }
    return set;
}

} // namespace outbox
