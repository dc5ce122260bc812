#pragma once
// The judge: holds what producers say they sent against what a consumer saw, and names every
// message that was lost, invented, changed, overtaken or applied twice. Pure: no clock, no files,
// no threads of its own.
//
//   ledger books;
//   books.sent({.id = id, .key = "customer-7", .key_sequence = 3}, fate::committed);   // in any
//   order books.arrived({.id = id, .key = "customer-7", .key_sequence = 3, .partition = 1, .offset
//   = 42});  // as they came books.applied(id); // once per effect that happened const verdict v =
//   books.judge(); ASSERT_TRUE(v.ok()) << to_text(v);
//
// What a producer does not know stays `in_doubt` (a COMMIT whose answer was lost, a process killed
// around it): such a message may arrive or not, and is held to all other rules when it does.
//
// Made for a million messages: about a second, and memory for every id.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace outbox::harness {

enum class fate { committed, rolled_back, in_doubt };

struct sent_message {
    std::string id = {};
    /// Empty: its order is nobody's business.
    std::string key = {};
    /// Rises with commit order among the messages of one key; gaps are fine (what was rolled back
    /// leaves some).
    std::int64_t key_sequence = 0;
};

struct arrival {
    std::string id = {};
    std::string key = {};
    std::int64_t key_sequence = 0;
    /// Where it stood in the log; a partition below 0 means unknown.
    std::int32_t partition = -1;
    std::int64_t offset = -1;
};

/// One message that is wrong, and how.
struct finding {
    std::string id = {};
    std::string detail = {}; // for people: key and sequence, who overtook it, how often it came

    bool operator==(const finding&) const = default;
};

struct verdict {
    std::int64_t committed = 0;
    std::int64_t rolled_back = 0;
    std::int64_t in_doubt = 0;
    std::int64_t in_doubt_arrived = 0;
    std::int64_t arrived = 0; // every delivery, duplicates too
    std::int64_t applied = 0; // every effect, duplicates too

    std::vector<finding> lost;      // committed, never arrived
    std::vector<finding> phantom;   // arrived or was applied, though rolled back or never sent
    std::vector<finding> altered;   // arrived with another key or sequence than it was sent with
    std::vector<finding> reordered; // arrived for the first time after a later one of its key
    std::vector<finding> scattered; // arrived on another partition than an earlier one of its key
    std::vector<finding> rewritten; // stood at an offset where another message had stood
    std::vector<finding> unapplied; // arrived and should have had its effect, but had none
    std::vector<finding> duplicate_deliveries; // arrived more than once: allowed, counted
    std::vector<finding> duplicate_effects;    // applied more than once

    /// Nothing but duplicate deliveries.
    bool ok() const noexcept;
    /// How many deliveries were not the first of their message.
    std::int64_t duplicate_delivery_count = 0;
    /// How many effects were not the first of their message.
    std::int64_t duplicate_effect_count = 0;
};

class ledger {
public:
    ledger();
    ~ledger();
    ledger(ledger&&) noexcept;
    ledger& operator=(ledger&&) noexcept;

    /// In any order. Saying it again may settle a doubt; saying anything else again throws
    /// usage_error.
    void sent(const sent_message& message, fate what);
    /// In the order in which the consumer saw them, redeliveries included.
    void arrived(const arrival& seen);
    /// Once per effect. When no effect is told at all, `unapplied` is not judged.
    void applied(std::string_view id);

    verdict judge() const;

private:
    struct entry;
    entry& entry_of(std::string_view id);
    std::uint32_t key_index(std::string_view key);

    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    template <class Value>
    using text_map = std::unordered_map<std::string, Value, text_hash, std::equal_to<>>;

    text_map<std::uint32_t> index_; // id → its place in entries_
    std::vector<entry> entries_;
    text_map<std::uint32_t> key_index_;
    std::vector<std::uint32_t> arrivals_; // entries, in order; only the first of each
    struct log_place {
        std::int32_t partition;
        std::int64_t offset;
        bool operator==(const log_place&) const = default;
    };
    struct place_hash {
        std::size_t operator()(const log_place& p) const noexcept {
            // Odd multiplier of 2^64 / golden ratio: neighbouring offsets land apart.
            return (static_cast<std::size_t>(p.offset) * 64 + static_cast<std::size_t>(p.partition)
                   ) *
                   0x9e3779b97f4a7c15U;
        }
    };
    std::unordered_map<log_place, std::uint32_t, place_hash> places_; // where an entry stood
    std::vector<finding> rewritten_;
    std::int64_t arrived_count_ = 0;
    std::int64_t applied_count_ = 0;
};

/// For a person and a test's message: the counts, and up to 20 names of each kind.
std::string to_text(const verdict& v);

/// One JSON object: the counts under the names of `outbox demo --json`, and under "names" up to
/// 1000 of each kind.
std::string to_json(const verdict& v);

} // namespace outbox::harness
