#include "outbox/message/message_id.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace outbox {
namespace {

TEST(message_id, is_a_uuid_of_version_7_that_begins_with_the_time) {
    manual_clock clock;
    seeded_random random{1};
    message_id_generator generator{clock, random};
    const std::string text = generator.next().text();
    ASSERT_EQ(text.size(), 36U);
    EXPECT_EQ(text.substr(0, 13), "01a3185c-5000") << "1'800'000'000 s as milliseconds";
    EXPECT_EQ(text[14], '7');
    EXPECT_NE(std::string{"89ab"}.find(text[19]), std::string::npos);
    EXPECT_EQ(message_id::parse(text)->text(), text);
}

TEST(message_id, rises_while_the_clock_stands_still) {
    manual_clock clock;
    seeded_random random{1};
    message_id_generator generator{clock, random};
    message_id last;
    for (int i = 0; i < 10'000; ++i) {
        const message_id id = generator.next();
        ASSERT_GT(id, last);
        last = id;
    }
}

TEST(message_id, threads_never_get_the_same_one) {
    message_id_generator generator;
    std::vector<std::vector<message_id>> made(4);
    {
        std::vector<std::jthread> threads;
        for (auto& mine : made)
            threads.emplace_back([&generator, &mine] {
                for (int i = 0; i < 2'000; ++i)
                    mine.push_back(generator.next());
            });
    }
    std::set<message_id> all;
    for (const auto& mine : made)
        all.insert(mine.begin(), mine.end());
    EXPECT_EQ(all.size(), 8'000U);
}

TEST(message_id, refuses_what_is_not_an_id) {
    EXPECT_FALSE(message_id::parse(""));
    EXPECT_FALSE(message_id::parse("0190b3d4-0000-7000-8000-00000000000g"));
    EXPECT_FALSE(message_id::parse("0190b3d40-000-7000-8000-000000000001"));
    EXPECT_FALSE(message_id::from_bytes("short"));
}

} // namespace
} // namespace outbox
