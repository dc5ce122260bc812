#pragma once
// The number of a message from an outbox whose relay numbers (docs/numbering.md): by it a consumer
// recognises what it has applied in one row per source, see idempotency/first_time_numbered.hpp.

#include "outbox/message/header.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace outbox {

struct delivery_number {
    /// 1 to source_bytes_max characters; the relay writes 32 hexadecimal digits.
    std::string source{};
    int shard = 0;
    /// From 1.
    std::int64_t number = 0;

    static constexpr std::size_t source_bytes_max = 64;

    /// What the headers outbox-source, outbox-shard and outbox-number among `all` say. Nothing when
    /// none of them is there. Throws outbox::error (corrupt) when one is missing, is there twice,
    /// or is not what a relay writes: nobody may guess which message it is.
    static std::optional<delivery_number> of(const headers& all);

    bool operator==(const delivery_number&) const = default;
};

} // namespace outbox
