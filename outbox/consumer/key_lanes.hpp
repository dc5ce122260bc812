#pragma once
// The messages of each order key, in their order, and which of them may be handled next: one at a
// time. Of a key some messages may be parked: written to a log beside the partition, from which
// they come back. Those are in front of all that come from the partition itself, and as long as one
// is there, or on its way there and back, nothing of its key that comes from the partition is
// handled; it follows them instead.

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <unordered_map>

namespace outbox {

class key_lanes {
public:
    using lane = std::uint64_t;
    using ticket = std::uint64_t;

    enum class origin { partition, parking };

    /// Behind those of its key and origin.
    void add(lane id, ticket t, origin from);
    /// It is not waiting any more, or not in hand, or not on its way.
    void remove(lane id, ticket t);

    /// Whether this one is the one of its key that is being dealt with.
    bool is_active(lane id, ticket t) const;
    /// The one to be dealt with next, or nothing: another one is active, or must come back first.
    std::optional<ticket> next(lane id) const;
    void activate(lane id, ticket t) { lanes_.at(id).active = t; }

    /// The one that follows its key next, where some of it are parked; nothing: there is none, or
    /// the next one is being dealt with.
    std::optional<ticket> follower(lane id) const;
    /// It was written at `offset` and has not come back yet.
    void awaits(lane id, std::int64_t offset) { lanes_.at(id).awaited.insert(offset); }
    /// It is read, or will never be.
    void came_back(lane id, std::int64_t offset);

private:
    struct messages {
        std::deque<ticket> parked{};
        std::deque<ticket> direct{};
        std::optional<ticket> active{};
        std::set<std::int64_t> awaited{};

        bool is_parked() const { return !parked.empty() || !awaited.empty(); }
    };
    void erase_if_empty(lane id);

    std::unordered_map<lane, messages> lanes_;
};

} // namespace outbox
