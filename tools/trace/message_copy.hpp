#pragma once
// One record of a message in a log: what the relay delivered, or what a consumer sent on to a retry
// or a dead-letter topic. The topics and headers are those of docs/consuming.md.

#include "outbox/base/bytes.hpp"
#include "outbox/message/message_id.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox::tools {

struct partition_place {
    std::string topic{};
    std::int32_t partition = 0;

    auto operator<=>(const partition_place&) const = default;
};

enum class copy_kind { delivered, retry, dead_letter };

/// "delivered", "retry", "dead_letter".
const char* to_string(copy_kind kind) noexcept;

struct message_copy {
    partition_place where{};
    std::int64_t offset = 0;
    /// Milliseconds since 1970; nothing when the record has no time.
    std::optional<std::int64_t> timestamp_ms{};
    copy_kind kind = copy_kind::delivered;
    // The rest is said by the consumer that sent it on; empty for what a relay delivered.
    std::string group{};
    std::optional<std::int64_t> attempts{};
    std::string error{};
    /// Not before this again, in milliseconds since 1970.
    std::optional<std::int64_t> retry_at_ms{};
};

using record_headers = std::vector<std::pair<std::string, bytes>>;

/// The id that a record says it has: the first `outbox-id`. Nothing for records of others.
std::optional<message_id> id_of(const record_headers& headers);

/// Takes the headers apart. Whatever cannot be read is absent: people look at this.
message_copy read_copy(
    partition_place where,
    std::int64_t offset,
    std::optional<std::int64_t> timestamp_ms,
    const record_headers& headers
);

/// Whether a message about `subject` may have a copy in `topic`: its own, those of retries, which
/// the subjects of a group share, and its dead letters.
bool may_hold(std::string_view topic, std::string_view subject) noexcept;

} // namespace outbox::tools
