#include "broker/log/producer_states.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace outbox::broker {
namespace {

using verdict = producer_states::verdict;

constexpr std::int32_t last_sequence = std::numeric_limits<std::int32_t>::max();

wire::batch_header batch(
    std::int32_t sequence,
    std::int32_t count,
    std::int64_t base_offset,
    std::int16_t epoch = 0,
    std::int64_t producer = 7
) {
    wire::batch_header header;
    header.base_offset = base_offset;
    header.last_offset_delta = count - 1;
    header.producer_id = producer;
    header.producer_epoch = epoch;
    header.base_sequence = sequence;
    return header;
}

TEST(producer_states, an_unknown_producer_may_begin_anywhere) {
    const producer_states states{10};
    EXPECT_EQ(states.check(batch(0, 1, 0)).what, verdict::append);
    EXPECT_EQ(states.check(batch(4711, 1, 0)).what, verdict::append);
}

TEST(producer_states, a_retry_gets_its_first_offset_for_the_last_five_batches) {
    producer_states states{10};
    for (int i = 0; i < 7; ++i)
        states.note(batch(i * 2, 2, 100 + i * 2));
    for (int i = 2; i < 7; ++i) {
        const auto decision = states.check(batch(i * 2, 2, 0));
        EXPECT_EQ(decision.what, verdict::duplicate);
        EXPECT_EQ(decision.base_offset, 100 + i * 2);
        EXPECT_EQ(decision.last_offset, 101 + i * 2);
    }
    EXPECT_EQ(states.check(batch(2, 2, 0)).what, verdict::out_of_order);
    EXPECT_EQ(states.check(batch(14, 1, 0)).what, verdict::append);
    EXPECT_EQ(states.check(batch(15, 1, 0)).what, verdict::out_of_order);
    EXPECT_EQ(states.check(batch(12, 1, 0)).what, verdict::out_of_order) << "same start, other end";
}

TEST(producer_states, sequence_numbers_begin_again_after_the_last) {
    EXPECT_EQ(sequence_after(last_sequence, 1), 0);
    EXPECT_EQ(sequence_after(last_sequence - 1, 3), 1);
    producer_states states{10};
    states.note(batch(last_sequence - 1, 2, 50));
    EXPECT_EQ(states.check(batch(0, 1, 0)).what, verdict::append);
    states.note(batch(0, 3, 52));
    states.note(batch(3, 1, 55));
    EXPECT_EQ(states.check(batch(last_sequence - 1, 2, 0)).base_offset, 50);
    // A batch across the border.
    producer_states across{10};
    across.note(batch(last_sequence, 3, 9));
    EXPECT_EQ(across.check(batch(2, 1, 0)).what, verdict::append);
    EXPECT_EQ(across.check(batch(last_sequence, 3, 0)).what, verdict::duplicate);
}

TEST(producer_states, an_older_epoch_is_refused_and_a_newer_begins_at_zero) {
    producer_states states{10};
    states.note(batch(0, 1, 0, 3));
    EXPECT_EQ(states.check(batch(1, 1, 0, 2)).what, verdict::invalid_epoch);
    EXPECT_EQ(states.check(batch(1, 1, 0, 4)).what, verdict::out_of_order);
    EXPECT_EQ(states.check(batch(0, 1, 0, 4)).what, verdict::append);
    states.note(batch(0, 1, 1, 4));
    EXPECT_EQ(states.check(batch(1, 1, 0, 3)).what, verdict::invalid_epoch);
    EXPECT_EQ(states.check(batch(0, 1, 0, 4)).what, verdict::duplicate);
}

TEST(producer_states, memory_is_bounded_and_the_longest_silent_goes_first) {
    producer_states states{3};
    for (std::int64_t producer = 0; producer < 3; ++producer)
        states.note(batch(0, 1, producer, 0, producer));
    states.note(batch(1, 1, 3, 0, 0)); // 0 speaks again: 1 is the oldest now
    states.note(batch(0, 1, 4, 0, 99));
    EXPECT_EQ(states.count(), 3U);
    EXPECT_EQ(states.check(batch(500, 1, 0, 0, 1)).what, verdict::append) << "forgotten";
    EXPECT_EQ(states.check(batch(500, 1, 0, 0, 0)).what, verdict::out_of_order) << "known";
}

TEST(producer_states, a_snapshot_gives_the_same_answers) {
    producer_states states{100};
    for (std::int64_t producer = 0; producer < 50; ++producer) {
        for (std::int32_t i = 0; i < 8; ++i)
            states.note(batch(i, 1, producer * 10 + i, 1, producer));
    }
    const auto copy = producer_states::decode(states.encode(), 100);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->encode(), states.encode());
    EXPECT_EQ(copy->check(batch(5, 1, 0, 1, 49)).base_offset, 495);
    bytes cut = states.encode();
    cut.pop_back();
    EXPECT_FALSE(producer_states::decode(cut, 100));
    EXPECT_EQ(producer_states::decode(states.encode(), 10)->count(), 10U);
}

} // namespace
} // namespace outbox::broker
