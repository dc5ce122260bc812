#include "tools/trace/group_fate.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

namespace outbox::tools {
namespace {

std::optional<std::int64_t>
committed_at(const committed_offsets& offsets, const message_copy& copy) {
    const auto found = offsets.find(copy.where);
    return found == offsets.end() ? std::nullopt : std::optional{found->second};
}

// Of two in one log the offset tells; between logs only the time does.
bool is_newer(const message_copy& a, const message_copy& b) {
    if (a.where == b.where)
        return a.offset > b.offset;
    return a.timestamp_ms.value_or(0) > b.timestamp_ms.value_or(0);
}

std::optional<group_fate> judge_one(
    std::span<const message_copy> copies,
    const std::string& group,
    const committed_offsets& offsets
) {
    std::optional<group_fate> open;
    std::optional<std::size_t> last_passed;
    std::optional<std::size_t> last_dead;
    const auto keep_newer = [&](std::optional<std::size_t>& kept, std::size_t candidate) {
        if (!kept || !is_newer(copies[*kept], copies[candidate]))
            kept = candidate;
    };
    for (std::size_t i = 0; i < copies.size(); ++i) {
        const message_copy& copy = copies[i];
        if (!copy.group.empty() && copy.group != group)
            continue;
        if (copy.kind == copy_kind::dead_letter) {
            keep_newer(last_dead, i);
            continue;
        }
        const auto next = committed_at(offsets, copy);
        // Nothing committed where it was delivered says nothing: the group may not read there.
        if (!next && copy.kind == copy_kind::delivered)
            continue;
        if (next.value_or(0) > copy.offset) {
            keep_newer(last_passed, i);
            continue;
        }
        const fate what = copy.kind == copy_kind::retry ? fate::retrying : fate::waiting;
        const group_fate found{
            .group = group,
            .what = what,
            .copy = i,
            .records_before = copy.offset - next.value_or(0)};
        if (!open || (what == fate::retrying && open->what != fate::retrying) ||
            (what == open->what && is_newer(copy, copies[open->copy])))
            open = found;
    }
    if (open)
        return open;
    // What was passed after it died had been sent anew.
    if (last_dead && !(last_passed && is_newer(copies[*last_passed], copies[*last_dead])))
        return group_fate{.group = group, .what = fate::dead, .copy = *last_dead};
    if (last_passed)
        return group_fate{.group = group, .what = fate::passed, .copy = *last_passed};
    return std::nullopt;
}

} // namespace

const char* to_string(fate what) noexcept {
    switch (what) {
    case fate::waiting:
        return "waiting";
    case fate::retrying:
        return "retrying";
    case fate::dead:
        return "dead";
    case fate::passed:
        return "passed";
    }
    return "unknown";
}

std::vector<group_fate> judge(
    std::span<const message_copy> copies,
    const std::map<std::string, committed_offsets>& groups
) {
    std::set<std::string> names;
    for (const auto& [name, offsets] : groups)
        names.insert(name);
    for (const message_copy& copy : copies)
        if (!copy.group.empty())
            names.insert(copy.group);
    static const committed_offsets nothing;
    std::vector<group_fate> all;
    for (const std::string& name : names) {
        const auto known = groups.find(name);
        const auto& offsets = known == groups.end() ? nothing : known->second;
        if (auto found = judge_one(copies, name, offsets))
            all.push_back(*std::move(found));
    }
    return all;
}

} // namespace outbox::tools
