#include "broker/server/request_pipeline.hpp"
#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace outbox::broker {
namespace {

constexpr request_pipeline::limits roomy{.requests_max = 100, .bytes_max = 1000};

std::vector<bytes> take_all(request_pipeline& pipeline) {
    std::vector<bytes> out;
    while (auto answer = pipeline.take_writable())
        out.push_back(std::move(*answer));
    return out;
}

TEST(request_pipeline, answers_leave_in_the_order_of_the_requests) {
    request_pipeline pipeline(roomy);
    const auto a = pipeline.open(1);
    const auto b = pipeline.open(1);
    const auto c = pipeline.open(1);
    pipeline.close(c, "c");
    EXPECT_EQ(take_all(pipeline), std::vector<bytes>{});
    pipeline.close(a, "a");
    EXPECT_EQ(take_all(pipeline), std::vector<bytes>{"a"});
    pipeline.close(b, "b");
    EXPECT_EQ(take_all(pipeline), (std::vector<bytes>{"b", "c"}));
}

TEST(request_pipeline, a_request_without_an_answer_blocks_nobody) {
    request_pipeline pipeline(roomy);
    const auto a = pipeline.open(1);
    const auto silent = pipeline.open(1);
    const auto c = pipeline.open(1);
    pipeline.close(c, "c");
    pipeline.close(a, "a");
    EXPECT_EQ(take_all(pipeline), std::vector<bytes>{"a"});
    pipeline.close(silent, std::nullopt);
    EXPECT_EQ(take_all(pipeline), std::vector<bytes>{"c"});
    pipeline.close(pipeline.open(1), std::nullopt);
    pipeline.written(2);
    EXPECT_TRUE(pipeline.idle());
}

TEST(request_pipeline, reading_stops_at_either_limit) {
    request_pipeline by_count({.requests_max = 2, .bytes_max = 1000});
    by_count.open(1);
    EXPECT_TRUE(by_count.may_read());
    const auto second = by_count.open(1);
    EXPECT_FALSE(by_count.may_read());
    by_count.close(second, "late");
    EXPECT_FALSE(by_count.may_read()) << "an answer that cannot leave yet still takes its place";

    request_pipeline by_bytes({.requests_max = 100, .bytes_max = 10});
    const auto large = by_bytes.open(5000);
    EXPECT_FALSE(by_bytes.may_read());
    by_bytes.close(large, bytes(20, 'x'));
    EXPECT_FALSE(by_bytes.may_read());
    EXPECT_EQ(take_all(by_bytes).size(), 1u);
    EXPECT_FALSE(by_bytes.may_read()) << "a client that does not take its answers sends no more";
    by_bytes.written(20);
    EXPECT_TRUE(by_bytes.may_read());
}

TEST(request_pipeline, an_answer_given_twice_or_too_late_is_ignored) {
    request_pipeline pipeline(roomy);
    const auto a = pipeline.open(5);
    pipeline.close(a, "first");
    pipeline.close(a, "second");
    EXPECT_EQ(take_all(pipeline), std::vector<bytes>{"first"});
    pipeline.close(a, "third");
    pipeline.close(a + 100, "never asked");
    EXPECT_EQ(take_all(pipeline), std::vector<bytes>{});
    pipeline.written(5);
    EXPECT_TRUE(pipeline.idle());
}

TEST(request_pipeline, any_order_of_completion_gives_the_order_of_arrival) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        seeded_random random(seed);
        request_pipeline pipeline(roomy);
        std::vector<request_pipeline::slot> open;
        std::vector<bytes> expected;
        std::vector<bytes> got;
        std::size_t sent = 0;
        while (sent < 50 || !open.empty()) {
            if (sent < 50 && random.below(2) == 0) {
                open.push_back(pipeline.open(3));
                if (sent % 3 != 0)
                    expected.push_back(std::to_string(sent));
                ++sent;
            } else if (!open.empty()) {
                const auto at =
                    open.begin() + static_cast<std::ptrdiff_t>(random.below(open.size()));
                if (*at % 3 != 0)
                    pipeline.close(*at, std::to_string(*at));
                else
                    pipeline.close(*at, std::nullopt);
                open.erase(at);
            }
            for (auto& answer : take_all(pipeline)) {
                pipeline.written(answer.size());
                got.push_back(std::move(answer));
            }
        }
        EXPECT_EQ(got, expected) << "seed " << seed;
        EXPECT_TRUE(pipeline.idle());
    }
}

} // namespace
} // namespace outbox::broker
