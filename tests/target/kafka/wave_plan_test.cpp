#include "outbox/target/kafka/wave_plan.hpp"

#include "tests/target/kafka/messages.hpp"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

namespace outbox::kafka {
namespace {

using ::testing::ElementsAre;
using kind = wave_plan::kind;

std::vector<std::size_t> positions(const wave_plan::round& round) {
    return {round.positions.begin(), round.positions.end()};
}

std::map<std::size_t, delivery_outcome> outcomes_of(wave_plan& plan) {
    std::vector<delivery_outcome> all;
    plan.take_outcomes(all);
    std::map<std::size_t, delivery_outcome> by_position;
    for (auto& outcome : all) {
        EXPECT_FALSE(by_position.contains(outcome.index)) << "answered twice: " << outcome.index;
        by_position.emplace(outcome.index, std::move(outcome));
    }
    return by_position;
}

TEST(wave_plan, one_subject_is_one_round) {
    mailbag bag;
    bag.add("s", "k", "0");
    bag.add("s", std::nullopt, "1");
    bag.add("s", "k", "2");
    wave_plan plan{bag.wave()};
    const auto round = plan.next();
    EXPECT_EQ(round.kind, kind::send_together);
    EXPECT_THAT(positions(round), ElementsAre(0, 1, 2));
    for (std::size_t i = 0; i < 3; ++i)
        plan.answer(i, verdict::delivered, {});
    EXPECT_EQ(plan.next().kind, kind::finished);
    EXPECT_EQ(outcomes_of(plan).size(), 3U);
}

TEST(wave_plan, key_that_changes_its_subject_waits_for_the_answer) {
    mailbag bag;
    bag.add("created", "k", "0");
    bag.add("paid", "k", "1");
    bag.add("paid", "other", "2");
    bag.add("paid", "k", "3");
    bag.add("created", "k", "4");
    bag.add("paid", std::nullopt, "5");
    wave_plan plan{bag.wave()};
    EXPECT_THAT(positions(plan.next()), ElementsAre(0, 2, 5));
    for (const std::size_t i : {0, 2, 5})
        plan.answer(i, verdict::delivered, {});
    EXPECT_THAT(positions(plan.next()), ElementsAre(1, 3));
    for (const std::size_t i : {1, 3})
        plan.answer(i, verdict::delivered, {});
    EXPECT_THAT(positions(plan.next()), ElementsAre(4));
    plan.answer(4, verdict::delivered, {});
    EXPECT_EQ(plan.next().kind, kind::finished);
}

TEST(wave_plan, later_subject_of_a_key_is_not_sent_when_the_earlier_was_lost) {
    mailbag bag;
    bag.add("created", "k", "0");
    bag.add("paid", "k", "1");
    wave_plan plan{bag.wave()};
    plan.next();
    plan.answer(0, verdict::lost, "broker away");
    EXPECT_EQ(plan.next().kind, kind::finished);
    const auto outcomes = outcomes_of(plan);
    EXPECT_EQ(outcomes.at(0).fate, fate::unavailable);
    EXPECT_EQ(outcomes.at(1).fate, fate::unavailable);
    EXPECT_EQ(outcomes.at(1).reason, "broker away");
}

TEST(wave_plan, message_refused_before_sending_holds_back_what_follows_under_its_key) {
    mailbag bag;
    bag.add("s", "k", "0");
    bag.add("s", "k", "1");
    bag.add("s", "k", "2");
    bag.add("s", "other", "3");
    wave_plan plan{bag.wave()};
    plan.next();
    EXPECT_TRUE(plan.may_send(0));
    plan.refuse(1, "too long");
    EXPECT_FALSE(plan.may_send(2));
    EXPECT_TRUE(plan.may_send(3));
    plan.answer(0, verdict::delivered, {});
    plan.answer(3, verdict::delivered, {});
    EXPECT_EQ(plan.next().kind, kind::finished);
    const auto outcomes = outcomes_of(plan);
    EXPECT_EQ(outcomes.at(0).fate, fate::delivered);
    EXPECT_EQ(outcomes.at(1).fate, fate::rejected);
    EXPECT_EQ(outcomes.at(1).reason, "too long");
    EXPECT_EQ(outcomes.at(2).fate, fate::unavailable);
    EXPECT_EQ(outcomes.at(2).reason, "behind a rejected message of its key");
    EXPECT_EQ(outcomes.at(3).fate, fate::delivered);
}

TEST(wave_plan, suspects_of_a_refused_batch_are_sent_alone) {
    mailbag bag;
    bag.add("s", "a", "0");
    bag.add("s", "b", "1"); // the poison
    bag.add("s", "a", "2");
    bag.add("s", "b", "3");
    bag.add("s", "c", "4"); // lost when the refusal stopped the producer
    wave_plan plan{bag.wave()};
    plan.next();
    for (const std::size_t i : {0, 1, 2, 3})
        plan.answer(i, verdict::content_refused, "too large");
    plan.answer(4, verdict::lost, "stopped");

    auto round = plan.next();
    EXPECT_EQ(round.kind, kind::send_alone);
    EXPECT_THAT(positions(round), ElementsAre(0));
    plan.answer(0, verdict::delivered, {});
    EXPECT_THAT(positions(plan.next()), ElementsAre(1));
    plan.answer(1, verdict::content_refused, "too large");
    EXPECT_THAT(positions(plan.next()), ElementsAre(2));
    plan.answer(2, verdict::delivered, {});
    round = plan.next(); // 3 is behind 1
    EXPECT_EQ(round.kind, kind::send_together);
    EXPECT_THAT(positions(round), ElementsAre(4));
    plan.answer(4, verdict::delivered, {});
    EXPECT_EQ(plan.next().kind, kind::finished);
    EXPECT_FALSE(plan.batch_was_too_large());
    const auto outcomes = outcomes_of(plan);
    EXPECT_EQ(outcomes.at(1).fate, fate::rejected);
    EXPECT_EQ(outcomes.at(3).fate, fate::unavailable);
    EXPECT_EQ(outcomes.at(4).fate, fate::delivered);
}

TEST(wave_plan, suspects_that_pass_alone_show_that_the_batch_was_too_large) {
    mailbag bag;
    bag.add("s", "a", "0");
    bag.add("s", "b", "1");
    wave_plan plan{bag.wave()};
    plan.next();
    plan.answer(0, verdict::content_refused, "too large");
    plan.answer(1, verdict::content_refused, "too large");
    for (const std::size_t i : {0, 1}) {
        EXPECT_THAT(positions(plan.next()), ElementsAre(i));
        plan.answer(i, verdict::delivered, {});
    }
    EXPECT_EQ(plan.next().kind, kind::finished);
    EXPECT_TRUE(plan.batch_was_too_large());
}

TEST(wave_plan, target_that_goes_away_while_suspects_are_tried_ends_the_wave) {
    mailbag bag;
    for (int i = 0; i < 4; ++i)
        bag.add("s", "k" + std::to_string(i), "");
    wave_plan plan{bag.wave()};
    plan.next();
    for (std::size_t i = 0; i < 4; ++i)
        plan.answer(i, verdict::content_refused, "?");
    plan.next();
    plan.answer(0, verdict::lost, "gone");
    EXPECT_EQ(plan.next().kind, kind::finished);
    for (const auto& [position, outcome] : outcomes_of(plan))
        EXPECT_EQ(outcome.fate, fate::unavailable) << position;
}

// A cluster in which each subject is one partition: a batch is taken or refused as a whole, nothing
// is taken behind a gap, and connections break at any time.
TEST(wave_plan, order_by_key_survives_any_mixture_of_refusals_and_losses) {
    for (unsigned seed = 1; seed <= 3'000; ++seed) {
        std::mt19937 random{seed};
        const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
        mailbag bag;
        std::set<std::size_t> poison;
        const auto subject_count = 1 + below(3);
        for (std::size_t i = 0, count = 1 + below(30); i < count; ++i) {
            std::optional<std::string> key;
            if (below(5) != 0)
                key = std::string(1, static_cast<char>('a' + below(4)));
            bag.add(std::string(1, static_cast<char>('A' + below(subject_count))), key, "");
            if (below(8) == 0)
                poison.insert(i);
        }
        const bool address_of_c_is_bad = below(4) == 0;
        const auto is_refused = [&](std::size_t p) {
            return poison.contains(p) || (address_of_c_is_bad && bag[p].content.subject == "C");
        };
        const auto loss_rate = below(3) == 0 ? 10U : 1'000U;

        wave_plan plan{bag.wave()};
        std::vector<std::size_t> log;
        std::size_t rounds = 0;
        for (auto round = plan.next(); round.kind != kind::finished; round = plan.next()) {
            ASSERT_LT(++rounds, 200U) << "seed " << seed;
            std::map<std::string, std::vector<std::size_t>> partitions;
            for (const auto p : round.positions) {
                if (plan.may_send(p))
                    partitions[bag[p].content.subject].push_back(p);
            }
            bool stopped = false; // by a refusal in any partition, at a time of its own
            for (auto& [subject, queue] : partitions) {
                bool gap = stopped && below(2) == 0;
                for (std::size_t begin = 0; begin < queue.size();) {
                    const auto end = std::min(queue.size(), begin + 1 + below(6));
                    const std::vector<std::size_t> batch(
                        queue.begin() + begin,
                        queue.begin() + end
                    ); // NOLINT
                    const bool refused = std::any_of(batch.begin(), batch.end(), is_refused);
                    const bool lost = gap || below(loss_rate) == 0;
                    for (const auto p : batch) {
                        if (lost)
                            plan.answer(p, verdict::lost, "lost");
                        else if (!refused) {
                            log.push_back(p);
                            plan.answer(p, verdict::delivered, {});
                        } else if (address_of_c_is_bad && subject == "C")
                            plan.answer(p, verdict::address_refused, "no");
                        else
                            plan.answer(p, verdict::content_refused, "no");
                    }
                    gap = gap || lost || refused;
                    stopped = stopped || refused;
                    begin = end;
                }
            }
        }
        const auto outcomes = outcomes_of(plan);
        ASSERT_EQ(outcomes.size(), bag.size()) << "seed " << seed;
        ASSERT_EQ(plan.open_count(), 0U);
        std::map<std::string, std::size_t> last_of_key;
        for (const auto p : log) {
            ASSERT_EQ(outcomes.at(p).fate, fate::delivered) << "seed " << seed;
            if (const auto& key = bag[p].content.key) {
                const auto [last, fresh] = last_of_key.try_emplace(*key, p);
                ASSERT_TRUE(fresh || last->second < p)
                    << "seed " << seed << ": " << p << " after " << last->second;
                last->second = p;
            }
        }
        // Nothing of a key was accepted behind something of it that was not.
        std::map<std::string, std::size_t> first_open;
        for (std::size_t p = 0; p < bag.size(); ++p) {
            const auto& key = bag[p].content.key;
            if (!key)
                continue;
            if (outcomes.at(p).fate != fate::delivered)
                first_open.try_emplace(*key, p);
            else
                ASSERT_FALSE(first_open.contains(*key)) << "seed " << seed << ": " << p;
            ASSERT_TRUE(outcomes.at(p).fate != fate::rejected || is_refused(p))
                << "seed " << seed << ": an innocent was rejected";
        }
    }
}

} // namespace
} // namespace outbox::kafka
