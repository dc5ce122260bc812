#include "outbox/producer/pending_fates.hpp"

#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

#include <map>

namespace outbox {
namespace {

using namespace std::chrono_literals;

message_id id_of(unsigned number) {
    message_id::array raw{};
    raw[0] = static_cast<unsigned char>(number >> 8U);
    raw[1] = static_cast<unsigned char>(number);
    raw[15] = 1;
    return message_id{raw};
}

class pending_fates : public ::testing::Test {
protected:
    manual_clock clock;
    outbox::pending_fates fates;
    std::vector<settled_fate> settled;
    std::vector<watcher> forgotten;

    void admit(unsigned number, committer by = committer::producer) {
        watcher who;
        who.listener.on_delivered = [](const delivery_report&) {};
        fates.admit(id_of(number), "orders.paid", std::move(who), by);
    }
    void commit(unsigned number, std::chrono::milliseconds deadline = 30s) {
        fates.committed(id_of(number), clock.ticks() + deadline, settled);
    }
    void hear(unsigned number, send_fate fate = send_fate::delivered) {
        fates.heard(
            {.id = id_of(number), .fate = fate, .attempts = 1, .position = {2, 7}},
            settled
        );
    }
    void expire() { fates.expire(clock.ticks(), settled, forgotten); }
    std::vector<send_fate> told() {
        std::vector<send_fate> all;
        for (const settled_fate& s : settled)
            all.push_back(s.report.fate);
        return all;
    }
};

using fate_list = std::vector<send_fate>;

TEST_F(pending_fates, a_receipt_after_the_commit_settles_it) {
    admit(1);
    commit(1);
    EXPECT_EQ(told(), fate_list{});
    hear(1);
    ASSERT_EQ(told(), fate_list{send_fate::delivered});
    EXPECT_EQ(settled[0].report.id, id_of(1));
    EXPECT_EQ(settled[0].report.subject, "orders.paid");
    EXPECT_EQ(settled[0].report.attempts, 1U);
    EXPECT_EQ(settled[0].report.position, (target_position{2, 7}));
    EXPECT_TRUE(settled[0].who.listener.on_delivered);
    EXPECT_EQ(fates.size(), 0U);
}

TEST_F(pending_fates, a_receipt_that_is_faster_than_the_answer_to_commit_waits_for_it) {
    admit(1);
    hear(1);
    EXPECT_EQ(told(), fate_list{}) << "called before COMMIT";
    commit(1);
    EXPECT_EQ(told(), fate_list{send_fate::delivered});
}

TEST_F(pending_fates, nothing_is_told_after_a_rollback_whatever_comes) {
    admit(1);
    hear(1);
    EXPECT_FALSE(fates.withdraw(id_of(1)).empty());
    hear(1);
    commit(1);
    clock.advance(1h);
    expire();
    EXPECT_EQ(told(), fate_list{});
    EXPECT_TRUE(fates.withdraw(id_of(1)).empty());
}

TEST_F(pending_fates, without_a_receipt_it_is_left_to_the_watchdog_at_its_deadline_and_not_before) {
    admit(1);
    commit(1, 100ms);
    EXPECT_EQ(fates.next_deadline(), clock.ticks() + 100ms);
    clock.advance(99ms);
    expire();
    EXPECT_EQ(told(), fate_list{});
    clock.advance(1ms);
    expire();
    ASSERT_EQ(told(), fate_list{send_fate::left_to_watchdog});
    EXPECT_NE(settled[0].report.error.find("do not send it again"), std::string::npos);
    EXPECT_EQ(fates.next_deadline(), std::nullopt);
}

TEST_F(pending_fates, a_receipt_around_the_deadline_ends_it_once) {
    for (const auto offset : {-1ms, 0ms, 1ms}) {
        settled.clear();
        admit(1);
        commit(1, 100ms);
        clock.advance(100ms + offset);
        expire();
        hear(1);
        clock.advance(1ms);
        expire();
        hear(1);
        EXPECT_EQ(
            told(),
            fate_list{offset < 0ms ? send_fate::delivered : send_fate::left_to_watchdog}
        );
    }
}

TEST_F(pending_fates, a_refusal_is_told_once_though_the_relay_repeats_it) {
    admit(1);
    commit(1);
    hear(1, send_fate::rejected);
    hear(1, send_fate::rejected);
    hear(1, send_fate::delivered);
    EXPECT_EQ(told(), fate_list{send_fate::rejected});
}

TEST_F(pending_fates, a_receipt_proves_the_commit_of_a_user) {
    admit(1, committer::user);
    hear(1);
    EXPECT_EQ(told(), fate_list{send_fate::delivered});
}

TEST_F(pending_fates, a_user_who_says_nothing_may_have_rolled_back) {
    admit(1, committer::user);
    clock.advance(1h);
    expire();
    EXPECT_EQ(fates.size(), 1U) << "the transaction is still open";
    fates.forget_at(id_of(1), clock.ticks() + 30s);
    clock.advance(30s);
    expire();
    EXPECT_EQ(told(), fate_list{});
    EXPECT_EQ(forgotten.size(), 1U);
    EXPECT_EQ(fates.size(), 0U);
}

TEST_F(pending_fates, a_user_who_says_committed_starts_the_deadline) {
    admit(1, committer::user);
    fates.forget_at(id_of(1), clock.ticks() + 30s);
    clock.advance(20s);
    commit(1, 30s);
    clock.advance(29s);
    expire();
    EXPECT_EQ(told(), fate_list{});
    clock.advance(1s);
    expire();
    EXPECT_EQ(told(), fate_list{send_fate::left_to_watchdog});
}

TEST_F(pending_fates, the_end_leaves_to_the_watchdog_what_is_committed_and_the_rest_when_it_is) {
    admit(1);
    admit(2);
    admit(3);
    commit(1);
    fates.close(settled);
    EXPECT_EQ(told(), fate_list{send_fate::left_to_watchdog});
    commit(2);
    EXPECT_EQ(told(), (fate_list{send_fate::left_to_watchdog, send_fate::left_to_watchdog}));
    fates.withdraw(id_of(3));
    EXPECT_EQ(fates.size(), 0U);
}

// Whatever happens in whatever order: one end for each committed message, none for any other, and
// never one before its commit.
TEST_F(pending_fates, every_committed_message_ends_exactly_once_under_any_schedule) {
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        seeded_random random{seed};
        outbox::pending_fates machine;
        std::vector<settled_fate> ends;
        struct truth {
            bool committed = false;
            bool withdrawn = false;
            bool forgotten_later = false;
        };
        std::map<unsigned, truth> messages;
        unsigned made = 0;
        std::size_t checked = 0;
        for (int step = 0; step < 400; ++step) {
            const auto any = static_cast<unsigned>(random.below(made + 1));
            switch (random.below(8)) {
            case 0:
            case 1:
                machine.admit(id_of(made), "s", {}, committer::producer);
                messages[made++] = {};
                break;
            case 2:
            case 3:
                if (any < made && !messages[any].withdrawn) {
                    messages[any].committed = true;
                    machine.committed(
                        id_of(any),
                        clock.ticks() + std::chrono::milliseconds{random.below(5)},
                        ends
                    );
                }
                break;
            case 4:
                if (any < made && !messages[any].committed) {
                    messages[any].withdrawn = true;
                    machine.withdraw(id_of(any));
                }
                break;
            case 5:
                machine.heard(
                    {.id = id_of(any),
                     .fate = random.below(4) == 0 ? send_fate::rejected : send_fate::delivered},
                    ends
                );
                break;
            case 6:
                clock.advance(std::chrono::milliseconds{random.below(3)});
                break;
            default:
                machine.expire(clock.ticks(), ends, forgotten);
                break;
            }
            for (; checked < ends.size(); ++checked) {
                const auto raw = ends[checked].report.id.raw();
                const unsigned number = static_cast<unsigned>(static_cast<unsigned char>(raw[0]))
                                            << 8U |
                                        static_cast<unsigned char>(raw[1]);
                ASSERT_TRUE(messages[number].committed) << "seed " << seed;
            }
        }
        for (unsigned i = 0; i < made; ++i) {
            if (!messages[i].committed && !messages[i].withdrawn)
                machine.withdraw(id_of(i));
        }
        machine.close(ends);
        std::map<message_id, int> counts;
        for (const settled_fate& end : ends)
            ++counts[end.report.id];
        for (unsigned i = 0; i < made; ++i)
            ASSERT_EQ(counts[id_of(i)], messages[i].committed ? 1 : 0)
                << "seed " << seed << " message " << i;
        ASSERT_EQ(machine.size(), 0U);
        ASSERT_EQ(machine.next_deadline(), std::nullopt);
    }
}

} // namespace
} // namespace outbox
