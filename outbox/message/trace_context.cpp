#include "outbox/message/trace_context.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace outbox {
namespace {

constexpr std::size_t parent_bytes = 55;
constexpr std::size_t member_count_max = 32;
constexpr std::size_t key_bytes_max = 256;
constexpr std::size_t tenant_bytes_max = 241;
constexpr std::size_t system_bytes_max = 14;
constexpr std::size_t value_bytes_max = 256;

bool is_lower(char c) noexcept {
    return c >= 'a' && c <= 'z';
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

// "HEXDIGLC": capital letters are not.
bool is_hex(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f');
    });
}

bool is_id(std::string_view text) noexcept {
    return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

bool is_flag_set(char last_digit) noexcept {
    return std::string_view{"13579bdf"}.find(last_digit) != std::string_view::npos;
}

// §3.2.2; of a later version, what §4 says of it.
std::optional<std::string> read_parent(std::string_view text) {
    if (text.size() < parent_bytes || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return std::nullopt;
    const std::string_view version = text.substr(0, 2);
    const std::string_view flags = text.substr(53, 2);
    if (!is_hex(version) || version == "ff" || !is_id(text.substr(3, 32)) ||
        !is_id(text.substr(36, 16)) || !is_hex(flags))
        return std::nullopt;
    if (version == "00")
        return text.size() == parent_bytes ? std::optional{std::string{text}} : std::nullopt;
    if (text.size() > parent_bytes && text[parent_bytes] != '-')
        return std::nullopt;
    // Of the flags only the last bit is sure to mean there what it means here.
    return "00" + std::string{text.substr(2, 51)} + (is_flag_set(flags[1]) ? "01" : "00");
}

bool is_key_part(std::string_view text, std::size_t bytes_max) noexcept {
    return !text.empty() && text.size() <= bytes_max &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
           });
}

// §3.3.1.3.1: "name", or "tenant@system", where a tenant may begin with a digit.
bool is_key(std::string_view text) noexcept {
    const std::size_t at = text.find('@');
    if (at == std::string_view::npos)
        return is_key_part(text, key_bytes_max) && is_lower(text.front());
    const std::string_view tenant = text.substr(0, at);
    const std::string_view system = text.substr(at + 1);
    return is_key_part(tenant, tenant_bytes_max) && is_key_part(system, system_bytes_max) &&
           (is_lower(tenant.front()) || is_digit(tenant.front())) && is_lower(system.front());
}

// §3.3.1.3.2. The blanks at its end were taken for those around the member.
bool is_value(std::string_view text) noexcept {
    return !text.empty() && text.size() <= value_bytes_max &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return c >= ' ' && c <= '~' && c != ',' && c != '=';
           });
}

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// §3.3.1; empty when anything of it is wrong.
std::string read_state(std::string_view rest) {
    std::array<std::string_view, member_count_max> keys{};
    std::size_t count = 0;
    std::string all;
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        const std::string_view member = trimmed(rest.substr(0, comma));
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        if (member.empty())
            continue;
        const std::string_view key = member.substr(0, member.find('='));
        const auto* const known_end = keys.data() + count;
        if (count == member_count_max || key.size() == member.size() || !is_key(key) ||
            !is_value(member.substr(key.size() + 1)) ||
            std::find<const std::string_view*>(keys.data(), known_end, key) != known_end)
            return {};
        keys[count++] = key;
        all.append(all.empty() ? "" : ",").append(member);
    }
    return all;
}

} // namespace

trace_context::trace_context(std::string parent, std::string state)
    : parent_(std::move(parent))
    , state_(std::move(state)) {}

std::optional<trace_context> trace_context::parse(std::string_view parent, std::string_view state) {
    auto read = read_parent(parent);
    if (!read)
        return std::nullopt;
    return trace_context{*std::move(read), read_state(state)};
}

bool trace_context::sampled() const noexcept {
    return is_flag_set(parent_.back());
}

std::optional<trace_context> find_trace(const headers& all) {
    const bytes* parent = nullptr;
    std::string state;
    for (const header& each : all) {
        if (each.name == header_name::trace_parent) {
            if (parent != nullptr)
                return std::nullopt;
            parent = &each.value;
        } else if (each.name == header_name::trace_state) {
            state.append(state.empty() ? "" : ",").append(each.value);
        }
    }
    return parent == nullptr ? std::nullopt : trace_context::parse(*parent, state);
}

} // namespace outbox
