// A peer's bytes may claim anything; what they cost us is bounded by how many they are.

#include "tests/wire/counting_allocator.hpp"
#include "tests/wire/random_message.hpp"

#include <gtest/gtest.h>

namespace outbox::wire {
namespace {

/// The worst ratio that a table allows: an empty compact string takes one byte on the wire and an
/// std::string here, and a false count may reserve once for each level of nesting.
constexpr std::size_t ratio_max = 3 * sizeof(std::string) + 8;

template <class Message>
std::size_t cost_of(bytes_view data, std::int16_t version) {
    const std::size_t before = test::allocated_bytes();
    reader in(data);
    Message received;
    decode(in, received, version);
    return test::allocated_bytes() - before;
}

TEST(wire_allocation, random_bytes_cost_no_more_than_a_multiple_of_their_number) {
    seeded_random random(5);
    test::for_each_message([&]<class Message>(std::int16_t version) {
        for (int i = 0; i < 300; ++i) {
            bytes data(random.below(400), '\0');
            for (char& c : data) // small numbers make likely counts
                c = static_cast<char>(random.below(3) == 0 ? random.next() : random.below(3));
            EXPECT_LE(cost_of<Message>(data, version), ratio_max * data.size())
                << Message::api::name << " v" << version;
        }
    });
}

TEST(wire_allocation, a_damaged_message_costs_no_more_either) {
    seeded_random random(6);
    test::for_each_message([&]<class Message>(std::int16_t version) {
        for (int i = 0; i < 20; ++i) {
            Message sent;
            test::message_maker(random, version).fill(sent);
            const bytes good = encoded(sent, version);
            for (std::size_t at = 0; at < good.size(); ++at) {
                bytes data = good;
                data[at] = static_cast<char>(0x7f);
                EXPECT_LE(cost_of<Message>(data, version), ratio_max * data.size());
            }
        }
    });
}

TEST(wire_allocation, a_count_of_two_billion_costs_nothing) {
    const bytes data("\x7f\xff\xff\xff\0\0\0\0", 8);
    EXPECT_EQ(cost_of<metadata_request>(data, 4), 0u);
    // Compact: 2^32 - 2 topics.
    EXPECT_EQ(cost_of<delete_topics_request>(bytes("\xff\xff\xff\xff\x0f", 5), 4), 0u);
}

} // namespace
} // namespace outbox::wire
