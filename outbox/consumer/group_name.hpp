#pragma once
// The name of a consumer group: who consumes together. Each group gets every message of its
// subjects; within a group each message goes to one member.
//
//   const outbox::group_name billing{"billing"};            // a literal is checked by the compiler
//   auto g = outbox::group_name::parse(text_from_a_file);   // run-time text is checked here;
//   throws

#include "outbox/message/names.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace outbox {

/// A group's name is part of the names of its retry and dead-letter topics, so it is made of what a
/// topic is made of, and leaves room for the rest of their names.
inline constexpr std::size_t group_name_bytes_max = 100;

constexpr bool is_group_name(std::string_view text) noexcept {
    return is_subject(text) && text.size() <= group_name_bytes_max;
}

class group_name {
public:
    using literal = detail::checked_literal<is_group_name>;

    explicit group_name(literal text) : text_(text.text()) {}
    /// Throws outbox::error (invalid_argument) if `text` breaks the rule.
    static group_name parse(std::string text);

    const std::string& text() const noexcept { return text_; }
    auto operator<=>(const group_name&) const = default;

private:
    struct unchecked {};
    group_name(unchecked, std::string text) : text_(std::move(text)) {}

    std::string text_;
};

} // namespace outbox
