#include "outbox/store/claim_record.hpp"

#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const time_point start{1'000'000s};

TEST(claim_record, one_holds_it_until_its_lease_is_over) {
    claim_record r;
    EXPECT_EQ(r.claim("a", 10s, start).token, "a");
    const claim_view seen = r.claim("b", 10s, start + 4s);
    EXPECT_EQ(seen.token, "a");
    EXPECT_FALSE(seen.done);
    EXPECT_EQ(seen.remaining, 6s);
    EXPECT_EQ(r.claim("b", 10s, start + 10s - 1ns).token, "a");
    EXPECT_EQ(r.claim("b", 10s, start + 10s).token, "b");
}

TEST(claim_record, a_claim_whose_answer_was_lost_is_made_again_by_its_token) {
    claim_record r;
    r.claim("a", 10s, start);
    const claim_view again = r.claim("a", 10s, start + 5s);
    EXPECT_EQ(again.token, "a");
    EXPECT_EQ(again.remaining, 10s);
    EXPECT_TRUE(r.complete("a", start));
    EXPECT_TRUE(r.complete("a", start)) << "so is a complete()";
    EXPECT_TRUE(r.claim("a", 10s, start).done);
}

TEST(claim_record, only_what_was_completed_is_done) {
    claim_record r;
    r.claim("a", 10s, start);
    r.release("a");
    EXPECT_TRUE(r.is_absent());
    r.claim("b", 10s, start);
    EXPECT_FALSE(r.complete("a", start)) << "b is at work";
    EXPECT_FALSE(r.claim("c", 10s, start).done);
    EXPECT_TRUE(r.complete("b", start));
    r.release("b");
    EXPECT_TRUE(r.claim("c", 10s, start + 1h).done);
}

TEST(claim_record, who_was_slow_and_was_not_overtaken_is_believed) {
    claim_record r;
    r.claim("a", 10s, start);
    EXPECT_FALSE(r.extend("a", 10s, start + 11s));
    EXPECT_TRUE(r.complete("a", start + 11s));
}

struct model_agent {
    bytes token{};
    time_point lease_until{};
};

// Four workers on one key, with every order of claims, deaths, pauses that outlast the lease, gifts
// back and completions that chance makes. A worker that died may turn out to have been asleep.
TEST(claim_record, in_any_history_one_live_holder_and_one_completion) {
    int stolen = 0;
    int completed = 0;
    for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
        seeded_random random{seed};
        claim_record r;
        time_point now = start;
        std::vector<model_agent> holders;
        std::set<bytes> believed;
        int tokens = 0;
        for (int step = 0; step < 60; ++step) {
            now += std::chrono::milliseconds{random.below(3'000)};
            const auto any = [&]() -> model_agent& {
                return holders[random.below(holders.size())];
            };
            const std::uint64_t what = random.below(10);
            if (what < 4 || holders.empty()) {
                const bytes token = "t" + std::to_string(++tokens);
                const claim_view seen = r.claim(token, 5s, now);
                EXPECT_EQ(seen.done, !believed.empty());
                if (!seen.done && seen.token == token) {
                    for (const model_agent& other : holders)
                        EXPECT_LE(other.lease_until, now) << "two live holders, seed " << seed;
                    stolen += holders.empty() ? 0 : 1;
                    holders.push_back({token, now + 5s});
                }
            } else if (what < 6) {
                model_agent& one = any();
                if (r.extend(one.token, 5s, now)) {
                    EXPECT_GT(one.lease_until, now);
                    one.lease_until = now + 5s;
                }
            } else if (what < 8) {
                model_agent& one = any();
                r.release(one.token);
                one.lease_until = std::min(one.lease_until, now);
            } else {
                const model_agent& one = any();
                const bool live = one.lease_until > now;
                const bool was_first = believed.empty();
                if (r.complete(one.token, now))
                    believed.insert(one.token);
                else
                    EXPECT_FALSE(live && was_first) << "a live holder was refused, seed " << seed;
            }
            ASSERT_LE(believed.size(), 1U) << "seed " << seed;
        }
        completed += static_cast<int>(believed.size());
    }
    EXPECT_GT(stolen, 1'000) << "or the test has tested little";
    EXPECT_GT(completed, 1'000);
}

} // namespace
} // namespace outbox
