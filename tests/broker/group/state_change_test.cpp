#include "broker/group/state_change.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/base/random.hpp"
#include "wire/record_batch.hpp"

#include <gtest/gtest.h>

namespace outbox::broker {
namespace {

topic_id id_of(unsigned char first) {
    topic_id id{};
    id[0] = first;
    return id;
}

const committed_offset some_offset{
    .offset = 4711,
    .leader_epoch = 3,
    .metadata = "note",
    .committed_ms = 1'800'000'000'000,
    .topic = id_of(7)};
const group_memory some_memory{
    .protocol_type = "consumer",
    .generation = 5,
    .protocol = "range",
    .leader = "me",
    .changed_ms = 1'800'000'000'000};

/// What follows the header of the one batch.
std::string records_of(const state_change& change) {
    const auto batches = encode_changes({&change, 1}, 0);
    return to_hex(bytes_view(batches.at(0)).substr(wire::batch_header_bytes));
}

TEST(state_change, has_golden_bytes) {
    // Record: length, attributes, deltas of time and offset, key, value, headers.
    EXPECT_EQ(
        records_of(offset_change{"g", "orders", 2, some_offset}),
        "a801000000"
        "22000100016700066f726465727300000002"
        "380003000000000000126700000003"
        "00046e6f7465000001a3185c5000"
        "021e6f7574626f782d746f7069632d6964"
        "2007000000000000000000000000000000"
    );
    EXPECT_EQ(
        records_of(offset_change{"g", "orders", 2, std::nullopt}),
        "2e000000"
        "22000100016700066f726465727300000002"
        "0100"
    );
    EXPECT_EQ(
        records_of(group_change{"g", some_memory}),
        "64000000"
        "0a0002000167"
        "4e00030008636f6e73756d657200000005000572616e676500026d65"
        "000001a3185c500000000000"
        "00"
    );
}

TEST(state_change, comes_back_as_it_went_in_batches_of_bounded_size) {
    seeded_random random(1);
    std::vector<state_change> changes;
    for (int i = 0; i < 2000; ++i) {
        const std::string group = "group-" + std::to_string(random.below(50));
        if (random.below(4) == 0) {
            changes.emplace_back(group_change{group, std::nullopt});
            if (random.below(2) == 0) {
                group_memory memory = some_memory;
                memory.generation = static_cast<std::int32_t>(random.below(1000));
                memory.leader = random.below(2) == 0 ? "" : "leader";
                std::get<group_change>(changes.back()).value = memory;
            }
        } else {
            changes.emplace_back(offset_change{group, "topic", i, std::nullopt});
            if (random.below(4) != 0) {
                committed_offset committed = some_offset;
                committed.offset = static_cast<std::int64_t>(random.next() >> 1);
                committed.metadata = std::string(random.below(200), 'm');
                std::get<offset_change>(changes.back()).value = committed;
            }
        }
    }
    constexpr std::size_t batch_bytes = 10'000;
    const auto batches = encode_changes(changes, 0, batch_bytes);
    EXPECT_GT(batches.size(), 5U);
    std::vector<state_change> back;
    for (const bytes& batch : batches) {
        EXPECT_LE(batch.size(), batch_bytes + 1000);
        ASSERT_TRUE(wire::check_produced_batch(batch).ok());
        ASSERT_TRUE(decode_changes(batch, back));
    }
    EXPECT_EQ(back, changes);
}

bytes batch_with(bytes_view key, std::optional<bytes_view> value) {
    return wire::make_batch({}, {{.key = key, .value = value}});
}

TEST(state_change, what_it_does_not_know_is_refused_and_not_guessed) {
    std::vector<state_change> out;
    using namespace std::string_view_literals;
    EXPECT_FALSE(decode_changes(batch_with("\0\3\0\1g"sv, {}), out)) << "a key of a later version";
    EXPECT_FALSE(decode_changes(batch_with(""sv, {}), out));
    EXPECT_FALSE(decode_changes(batch_with("\0\2\0\1gx"sv, {}), out)) << "a byte too many";
    EXPECT_FALSE(decode_changes(batch_with("\0\2\0\5g"sv, {}), out)) << "a byte too few";
    EXPECT_FALSE(decode_changes(batch_with("\0\2\0\1g"sv, "\0\4"sv), out));
    EXPECT_TRUE(out.empty());
    // An offset without the id of its topic.
    const state_change change = offset_change{"g", "t", 0, some_offset};
    const bytes whole = encode_changes({&change, 1}, 0).at(0);
    bytes storage = whole;
    EXPECT_TRUE(decode_changes(whole, out));
    for (std::size_t cut = 0; cut < whole.size(); ++cut)
        EXPECT_FALSE(decode_changes(bytes_view(whole).substr(0, cut), out)) << cut;
}

} // namespace
} // namespace outbox::broker
