// The wrapper around a handler, with claims in memory and time that the test moves. The first five
// stories are mistakes of QMQ's checkers; each is put in by hand to see its test fail.
#include "outbox/consumer/idempotency/idempotent.hpp"

#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/memory_claims.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <new>
#include <optional>
#include <string>

namespace outbox {
namespace {

using namespace std::chrono_literals;

/// Claims in memory behind a connection that can be lost before or after a step is taken.
class failing_store final : public claim_store {
public:
    struct plan {
        int lost_requests = 0;
        int lost_answers = 0;
        int opened = 0;
    };

private:
    template <class Take>
    auto step(Take&& take) {
        if (plan_->lost_requests > 0) {
            --plan_->lost_requests;
            throw error(error_kind::unreachable, "the request was lost");
        }
        auto answer = take();
        if (plan_->lost_answers > 0) {
            --plan_->lost_answers;
            throw error(error_kind::unreachable, "the answer was lost");
        }
        return answer;
    }

public:
    failing_store(std::unique_ptr<claim_store> inner, plan& what)
        : inner_(std::move(inner))
        , plan_(&what) {}

    std::optional<claim_view>
    claim(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        return step([&] { return inner_->claim(key, token, hold); });
    }
    bool complete(const claim_key& key, bytes_view token) override {
        return step([&] { return inner_->complete(key, token); });
    }
    bool extend(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        return step([&] { return inner_->extend(key, token, hold); });
    }
    void release(const claim_key& key, bytes_view token) override {
        step([&] {
            inner_->release(key, token);
            return true;
        });
    }
    std::size_t forget_before(std::chrono::seconds age, std::size_t rows_max) override {
        return step([&] { return inner_->forget_before(age, rows_max); });
    }

private:
    std::unique_ptr<claim_store> inner_;
    plan* plan_;
};

class idempotent_handler : public testing::Test {
protected:
    static delivery message(int number = 1) {
        message_id::array raw{};
        raw[15] = static_cast<unsigned char>(number);
        delivery d{.subject = subject{"orders.paid"}};
        d.id = message_id{raw};
        return d;
    }
    auto wrap(std::function<outcome(const delivery&)> work) {
        return idempotent(checker, std::move(work), {.hold = 30s, .counts = &counts});
    }
    outcome succeed() {
        return wrap([this](const delivery&) {
            ++effects;
            return outcome::ack();
        })(message());
    }

    manual_clock time;
    memory_claims claims{time};
    failing_store::plan plan;
    idempotency_checker checker{group_name{"billing"}, [this] {
                                    ++plan.opened;
                                    return std::make_unique<failing_store>(claims.open(), plan);
                                }};
    idempotency_counts counts;
    int effects = 0;
};

TEST_F(idempotent_handler, a_message_is_handled_once) {
    for (int delivery = 0; delivery < 3; ++delivery)
        EXPECT_EQ(succeed(), outcome::ack());
    EXPECT_EQ(effects, 1);
    EXPECT_EQ(counts.handled, 1U);
    EXPECT_EQ(counts.duplicates, 2U);
}

// Q1: marked before the handler runs; a crash in the handler, and the effect is lost.
TEST_F(idempotent_handler, qmq_mistake_q1_a_handler_that_dies_has_not_processed_it) {
    // A process that dies takes nothing back.
    static_cast<void>(checker.claim(message().id, 30s));
    EXPECT_EQ(succeed().kind(), outcome_kind::defer) << "perhaps it lives";
    EXPECT_EQ(effects, 0);
    time.advance(30s);
    EXPECT_EQ(succeed(), outcome::ack());
    EXPECT_EQ(effects, 1);
}

// Q2: the mark is taken back after a failure; when that fails, the retry sees "processed".
TEST_F(idempotent_handler, qmq_mistake_q2_a_failed_unmark_does_not_make_it_processed) {
    const auto failing = wrap([this](const delivery&) {
        plan.lost_requests = 100; // and the checker goes away at the same moment
        return outcome::retry();
    })(message());
    EXPECT_EQ(failing, outcome::retry());
    plan.lost_requests = 0;
    EXPECT_EQ(succeed().kind(), outcome_kind::defer);
    time.advance(30s);
    EXPECT_EQ(succeed(), outcome::ack());
    EXPECT_EQ(effects, 1);
}

// Q4 and C6: what is not an ack is not processed, whatever is thrown.
TEST_F(idempotent_handler, qmq_mistake_q4_nothing_that_is_thrown_counts_as_processed) {
    struct foreign {};
    const auto throws = [&](auto what) {
        auto handler = wrap([&](const delivery&) -> outcome { throw what; });
        EXPECT_ANY_THROW(static_cast<void>(handler(message())));
    };
    throws(42);
    throws(std::bad_alloc{});
    throws(foreign{});
    throws(std::runtime_error{"no"});
    for (const outcome& other :
         {outcome::retry(),
          outcome::retry_after(1s),
          outcome::defer(1s),
          outcome::dead_letter("no"),
          outcome::unavailable("no")})
        EXPECT_EQ(wrap([&](const delivery&) { return other; })(message()), other);
    EXPECT_EQ(succeed(), outcome::ack()) << "at once: each has given it back";
    EXPECT_EQ(effects, 1);
    EXPECT_EQ(counts.duplicates, 0U);
}

// Q5: the checker is away, and the message is processed unchecked.
TEST_F(
    idempotent_handler,
    qmq_mistake_q5_without_its_checker_nothing_is_handled_and_nothing_acked
) {
    plan.lost_requests = 100;
    for (int delivery = 1; delivery <= 3; ++delivery) {
        EXPECT_EQ(succeed().kind(), outcome_kind::unavailable);
        EXPECT_EQ(counts.unavailable, static_cast<std::uint64_t>(delivery)) << "never silently";
    }
    EXPECT_EQ(effects, 0);
    plan.lost_requests = 0;
    EXPECT_EQ(succeed(), outcome::ack());
    EXPECT_EQ(effects, 1);
}

TEST_F(idempotent_handler, a_claim_whose_answer_was_lost_is_found_by_its_token) {
    plan.lost_answers = 1;
    EXPECT_EQ(succeed(), outcome::ack());
    EXPECT_EQ(effects, 1);
    EXPECT_EQ(plan.opened, 2) << "on a new connection";
}

TEST_F(idempotent_handler, a_completion_whose_answer_was_lost_is_found_too) {
    const auto handler = wrap([this](const delivery&) {
        ++effects;
        plan.lost_answers = 1;
        return outcome::ack();
    });
    auto once = handler;
    EXPECT_EQ(once(message()), outcome::ack());
    EXPECT_EQ(counts.unmarked, 0U);
    EXPECT_EQ(succeed(), outcome::ack());
    EXPECT_EQ(effects, 1);
}

// The effect has happened: putting the message off would only repeat it.
TEST_F(idempotent_handler, done_and_not_to_be_marked_is_acked_and_counted) {
    auto handler = wrap([this](const delivery&) {
        ++effects;
        plan.lost_requests = 100;
        return outcome::ack();
    });
    EXPECT_EQ(handler(message()), outcome::ack());
    EXPECT_EQ(counts.unmarked, 1U);
}

// C4 and C8: two copies do not run unnoticed.
TEST_F(idempotent_handler, a_handler_that_outlasts_its_lease_is_noticed) {
    auto slow = wrap([this](const delivery&) {
        time.advance(31s);
        EXPECT_EQ(succeed(), outcome::ack()); // another consumer, meanwhile
        ++effects;
        return outcome::ack();
    });
    EXPECT_EQ(slow(message()), outcome::ack());
    EXPECT_EQ(effects, 2);
    EXPECT_EQ(counts.overtaken, 1U);
}

TEST_F(idempotent_handler, a_handler_that_extends_its_lease_is_not_overtaken) {
    auto slow = idempotent(
        checker,
        [this](const delivery&, claim_lease& lease) {
            for (int i = 0; i < 5; ++i) {
                time.advance(20s);
                EXPECT_TRUE(lease.extend(30s));
                EXPECT_EQ(succeed().kind(), outcome_kind::defer);
            }
            ++effects;
            return outcome::ack();
        },
        {.hold = 30s, .counts = &counts}
    );
    EXPECT_EQ(slow(message()), outcome::ack());
    EXPECT_EQ(effects, 1);
    EXPECT_EQ(counts.overtaken, 0U);
}

TEST_F(idempotent_handler, in_progress_comes_again_when_the_other_may_be_done) {
    static_cast<void>(checker.claim(message().id, 30s));
    time.advance(10s);
    EXPECT_EQ(succeed().delay(), 20s);
    time.advance(20s - 1ms);
    EXPECT_EQ(succeed().delay(), 100ms) << "no sooner";
    static_cast<void>(checker.claim(message(2).id, 10h));
    EXPECT_EQ(wrap([](const delivery&) { return outcome::ack(); })(message(2)).delay(), 60s)
        << "no later: it may be given back";
}

TEST_F(idempotent_handler, the_key_is_the_users_to_choose) {
    auto by_invoice = idempotent(
        checker,
        [this](const delivery&) {
            ++effects;
            return outcome::ack();
        },
        {.key_of = [](const delivery& d
                   ) { return message_key{std::string{d.body().text("invoice")}}; }}
    );
    delivery one = message(1);
    one.payload = R"({"invoice": "2026-17"})";
    delivery two = message(2);
    two.payload = one.payload;
    EXPECT_EQ(by_invoice(one), outcome::ack());
    EXPECT_EQ(by_invoice(two), outcome::ack());
    EXPECT_EQ(effects, 1);
    two.payload = "{}";
    EXPECT_EQ(by_invoice(two).kind(), outcome_kind::dead_letter) << "it will never have one";
    const delivery nameless{.subject = subject{"orders.paid"}};
    EXPECT_EQ(
        wrap([](const delivery&) { return outcome::ack(); })(nameless).kind(),
        outcome_kind::dead_letter
    );
}

TEST_F(idempotent_handler, a_lease_is_held_or_refuses) {
    claim_lease mine{checker, message().id, 30s};
    ASSERT_TRUE(mine.is_fresh());
    claim_lease other{checker, message().id, 30s};
    EXPECT_EQ(other.state(), claim_state::in_progress);
    EXPECT_EQ(other.remaining(), 30s);
    EXPECT_THROW(other.complete(), usage_error);
    EXPECT_TRUE(mine.complete());
    EXPECT_THROW(mine.complete(), usage_error);
    EXPECT_THROW((claim_lease{checker, message().id, 0ms}), error);
    EXPECT_THROW((claim_lease{checker, message().id, claim_hold_max + 1ms}), error);
}

TEST_F(idempotent_handler, a_forked_child_does_not_give_its_parents_claim_back) {
    const pid_t parent = ::getpid();
    {
        claim_lease mine{checker, message().id, 30s};
        const pid_t child = ::fork();
        if (child == 0) {
            bool refused = false;
            try {
                mine.complete();
            } catch (const usage_error&) {
                refused = true;
            }
            mine.~claim_lease();
            const bool still_held =
                checker.claim(message().id, 30s).state == claim_state::in_progress;
            ::_exit(refused && still_held ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(::getpid(), parent);
    EXPECT_EQ(succeed(), outcome::ack());
}

} // namespace
} // namespace outbox
