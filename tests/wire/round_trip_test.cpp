#include "tests/wire/random_message.hpp"

#include <gtest/gtest.h>

namespace outbox::wire {
namespace {

template <class Message>
std::string title(std::int16_t version) {
    const bool request = std::is_same_v<Message, typename Message::api::request>;
    return std::string(Message::api::name) + (request ? " request v" : " response v") +
           std::to_string(version);
}

TEST(wire_round_trip, every_message_at_every_version_comes_back_as_it_went) {
    seeded_random random(1);
    int messages = 0;
    test::for_each_message([&]<class Message>(std::int16_t version) {
        SCOPED_TRACE(title<Message>(version));
        for (int i = 0; i < 50; ++i) {
            Message sent;
            test::message_maker(random, version).fill(sent);
            const bytes data = encoded(sent, version);
            reader in(data);
            Message received;
            decode(in, received, version);
            in.expect_end();
            ASSERT_TRUE(in.ok()) << in.error().message() << " in " << in.field();
            ASSERT_EQ(sent, received);
            ASSERT_EQ(encoded(received, version), data);
            ++messages;
        }
    });
    EXPECT_GT(messages, 100 * 50);
}

TEST(wire_round_trip, a_message_cut_at_any_byte_is_refused) {
    seeded_random random(2);
    test::for_each_message([&]<class Message>(std::int16_t version) {
        SCOPED_TRACE(title<Message>(version));
        for (int i = 0; i < 5; ++i) {
            Message sent;
            test::message_maker(random, version).fill(sent);
            const bytes data = encoded(sent, version);
            for (std::size_t cut = 0; cut < data.size(); ++cut) {
                reader in(bytes_view(data).substr(0, cut));
                Message received;
                decode(in, received, version);
                ASSERT_FALSE(in.ok()) << "cut at " << cut << " of " << data.size();
            }
        }
    });
}

TEST(wire_round_trip, unknown_tagged_fields_are_skipped_in_every_structure) {
    fetch_request sent;
    sent.topics.push_back({.name = "orders", .partitions = {{.index = 1, .fetch_offset = 7}}});
    const bytes plain = encoded(sent, 12);
    // Each structure of this message ends with an empty list of tagged fields: partition, topic,
    // forgotten topics are absent, then the message itself. Give the last one an unknown tag.
    bytes extended = plain;
    ASSERT_EQ(extended.back(), '\0');
    extended.pop_back();
    extended += bytes("\x01\x63\x02hi", 5);
    reader in(extended);
    fetch_request received;
    decode(in, received, 12);
    in.expect_end();
    ASSERT_TRUE(in.ok()) << in.error().message();
    EXPECT_EQ(received, sent);
}

TEST(wire_round_trip, more_tagged_fields_than_the_cap_are_refused) {
    bytes data = encoded(init_producer_id_request{}, 4);
    data.pop_back();
    writer out(data);
    out.uvarint(tagged_fields_max + 1);
    for (std::uint32_t i = 0; i <= tagged_fields_max; ++i) {
        out.uvarint(100 + i);
        out.uvarint(0);
    }
    reader in(data);
    init_producer_id_request received;
    decode(in, received, 4);
    EXPECT_EQ(in.error(), decode_error::too_many_tags);
}

TEST(wire_round_trip, the_field_that_failed_is_named) {
    const bytes data = encoded(metadata_request{.topics = {{{.name = "orders"}}}}, 4);
    reader in(bytes_view(data).substr(0, 8));
    metadata_request received;
    decode(in, received, 4);
    EXPECT_EQ(in.error(), decode_error::truncated);
    EXPECT_STREQ(in.field(), "name");
}

} // namespace
} // namespace outbox::wire
