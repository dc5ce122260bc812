#pragma once
// What `outbox message trace` has found out, and how it is told to people and to scripts.

#include "outbox/base/clock.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/store/message_search.hpp"
#include "tools/trace/broker_session.hpp"
#include "tools/trace/group_fate.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::tools {

/// All that was found out. Absent is what was not asked.
struct trace_report {
    message_id id{};
    /// When the id was made, by the clock of who made it; nothing when the id does not say.
    std::optional<time_point> made_at{};

    std::string database{};
    std::optional<message_search> rows{};

    std::string brokers{};
    std::optional<std::int64_t> searched_since_ms{};
    std::optional<topic_search> records{};
    std::vector<group_fate> groups{};

    /// Nothing was left out for want of patience.
    bool is_complete() const {
        return (!rows || (rows->complete && rows->noted_complete)) &&
               (!records || records->partitions_unread == 0);
    }
    bool is_found() const {
        return (rows && (rows->scheduled || !rows->stored.empty() ||
                         (rows->noted && !rows->noted->empty()))) ||
               (records && !records->copies.empty());
    }
};

/// Lines for people, without the last line feed.
std::string as_text(const trace_report& told);
/// One JSON object; docs/message-trace.md says what is in it.
std::string as_json(const trace_report& told);

/// Milliseconds since 1970, which others may have made up: kept within what a time_point can hold.
time_point from_ms(std::int64_t ms) noexcept;

} // namespace outbox::tools
