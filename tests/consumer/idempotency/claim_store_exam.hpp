#pragma once
// What every place that keeps claims must do. A place takes part by a class:
//
//   std::unique_ptr<claim_store> open();
//   void lapse(key);              makes that the lease of this key of group "billing" is over
//   void age(key);                … that it was done, or claimed, ten days ago
//   static constexpr bool forgets_by_itself;
//
// It is also held to claim_record, the model, by histories that chance makes.

#include "harness/wait_until.hpp"
#include "outbox/base/random.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/store/claim_record.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace outbox {

template <class Place>
class claim_store_exam : public testing::Test {
protected:
    static bytes token(char c) { return bytes(claim_token_bytes, c); }
    static claim_key of(const std::string& key) { return {.group = "billing", .key = key}; }

    Place place;
    std::unique_ptr<claim_store> store = place.open();
};

TYPED_TEST_SUITE_P(claim_store_exam);

TYPED_TEST_P(claim_store_exam, follows_the_model_in_random_histories) {
    using namespace std::chrono_literals;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        seeded_random random{seed};
        std::map<std::string, claim_record> model;
        std::map<std::string, time_point> now;
        for (int step = 0; step < 60; ++step) {
            const std::string key =
                "k" + std::to_string(seed) + std::string(1, '\0') + (random.below(2) ? "a" : "b");
            const bytes token = this->token(static_cast<char>('\xfd' + random.below(3)));
            claim_record& r = model[key];
            time_point& t = now[key];
            const std::string where =
                "seed " + std::to_string(seed) + ", step " + std::to_string(step);
            switch (random.below(6)) {
            case 0:
            case 1: {
                const claim_view expected = r.claim(token, 1h, t);
                const auto seen = this->store->claim(this->of(key), token, 1h);
                ASSERT_TRUE(seen) << where;
                EXPECT_EQ(seen->token, expected.token) << where;
                EXPECT_EQ(seen->done, expected.done) << where;
                if (!seen->done) {
                    EXPECT_GT(seen->remaining, 50min) << where;
                    EXPECT_LE(seen->remaining, 1h) << where;
                }
                break;
            }
            case 2:
                // Seldom, or everything would be done soon.
                if (random.below(4) == 0) {
                    EXPECT_EQ(this->store->complete(this->of(key), token), r.complete(token, t))
                        << where;
                }
                break;
            case 3:
                EXPECT_EQ(this->store->extend(this->of(key), token, 1h), r.extend(token, 1h, t))
                    << where;
                break;
            case 4:
                this->store->release(this->of(key), token);
                r.release(token);
                break;
            case 5:
                this->place.lapse(key);
                t += 2h;
                break;
            }
        }
    }
}

TYPED_TEST_P(claim_store_exam, a_lease_ends_by_the_clock_of_the_place) {
    using namespace std::chrono_literals;
    ASSERT_EQ(this->store->claim(this->of("k"), this->token('a'), 300ms)->token, this->token('a'));
    harness::wait_until(
        [&] {
            return this->store->claim(this->of("k"), this->token('b'), 1h)->token ==
                   this->token('b');
        },
        10s,
        "the lease to end"
    );
    EXPECT_FALSE(this->store->complete(this->of("k"), this->token('a')));
    EXPECT_TRUE(this->store->complete(this->of("k"), this->token('b')));
}

TYPED_TEST_P(claim_store_exam, groups_and_keys_are_apart) {
    using namespace std::chrono_literals;
    const std::string longest(message_key_bytes_max, '\xff');
    const bytes a = this->token('a');
    for (const std::string group : {"billing", "shipping", "billing2"})
        for (const std::string& key :
             {std::string{"k"}, std::string{"K"}, std::string{"k "}, longest})
            EXPECT_TRUE(this->store->complete({.group = group, .key = key}, a));
    EXPECT_TRUE(this->store->claim({.group = "billing", .key = longest}, a, 1s)->done);
    EXPECT_FALSE(this->store->claim({.group = "billing", .key = "k\n"}, a, 1s)->done);
}

TYPED_TEST_P(claim_store_exam, one_of_many_at_once_gets_it) {
    using namespace std::chrono_literals;
    constexpr int keys = 30;
    std::vector<std::atomic<int>> winners(keys);
    const auto work = [&](char name) {
        const auto mine = this->place.open();
        for (std::size_t i = 0; i < keys; ++i) {
            const std::string key = "race " + std::to_string(i);
            const auto seen = mine->claim(this->of(key), this->token(name), 1h);
            if (seen && seen->token == this->token(name))
                ++winners[i];
        }
    };
    {
        std::vector<std::jthread> workers;
        for (const char name : {'a', 'b', 'c', 'd'})
            workers.emplace_back(work, name);
    }
    for (const auto& count : winners)
        EXPECT_EQ(count, 1);
}

TYPED_TEST_P(claim_store_exam, what_is_old_is_forgotten_in_pieces) {
    using namespace std::chrono_literals;
    if (TypeParam::forgets_by_itself) {
        EXPECT_EQ(this->store->forget_before(1h, 10), 0U);
        return;
    }
    const bytes a = this->token('a');
    for (const char* key : {"done 1", "done 2", "done 3"})
        EXPECT_TRUE(this->store->complete(this->of(key), a));
    for (const char* key : {"left", "held"})
        this->store->claim(this->of(key), a, 23h);
    this->place.lapse("left");
    for (const char* key : {"done 1", "done 2", "left", "held"})
        this->place.age(key);
    EXPECT_EQ(this->store->forget_before(11 * 24h, 10), 0U);
    EXPECT_EQ(this->store->forget_before(9 * 24h, 2), 2U);
    EXPECT_EQ(this->store->forget_before(9 * 24h, 2), 1U);
    EXPECT_EQ(this->store->forget_before(9 * 24h, 2), 0U);
    EXPECT_TRUE(this->store->claim(this->of("done 3"), a, 1s)->done);
    EXPECT_EQ(this->store->claim(this->of("held"), this->token('b'), 1s)->token, a);
    EXPECT_FALSE(this->store->claim(this->of("done 1"), this->token('b'), 1s)->done);
}

REGISTER_TYPED_TEST_SUITE_P(
    claim_store_exam,
    follows_the_model_in_random_histories,
    a_lease_ends_by_the_clock_of_the_place,
    groups_and_keys_are_apart,
    one_of_many_at_once_gets_it,
    what_is_old_is_forgotten_in_pieces
);

} // namespace outbox
