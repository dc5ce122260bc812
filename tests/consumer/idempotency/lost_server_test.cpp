// What a checker makes of a server that it loses: the connection is cut, an answer is lost after
// the server did what was asked, the server is killed. SQLite has nothing of that kind to lose.
#include "harness/tcp_proxy.hpp"
#include "harness/wait_until.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/idempotency/idempotent.hpp"
#include "tests/consumer/idempotency/claim_places.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const group_name billing{"billing"};

template <class Place>
class claims_on_a_server : public testing::Test {
protected:
    static message_key key(const std::string& text = "k") { return message_key{text}; }

    /// Takes a step that the server does while nobody hears of it; then the connection ends.
    /// `meanwhile` sees what the server has done.
    template <class Step>
    auto with_its_answer_lost(Step&& step, const std::function<void()>& meanwhile) {
        // What is asked for the first time may take a trip of its own.
        const claim warm = checker.claim(key("warm"), 1h);
        EXPECT_TRUE(checker.extend(key("warm"), warm.token, 1h));
        checker.release(key("warm"), warm.token);
        static_cast<void>(checker.complete(key("warm done"), warm.token));
        connections = 0;
        const auto before = proxy.lost_bytes();
        proxy.lose_answers(true);
        auto said = std::async(std::launch::async, std::forward<Step>(step));
        harness::wait_until([&] { return proxy.lost_bytes() > before; }, 20s, "a lost answer");
        meanwhile();
        proxy.cut();
        if constexpr (std::is_void_v<decltype(said.get())>) {
            said.get();
            EXPECT_EQ(connections, 1);
        } else {
            const auto result = said.get();
            EXPECT_EQ(connections, 1);
            return result;
        }
    }
    /// As another consumer sees the key, which takes it if it can.
    claim_view seen_by_another() {
        const auto seen = straight->claim({.group = billing.text(), .key = "k"}, another, 1h);
        if (!seen)
            throw harness::timed_out("it was released at this very moment");
        return *seen;
    }

    const bytes another = bytes(claim_token_bytes, 'x');
    Place place;
    std::unique_ptr<claim_store> straight = place.open();
    harness::tcp_proxy proxy{place.server_port()};
    std::atomic<int> connections{0};
    idempotency_checker checker{billing, [this] {
                                    ++connections;
                                    proxy.lose_answers(false); // the second try is heard
                                    return place.open_through(proxy.port());
                                }};
};

using servers = testing::Types<
    claims_in_a_database<doors::postgres_database>,
    claims_in_a_database<doors::mariadb_database>,
    claims_in_a_database<doors::mysql_database>,
    claims_in_redis>;
TYPED_TEST_SUITE(claims_on_a_server, servers);

TYPED_TEST(claims_on_a_server, every_step_survives_a_connection_that_was_cut) {
    claim last;
    for (int step = 0; step < 8; ++step) {
        const message_key key = this->key(std::to_string(step));
        this->proxy.cut();
        last = this->checker.claim(key, 1h);
        EXPECT_EQ(last.state, claim_state::fresh);
        this->proxy.cut();
        EXPECT_TRUE(this->checker.extend(key, last.token, 1h));
        this->proxy.cut();
        if (step % 2 == 0) {
            this->checker.release(key, last.token);
            EXPECT_EQ(this->checker.claim(key, 1h).state, claim_state::fresh);
        } else {
            EXPECT_TRUE(this->checker.complete(key, last.token));
            EXPECT_EQ(this->checker.claim(key, 1h).state, claim_state::done);
        }
    }
}

TYPED_TEST(claims_on_a_server, a_claim_whose_answer_was_lost_is_found_by_its_token) {
    claim_view held;
    const claim mine = this->with_its_answer_lost(
        [this] { return this->checker.claim(this->key(), 1h); },
        [&] { held = this->seen_by_another(); }
    );
    ASSERT_NE(held.token, this->another) << "the server had not done it";
    EXPECT_EQ(mine.state, claim_state::fresh);
    EXPECT_EQ(mine.token, held.token);
    EXPECT_TRUE(this->checker.complete(this->key(), mine.token));
}

TYPED_TEST(claims_on_a_server, an_extension_whose_answer_was_lost_is_made_again) {
    const claim mine = this->checker.claim(this->key(), 1h);
    claim_view held;
    EXPECT_TRUE(this->with_its_answer_lost(
        [&] { return this->checker.extend(this->key(), mine.token, 3h); },
        [&] { held = this->seen_by_another(); }
    ));
    EXPECT_EQ(held.token, mine.token);
    EXPECT_GT(held.remaining, 2h) << "the server had not done it";
}

TYPED_TEST(claims_on_a_server, a_completion_whose_answer_was_lost_is_found_by_its_token) {
    const claim mine = this->checker.claim(this->key(), 1h);
    claim_view held;
    EXPECT_TRUE(this->with_its_answer_lost(
        [&] { return this->checker.complete(this->key(), mine.token); },
        [&] { held = this->seen_by_another(); }
    ));
    EXPECT_TRUE(held.done) << "the server had not done it";
    EXPECT_EQ(this->checker.claim(this->key(), 1h).state, claim_state::done);
}

// Between the release and its repetition another takes the message; it keeps it.
TYPED_TEST(claims_on_a_server, a_release_whose_answer_was_lost_takes_nothing_from_the_next) {
    const claim mine = this->checker.claim(this->key(), 1h);
    claim_view held;
    this->with_its_answer_lost(
        [&] { this->checker.release(this->key(), mine.token); },
        [&] { held = this->seen_by_another(); }
    );
    EXPECT_EQ(held.token, this->another) << "the server had not done it";
    EXPECT_EQ(this->checker.claim(this->key(), 1h).state, claim_state::in_progress);
}

// Q2, on real servers: the claim cannot be taken back when the handler fails, because the server is
// killed between the two; QMQ's retry then saw "processed".
TYPED_TEST(claims_on_a_server, qmq_mistake_q2_killed_before_the_claim_is_given_back_it_is_handled) {
    this->place.keep_commits();
    idempotency_counts counts;
    int effects = 0;
    const auto wrap = [&](std::function<outcome(const delivery&)> work) {
        return idempotent(this->checker, std::move(work), {.hold = 1s, .counts = &counts});
    };
    delivery message{.subject = subject{"orders.paid"}};
    message.id = message_id{message_id::array{1}};
    EXPECT_EQ(
        wrap([&](const delivery&) {
            this->place.kill_server();
            return outcome::retry();
        })(message),
        outcome::retry()
    );
    auto healthy = wrap([&](const delivery&) {
        ++effects;
        return outcome::ack();
    });
    EXPECT_EQ(healthy(message).kind(), outcome_kind::unavailable);
    EXPECT_EQ(effects, 0);
    this->place.start_server();
    harness::wait_until(
        [&] { return healthy(message) == outcome::ack(); },
        20s,
        "the message to be handled again"
    );
    EXPECT_EQ(effects, 1);
    EXPECT_EQ(counts.duplicates, 0U) << "nobody took it for processed";
    EXPECT_EQ(healthy(message), outcome::ack());
    EXPECT_EQ(effects, 1);
}

} // namespace
} // namespace outbox
