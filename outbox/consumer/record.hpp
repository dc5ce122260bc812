#pragma once
// A record as a log holds it: what a consumer reads, and what it writes when it sends a message on.
// Kept apart from `delivery`, which is what a record means, so that what cannot be understood can
// still be passed on byte for byte.

#include "outbox/base/bytes.hpp"
#include "outbox/base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

struct record_header {
    std::string name{};
    /// Nothing: a null value, which other producers may send.
    std::optional<bytes> value{};

    bool operator==(const record_header&) const = default;
};

/// What a record takes in memory on its way through a consumer, besides what it says.
inline constexpr std::size_t record_overhead_bytes = 768;

struct record {
    std::int64_t offset = 0;
    /// Milliseconds since 1970, or below zero when there is none.
    std::int64_t timestamp_ms = -1;
    std::optional<bytes_view> key{};
    std::optional<bytes_view> value{};
    std::vector<record_header> headers{};
    /// The client could not take the headers apart; then they are lost, and the rest is not.
    bool headers_unreadable = false;
    /// What keeps `key` and `value` alive.
    std::shared_ptr<const void> keeper{};

    /// In memory, about.
    std::size_t size_bytes() const noexcept {
        std::size_t size =
            record_overhead_bytes + (key ? key->size() : 0) + (value ? value->size() : 0);
        for (const auto& each : headers)
            size += each.name.size() + (each.value ? each.value->size() : 0);
        return size;
    }
};

/// To be written.
struct outgoing_record {
    std::string topic{};
    /// Nothing: as its key says.
    std::optional<std::int32_t> partition{};
    /// One of the group's own, that is made when it is not there.
    bool makes_topic = true;
    std::optional<bytes_view> key{};
    std::optional<bytes_view> value{};
    std::vector<record_header> headers{};
    /// What keeps `key` and `value` alive until the record is answered for.
    std::shared_ptr<const void> keeper{};
};

} // namespace outbox
