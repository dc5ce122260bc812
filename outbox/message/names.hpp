#pragma once
// The three names a message carries. They are types of their own, so that a subject cannot stand
// where a key is meant.
//
//   const outbox::subject order_paid{"orders.paid"};     // a literal is checked by the compiler
//   auto s = outbox::subject::parse(text_from_a_file);   // run-time text is checked here; throws
//
// A subject is what a message is about; it becomes the topic (Kafka), the routing key (AMQP), the
// subject (NATS). Messages with the same order key are delivered in commit order; without one a
// message has no order promise. A tag is a label by which consumers choose; a message has at most
// ten.

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace outbox {

/// Kafka's rule for topics: 1 to 249 of [A-Za-z0-9._-], and not "." or "..".
inline constexpr std::size_t subject_bytes_max = 249;
/// Any bytes, 1 to 512 of them. Kafka sets no limit; a key is an index entry elsewhere and is meant
/// to be short.
inline constexpr std::size_t order_key_bytes_max = 512;
/// 1 to 64 printable ASCII characters without comma, space and bar, which filters use.
inline constexpr std::size_t tag_bytes_max = 64;
inline constexpr std::size_t tag_count_max = 10;

constexpr bool is_subject(std::string_view text) noexcept {
    if (text.empty() || text.size() > subject_bytes_max || text == "." || text == "..")
        return false;
    for (const char c : text) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!allowed)
            return false;
    }
    return true;
}

constexpr bool is_tag(std::string_view text) noexcept {
    if (text.empty() || text.size() > tag_bytes_max)
        return false;
    for (const char c : text) {
        if (c <= ' ' || c > '~' || c == ',' || c == '|')
            return false;
    }
    return true;
}

namespace detail {

// Never defined: naming it in a constant expression is the compiler's refusal.
void this_literal_breaks_the_rule();

template <bool (*Rule)(std::string_view)>
class checked_literal {
public:
    template <std::size_t Size>
    consteval checked_literal(const char (&text)[Size])
        : text_(text, Size - 1) { // NOLINT: implicit on purpose
        if (!Rule(text_))
            this_literal_breaks_the_rule();
    }
    constexpr std::string_view text() const noexcept { return text_; }

private:
    std::string_view text_;
};

} // namespace detail

class subject {
public:
    using literal = detail::checked_literal<is_subject>;

    explicit subject(literal text) : text_(text.text()) {}
    /// Throws outbox::error (invalid_argument) if `text` breaks the rule.
    static subject parse(std::string text);

    const std::string& text() const noexcept { return text_; }
    bool operator==(const subject&) const = default;

private:
    struct unchecked {};
    subject(unchecked, std::string text) : text_(std::move(text)) {}

    std::string text_;
};

class order_key {
public:
    /// Throws outbox::error (invalid_argument) if `bytes` is empty or too long.
    explicit order_key(std::string bytes);
    explicit order_key(const char* text) : order_key(std::string(text)) {}
    /// A number is written in decimal, so that every language makes the same key of it.
    template <std::integral Number>
    requires(!std::same_as<Number, bool> && !std::same_as<Number, char>) explicit order_key(
        Number number
    )
        : order_key(std::to_string(number)) {}

    const std::string& bytes() const noexcept { return bytes_; }
    bool operator==(const order_key&) const = default;

private:
    std::string bytes_;
};

class tag {
public:
    using literal = detail::checked_literal<is_tag>;

    explicit tag(literal text) : text_(text.text()) {}
    /// Throws outbox::error (invalid_argument) if `text` breaks the rule.
    static tag parse(std::string text);

    const std::string& text() const noexcept { return text_; }
    bool operator==(const tag&) const = default;

private:
    struct unchecked {};
    tag(unchecked, std::string text) : text_(std::move(text)) {}

    std::string text_;
};

} // namespace outbox
