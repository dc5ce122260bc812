#include "outbox/consumer/delivery_number.hpp"

#include "outbox/base/error.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace outbox {
namespace {

[[noreturn]] void refuse(std::string_view name, const char* why) {
    throw error(
        error_kind::corrupt,
        "the header " + std::string{name} + " of a numbered message " + why,
        "it was not written by a relay; look who else writes to its topic or into the headers of "
        "the outbox table"
    );
}

const bytes& only_one(const headers& all, std::string_view name) {
    const bytes* found = nullptr;
    for (const header& h : all) {
        if (h.name != name)
            continue;
        if (found != nullptr)
            refuse(name, "is there twice");
        found = &h.value;
    }
    if (found == nullptr)
        refuse(name, "is missing");
    return *found;
}

template <class Number>
Number parse(const bytes& text, std::string_view name, Number least) {
    Number value = 0;
    const char* const end = text.data() + text.size();
    const auto [at, failure] = std::from_chars(text.data(), end, value);
    if (failure != std::errc{} || at != end || value < least || text != std::to_string(value))
        refuse(name, "is no such number");
    return value;
}

} // namespace

std::optional<delivery_number> delivery_number::of(const headers& all) {
    constexpr std::array names{header_name::source, header_name::shard, header_name::number};
    bool any = false;
    for (const std::string_view name : names)
        any = any || find_header(all, name) != nullptr;
    if (!any)
        return std::nullopt;
    delivery_number made;
    made.source = only_one(all, header_name::source);
    for (const char c : made.source)
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
            refuse(header_name::source, "has other characters than 0-9 and a-z");
    if (made.source.empty() || made.source.size() > source_bytes_max)
        refuse(header_name::source, "has not 1 to 64 characters");
    made.shard =
        parse<std::int16_t>(only_one(all, header_name::shard), header_name::shard, std::int16_t{0});
    made.number = parse<std::int64_t>(
        only_one(all, header_name::number),
        header_name::number,
        std::int64_t{1}
    );
    return made;
}

} // namespace outbox
