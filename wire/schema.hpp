#pragma once
// The words in which the protocol's field tables are written. Every structure of a message has one
// table,
//
//     static constexpr auto fields() {
//         return table(
//             field("name", &topic::name),
//             field("leader_epoch", &topic::leader_epoch, since(7)),
//             tagged(0, "cluster_id", &topic::cluster_id, since(12))
//         );
//     }
//
// in the order of the wire, and that table drives decoding, encoding, the smallest possible size
// (which bounds every allocation) and the tests. The type on the wire follows from the type of the
// member:
//
//     bool, std::int8_t … std::int64_t, error_code    fixed size, big-endian
//     std::string, std::optional<std::string>         STRING, NULLABLE_STRING (COMPACT_… in
//     flexible versions) bytes_view, std::optional<bytes_view>           BYTES, NULLABLE_BYTES: a
//     view into the frame, never a copy std::vector<T>, std::optional<std::vector<T>>   ARRAY,
//     nullable ARRAY a structure with a table                        its fields, then tagged fields
//     in flexible versions
//
// A field that a version does not have keeps its default on decoding and is left out on encoding.

#include "wire/api_key.hpp"

#include <cstdint>
#include <limits>
#include <tuple>

namespace outbox::wire {

constexpr version_range since(std::int16_t first) {
    return {first, std::numeric_limits<std::int16_t>::max()};
}
constexpr version_range between(std::int16_t first, std::int16_t last) {
    return {first, last};
}

inline constexpr std::int32_t no_tag = -1;

template <class Owner, class Member>
struct field_entry {
    const char* name;
    Member Owner::*member;
    version_range versions;
    std::int32_t tag;
};

template <class Owner, class Member>
constexpr field_entry<Owner, Member>
field(const char* name, Member Owner::*member, version_range versions = since(0)) {
    return {name, member, versions, no_tag};
}

template <class Owner, class Member>
constexpr field_entry<Owner, Member>
tagged(std::int32_t tag, const char* name, Member Owner::*member, version_range versions) {
    return {name, member, versions, tag};
}

template <class... Entries>
constexpr std::tuple<Entries...> table(Entries... entries) {
    return {entries...};
}

} // namespace outbox::wire
