#pragma once
// What each consumer group has done with a message, told from where its copies stand and how far
// the group has committed. Pure.

#include "tools/trace/message_copy.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace outbox::tools {

/// The offset of the record that a group reads next, where it has committed any.
using committed_offsets = std::map<partition_place, std::int64_t>;

enum class fate {
    /// It has not come to a delivered copy yet.
    waiting,
    /// In a retry topic, and it has not come to it there yet.
    retrying,
    /// In its dead-letter topic, and nothing was sent anew since.
    dead,
    /// It has committed beyond every copy: handled, or passed over by a tag filter or a reset.
    passed,
};

/// "waiting", "retrying", "dead", "passed".
const char* to_string(fate what) noexcept;

struct group_fate {
    std::string group{};
    fate what = fate::waiting;
    /// The copy that says so; of `passed` the last one. An index into the copies.
    std::size_t copy = 0;
    /// Of waiting and retrying: so many records come first, by their offsets.
    std::int64_t records_before = 0;
};

/// One for each group that has committed anything in a partition where a copy stands, or that has
/// sent one on; by name. What is still open counts before what is over: a message that was
/// delivered twice is `waiting` until the second copy is passed.
std::vector<group_fate>
judge(std::span<const message_copy> copies, const std::map<std::string, committed_offsets>& groups);

} // namespace outbox::tools
