#pragma once
// Walks a field table (wire/schema.hpp) to encode or decode a message. Included by wire/api/*.cpp,
// which instantiate it, and by the tests that walk the same tables; everybody else includes
// wire/message.hpp.

#include "wire/error_code.hpp"
#include "wire/limits.hpp"
#include "wire/message.hpp"
#include "wire/schema.hpp"

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace outbox::wire::detail {

/// What a value looks like at the version in hand.
struct shape {
    std::int16_t version;
    bool flexible;
};

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept structure = requires {
    T::fields();
};

template <class T>
inline constexpr auto fields_of = T::fields();

template <class T, class Visit>
constexpr void for_each_field(Visit&& visit) {
    std::apply([&](const auto&... entries) { (visit(entries), ...); }, fields_of<T>);
}

/// The fewest bytes that a value of this type can take. Bounds how many of them the remaining bytes
/// can hold.
template <class T>
constexpr std::size_t size_min(shape s) {
    if constexpr (std::integral<T>) {
        return sizeof(T);
    } else if constexpr (std::is_enum_v<T>) {
        return sizeof(std::underlying_type_t<T>);
    } else if constexpr (is_optional<T>) {
        return size_min<typename T::value_type>(s);
    } else if constexpr (std::same_as<T, std::string>) {
        return s.flexible ? 1 : 2;
    } else if constexpr (std::same_as<T, bytes_view> || is_vector<T>) {
        return s.flexible ? 1 : 4;
    } else {
        std::size_t sum = s.flexible ? 1 : 0;
        for_each_field<T>([&]<class Owner, class Member>(const field_entry<Owner, Member>& f) {
            if (f.tag == no_tag && f.versions.contains(s.version))
                sum += size_min<Member>(s);
        });
        return std::max<std::size_t>(sum, 1);
    }
}

/// A length prefix: nothing for null. `Narrow` is the fixed-size type of inflexible versions.
template <class Narrow>
std::optional<std::size_t> read_length(reader& in, shape s) {
    if (s.flexible) {
        const std::uint32_t length = in.uvarint();
        if (length == 0)
            return std::nullopt;
        return length - 1;
    }
    std::int64_t length = 0;
    if constexpr (sizeof(Narrow) == 2)
        length = in.int16();
    else
        length = in.int32();
    if (length < -1)
        in.fail(decode_error::bad_length);
    if (length < 0)
        return std::nullopt;
    return static_cast<std::size_t>(length);
}

template <class Narrow>
void write_length(writer& out, shape s, std::optional<std::size_t> length) {
    if (s.flexible)
        out.uvarint(length ? static_cast<std::uint32_t>(*length + 1) : 0);
    else if constexpr (sizeof(Narrow) == 2)
        out.int16(length ? static_cast<std::int16_t>(*length) : std::int16_t{-1});
    else
        out.int32(length ? static_cast<std::int32_t>(*length) : -1);
}

template <class T>
using length_type = std::conditional_t<std::same_as<T, std::string>, std::int16_t, std::int32_t>;

template <class T>
void read_value(reader& in, shape s, T& out);
template <class T>
void write_value(writer& out, shape s, const T& value);

/// What follows the length of a string, byte or array field.
template <class T>
void read_counted(reader& in, shape s, std::size_t length, T& out) {
    if constexpr (is_vector<T>) {
        using element = typename T::value_type;
        if (!in.expect_elements(length, size_min<element>(s)))
            return;
        out.reserve(length);
        for (std::size_t i = 0; i < length && in.ok(); ++i)
            read_value(in, s, out.emplace_back());
    } else {
        out = in.take(length);
    }
}

template <class T>
void write_counted(writer& out, shape s, const T& value) {
    write_length<length_type<T>>(out, s, value.size());
    if constexpr (is_vector<T>) {
        for (const auto& element : value)
            write_value(out, s, element);
    } else {
        out.raw(value);
    }
}

template <structure T>
void read_tagged_fields(reader& in, shape s, T& out) {
    const std::uint32_t count = in.uvarint();
    if (count > tagged_fields_max) {
        in.fail(decode_error::too_many_tags);
        return;
    }
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        const auto tag = static_cast<std::int64_t>(in.uvarint());
        const bytes_view content = in.take(in.uvarint());
        for_each_field<T>([&](const auto& f) {
            if (f.tag == no_tag || f.tag != tag || !f.versions.contains(s.version))
                return;
            reader nested(content);
            read_value(nested, s, out.*f.member);
            nested.expect_end();
            if (!nested.ok())
                in.fail(static_cast<decode_error>(nested.error().value()));
        });
    }
}

template <structure T>
void write_tagged_fields(writer& out, shape s, const T& value) {
    const T blank{};
    std::uint32_t count = 0;
    const auto present = [&](const auto& f) {
        return f.tag != no_tag && f.versions.contains(s.version) &&
               !(value.*f.member == blank.*f.member);
    };
    const auto is_tag = [](const auto& f) { return f.tag != no_tag; };
    for_each_field<T>([&](const auto& f) {
        if (is_tag(f) && present(f))
            ++count;
    });
    out.uvarint(count);
    // Tables list tags in rising order, which is the order the protocol asks for.
    for_each_field<T>([&](const auto& f) {
        if (!is_tag(f) || !present(f))
            return;
        bytes content;
        writer nested(content);
        write_value(nested, s, value.*f.member);
        out.uvarint(static_cast<std::uint32_t>(f.tag));
        out.uvarint(static_cast<std::uint32_t>(content.size()));
        out.raw(content);
    });
}

template <class T>
void read_value(reader& in, shape s, T& out) {
    if constexpr (std::same_as<T, bool>) {
        out = in.int8() != 0;
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(sizeof(T) == 2);
        out = static_cast<T>(in.int16());
    } else if constexpr (std::integral<T>) {
        if constexpr (sizeof(T) == 1)
            out = in.int8();
        else if constexpr (sizeof(T) == 2)
            out = in.int16();
        else if constexpr (sizeof(T) == 4)
            out = in.int32();
        else
            out = in.int64();
    } else if constexpr (is_optional<T>) {
        out.reset();
        if (const auto length = read_length<length_type<typename T::value_type>>(in, s))
            read_counted(in, s, *length, out.emplace());
    } else if constexpr (structure<T>) {
        for_each_field<T>([&](const auto& f) {
            if (f.tag != no_tag || !f.versions.contains(s.version))
                return;
            in.enter(f.name);
            read_value(in, s, out.*f.member);
        });
        if (s.flexible) {
            in.enter("tagged fields");
            read_tagged_fields(in, s, out);
        }
    } else {
        const auto length = read_length<length_type<T>>(in, s);
        if (!length)
            in.fail(decode_error::bad_length);
        else
            read_counted(in, s, *length, out);
    }
}

template <class T>
void write_value(writer& out, shape s, const T& value) {
    if constexpr (std::same_as<T, bool>) {
        out.int8(value ? 1 : 0);
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(sizeof(T) == 2);
        out.int16(static_cast<std::int16_t>(value));
    } else if constexpr (std::integral<T>) {
        if constexpr (sizeof(T) == 1)
            out.int8(value);
        else if constexpr (sizeof(T) == 2)
            out.int16(value);
        else if constexpr (sizeof(T) == 4)
            out.int32(value);
        else
            out.int64(value);
    } else if constexpr (is_optional<T>) {
        if (value)
            write_counted(out, s, *value);
        else
            write_length<length_type<typename T::value_type>>(out, s, std::nullopt);
    } else if constexpr (structure<T>) {
        for_each_field<T>([&](const auto& f) {
            if (f.tag == no_tag && f.versions.contains(s.version))
                write_value(out, s, value.*f.member);
        });
        if (s.flexible)
            write_tagged_fields(out, s, value);
    } else {
        write_counted(out, s, value);
    }
}

} // namespace outbox::wire::detail

namespace outbox::wire {

template <class Message>
void encode(writer& out, const Message& message, std::int16_t version) {
    detail::write_value(out, {version, version >= Message::api::flexible_from}, message);
}

template <class Message>
void decode(reader& in, Message& out, std::int16_t version) {
    detail::read_value(in, {version, version >= Message::api::flexible_from}, out);
}

} // namespace outbox::wire

/// Compiles both verbs of one message; stands once per message, in wire/api/*.cpp.
#define OUTBOX_WIRE_MESSAGE(message)                                                               \
    template void outbox::wire::encode(outbox::wire::writer&, const message&, std::int16_t);       \
    template void outbox::wire::decode(outbox::wire::reader&, message&, std::int16_t)
