// The loop and the threads around the machine, on a log in memory.

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/consumer/consumer.hpp"
#include "outbox/consumer/record_marks.hpp"
#include "tests/consumer/memory_source.hpp"

#include <gmock/gmock.h>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const subject about{"orders"};

consumer_options options() {
    return {
        .group = group_name{"g"},
        .subjects = {about},
        .retries = {.delays = {}},
        .commit_interval = 1ms};
}

std::string header_of(const outgoing_record& r, std::string_view name) {
    for (const auto& h : r.headers) {
        if (h.name == name)
            return h.value.value_or("(null)");
    }
    return "(none)";
}

/// Runs a consumer on a thread until `done` holds.
template <class Handler, class Done>
consumer_stats run_until(memory_log& log, consumer_options what, Handler handle, Done done) {
    consumer under_test{std::make_unique<memory_source>(log), std::move(what)};
    std::thread thread{[&] { under_test.run(handle); }};
    wait_until(done, 60s, "the test's condition");
    under_test.request_stop();
    thread.join();
    return under_test.stats();
}

TEST(consumer_threads, whatever_a_handler_throws_is_no_ack) {
    memory_log log;
    for (const auto* what : {"int", "bad_alloc", "string", "nothing to say", "error"})
        log.add("orders", what, what);
    const auto counts = run_until(
                            log,
                            options(),
                            [](const delivery& d) -> outcome {
                                if (d.payload == "int")
                                    throw 42;
                                if (d.payload == "bad_alloc")
                                    throw std::bad_alloc{};
                                if (d.payload == "string")
                                    throw std::string{"words"};
                                if (d.payload == "nothing to say")
                                    throw std::runtime_error{""};
                                throw error{error_kind::io, "the disk"};
                            },
                            [&] { return log.committed("orders") == 5; }
    ).counts;
    EXPECT_EQ(counts.acked, 0U);
    EXPECT_EQ(counts.dead_lettered, 5U);
    std::map<std::string, std::string> reasons;
    for (const auto& r : log.sent()) {
        EXPECT_EQ(r.topic, "orders.g.dlt");
        reasons[std::string{*r.value}] = header_of(r, "outbox-error");
    }
    const std::string foreign = "threw something that is no std::exception";
    EXPECT_EQ(reasons["int"], foreign);
    EXPECT_EQ(reasons["string"], foreign);
    EXPECT_EQ(reasons["bad_alloc"], "std::bad_alloc");
    EXPECT_EQ(reasons["nothing to say"], "threw an exception without words");
    EXPECT_EQ(reasons["error"], "the disk");
}

// C6: it is not allowed, and ends the process; the message comes again.
TEST(consumer_threads_death_test, a_handler_whose_thread_is_cancelled_acknowledges_nothing) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto handle_one = [] {
        memory_log log;
        log.add("orders", "k", "v");
        run_until(
            log,
            options(),
            [](const delivery&) {
                ::pthread_cancel(::pthread_self());
                ::pthread_testcancel();
                return outcome::ack();
            },
            [&] { return log.committed("orders") == 1; }
        );
        std::_Exit(0); // it was committed
    };
    EXPECT_EXIT(handle_one(), testing::KilledBySignal(SIGABRT), "exception not rethrown");
}

// C7: records of anybody, with headers that mean something to us.
TEST(consumer_threads, garbage_is_handled_or_put_aside_byte_for_byte_and_stops_nothing) {
    constexpr int count = 3'000;
    constexpr std::string_view meaning[] = {
        header_name::message_id,
        header_name::tag,
        header_name::content_type,
        header_name::attempt,
        header_name::group,
        header_name::retry_at,
        header_name::origin_topic,
        header_name::origin_offset};
    seeded_random random{7};
    const auto noise = [&](std::size_t size_max) {
        bytes made(random.below(size_max + 1), ' ');
        for (char& c : made)
            c = static_cast<char>(random.below(256));
        return made;
    };
    memory_log log;
    std::map<std::string, record> put; // by payload, which is different for each
    for (int i = 0; i < count; ++i) {
        auto all = std::make_shared<std::pair<bytes, bytes>>(
            noise(20),
            std::to_string(i) + " " + noise(30)
        );
        record made{.timestamp_ms = static_cast<std::int64_t>(random.below(1U << 30U)) - 1'000};
        if (random.below(4) != 0)
            made.key = all->first;
        made.value = all->second;
        for (auto left = random.below(5); left > 0; --left)
            made.headers.push_back(
                {random.below(4) == 0 ? noise(10)
                                      : std::string{meaning[random.below(std::size(meaning))]},
                 random.below(8) == 0   ? std::nullopt
                 : random.below(2) == 0 ? std::optional{noise(40)}
                                        : std::optional{std::to_string(random.below(100))}}
            );
        made.keeper = all;
        put.emplace(all->second, made);
        log.add("orders", std::move(made));
    }
    std::atomic<int> handled = 0;
    const auto counts = run_until(
                            log,
                            options(),
                            [&](const delivery& d) {
                                EXPECT_FALSE(d.id.is_nil());
                                EXPECT_EQ(put.count(bytes{d.payload}), 1U);
                                ++handled;
                                return outcome::ack();
                            },
                            [&] { return log.committed("orders") == count; }
    ).counts;
    EXPECT_EQ(handled + static_cast<int>(counts.undecodable), count);
    EXPECT_GT(handled, count / 10);
    EXPECT_GT(counts.undecodable, count / 10U);
    const auto aside = log.sent();
    EXPECT_EQ(aside.size(), counts.undecodable);
    for (const outgoing_record& each : aside) {
        EXPECT_EQ(each.topic, "orders.g.dlt");
        const record& was = put.at(bytes{each.value.value_or("")});
        EXPECT_EQ(each.key, was.key);
        for (const record_header& header : was.headers) {
            const bool is_kept = std::ranges::count(each.headers, header) > 0;
            const bool is_mark = std::ranges::count(meaning, header.name) > 0 &&
                                 header.name != header_name::message_id &&
                                 header.name != header_name::tag &&
                                 header.name != header_name::content_type;
            EXPECT_TRUE(is_kept || is_mark) << header.name; // marks are written anew
        }
    }
}

TEST(consumer_threads, no_more_is_read_at_once_than_its_bytes_allow) {
    constexpr std::size_t record_bytes = 100'000;
    constexpr int count = 50;
    memory_log log;
    for (int i = 0; i < count; ++i)
        log.add("orders", std::to_string(i), std::string(record_bytes, 'x'));
    auto what = options();
    what.prefetch_bytes_max = 4 * record_bytes;
    what.handlers = 1;
    consumer under_test{std::make_unique<memory_source>(log), std::move(what)};
    std::size_t most = 0;
    std::thread thread{[&] {
        under_test.run([&](const delivery&) {
            most = std::max(most, under_test.stats().prefetched);
            return outcome::ack();
        });
    }};
    wait_until([&] { return log.committed("orders") == count; }, 60s, "all to be handled");
    under_test.request_stop();
    thread.join();
    EXPECT_LE(most, 4U);
}

TEST(consumer_threads, each_key_is_handled_in_order_by_many_threads) {
    memory_log log;
    constexpr int count = 2'000;
    for (int i = 0; i < count; ++i)
        log.add("orders", "k" + std::to_string(i % 13), std::to_string(i));
    std::mutex mutex;
    std::map<std::string, int> last;
    std::map<std::string, int> in_hand;
    auto what = options();
    what.prefetch_count_max = 100;
    run_until(
        log,
        what,
        [&](const delivery& d) {
            const auto key = *d.key;
            const int number = std::stoi(std::string{d.payload});
            {
                const std::lock_guard hold{mutex};
                EXPECT_EQ(++in_hand[key], 1);
                EXPECT_GT(number + 1, last[key]);
                last[key] = number + 1;
            }
            std::this_thread::yield();
            const std::lock_guard hold{mutex};
            --in_hand[key];
            return outcome::ack();
        },
        [&] { return log.committed("orders") == count; }
    );
}

/// Each handler waits until `count` of them are there: it ends only if so many run at once.
class rendezvous {
public:
    explicit rendezvous(int count) : count_(count) {}
    void meet() {
        std::unique_lock hold{mutex_};
        ++here_;
        news_.notify_all();
        if (!news_.wait_for(hold, 60s, [this] { return here_ >= count_; }))
            throw std::runtime_error{"alone"};
    }

private:
    const int count_;
    int here_ = 0;
    std::mutex mutex_;
    std::condition_variable news_;
};

TEST(consumer_threads, unordered_even_messages_of_one_key_are_handled_at_the_same_time) {
    memory_log log;
    for (int i = 0; i < 4; ++i)
        log.add("orders", "k", std::to_string(i));
    rendezvous all{4};
    auto what = options();
    what.order = consume_order::none;
    what.handlers = 4;
    const auto counts = run_until(
                            log,
                            what,
                            [&](const delivery&) {
                                all.meet();
                                return outcome::ack();
                            },
                            [&] { return log.committed("orders") == 4; }
    ).counts;
    EXPECT_EQ(counts.acked, 4U);
}

TEST(consumer_threads, by_key_different_keys_are_handled_at_the_same_time) {
    memory_log log;
    for (int i = 0; i < 6; ++i)
        log.add("orders", "k" + std::to_string(i % 3), std::to_string(i));
    rendezvous first_of_each{3};
    std::mutex mutex;
    std::map<bytes, int> in_hand;
    auto what = options();
    what.handlers = 6; // more than keys
    const auto counts = run_until(
                            log,
                            what,
                            [&](const delivery& d) {
                                const auto change = [&](int by) {
                                    const std::lock_guard hold{mutex};
                                    in_hand[*d.key] += by;
                                    EXPECT_LE(in_hand[*d.key], 1);
                                };
                                change(1);
                                first_of_each.meet();
                                change(-1);
                                return outcome::ack();
                            },
                            [&] { return log.committed("orders") == 6; }
    ).counts;
    EXPECT_EQ(counts.acked, 6U);
}

TEST(consumer_threads, a_batch_gets_an_outcome_for_each_or_is_retried_whole) {
    memory_log log;
    for (int i = 0; i < 10; ++i)
        log.add("orders", std::to_string(i), std::to_string(i));
    consumer under_test{std::make_unique<memory_source>(log), options()};
    std::atomic<std::size_t> largest = 0;
    std::thread thread{[&] {
        under_test.run_batches(4, [&](std::span<const delivery* const> all) {
            largest = std::max(largest.load(), all.size());
            std::vector<outcome> said;
            for (const auto* d : all)
                said.push_back(d->payload == "7" ? outcome::dead_letter("seven") : outcome::ack());
            if (all.front()->payload == "0")
                said.clear();
            return said;
        });
    }};
    wait_until([&] { return log.committed("orders") == 10; }, 60s, "all to be done");
    under_test.request_stop();
    thread.join();
    EXPECT_LE(largest, 4U);
    std::map<std::string, std::string> reasons;
    for (const auto& r : log.sent())
        reasons[std::string{*r.value}] = header_of(r, "outbox-error");
    EXPECT_THAT(reasons["0"], ::testing::HasSubstr("returned 0 outcomes"));
    EXPECT_THAT(reasons["7"], ::testing::AnyOf("seven", reasons["0"])) << "alone, or with 0";
    EXPECT_EQ(under_test.stats().counts.acked + under_test.stats().counts.dead_lettered, 10U);
}

TEST(consumer_threads, a_paused_consumer_hands_out_nothing) {
    memory_log log;
    log.add("orders", "k", "1");
    consumer under_test{std::make_unique<memory_source>(log), options()};
    under_test.pause();
    std::atomic<int> seen = 0;
    std::thread thread{[&] {
        under_test.run([&](const delivery&) {
            ++seen;
            return outcome::ack();
        });
    }};
    wait_until([&] { return under_test.stats().prefetched == 1; }, 60s, "the message to be read");
    EXPECT_EQ(seen, 0);
    under_test.resume();
    wait_until([&] { return log.committed("orders") == 1; }, 60s, "the message to be done");
    EXPECT_EQ(seen, 1);
    under_test.request_stop();
    thread.join();
}

TEST(consumer_threads, a_gate_that_throws_is_closed) {
    memory_log log;
    log.add("orders", "k", "1");
    std::atomic<int> asked = 0;
    auto what = options();
    what.gate = [&]() -> bool {
        if (++asked < 4)
            throw std::runtime_error{"no route"};
        return true;
    };
    what.gate_shortest = 1ms;
    what.gate_longest = 2ms;
    const auto counts = run_until(
                            log,
                            what,
                            [](const delivery& d) {
                                EXPECT_EQ(d.attempt, 1U);
                                return outcome::ack();
                            },
                            [&] { return log.committed("orders") == 1; }
    ).counts;
    EXPECT_EQ(counts.unavailable, 3U);
    EXPECT_EQ(counts.acked, 1U);
}

TEST(consumer_threads, callbacks_that_throw_change_nothing) {
    memory_log log;
    log.add("orders", "k", "1");
    auto what = options();
    what.on_assigned = [](const consumed_partition&) { throw 1; };
    what.on_revoked = [](const consumed_partition&, bool) { throw 2; };
    what.on_dead_letter = [](const delivery&, const std::string&) { throw 3; };
    run_until(
        log,
        what,
        [](const delivery&) { return outcome::dead_letter("no"); },
        [&] { return log.committed("orders") == 1; }
    );
    EXPECT_EQ(log.sent().size(), 1U);
}

TEST(consumer_threads, a_delivery_may_outlive_its_consumer) {
    memory_log log;
    log.add("orders", "k", "payload");
    std::optional<delivery> kept;
    run_until(
        log,
        options(),
        [&](const delivery& d) {
            kept = d;
            return outcome::ack();
        },
        [&] { return log.committed("orders") == 1; }
    );
    EXPECT_EQ(kept->payload, "payload");
}

TEST(consumer_threads, what_is_pulled_is_settled_or_retried) {
    memory_log log;
    for (int i = 0; i < 4; ++i)
        log.add("orders", std::to_string(i), std::to_string(i));
    auto what = options();
    what.retries = {.delays = {1ms, 1ms}};
    consumer under_test{std::make_unique<memory_source>(log), what};
    std::map<std::string, std::uint32_t> attempts;
    wait_until(
        [&] {
            for (auto& each : under_test.pull(3, 50ms)) {
                attempts[std::string{each->payload}] = each->attempt;
                if (each->payload == "1" && each->attempt < 3)
                    continue; // let go
                if (each->payload == "2")
                    each.settle(outcome::dead_letter("two"));
                else {
                    each.settle(outcome::ack());
                    EXPECT_THROW(each.settle(outcome::ack()), usage_error);
                    EXPECT_THROW(static_cast<void>(each->payload), usage_error);
                    EXPECT_THROW(static_cast<void>((*each).payload), usage_error);
                }
            }
            return log.committed("orders") == 4;
        },
        60s,
        "all to be done"
    );
    EXPECT_EQ(
        attempts,
        (std::map<std::string, std::uint32_t>{{"0", 1}, {"1", 3}, {"2", 1}, {"3", 1}})
    );
    EXPECT_EQ(log.sent().size(), 1U);
    under_test.request_stop();
    EXPECT_TRUE(under_test.pull(1, 60s).empty()) << "returns when the consumer has stopped";
    EXPECT_THROW(under_test.run([](const delivery&) { return outcome::ack(); }), usage_error);
}

/// Ten messages, all of them read, and one in hand.
class pulled_consumer : public testing::Test {
protected:
    pulled_consumer() {
        for (int i = 0; i < 10; ++i)
            log.add("orders", std::to_string(i), std::to_string(i));
    }
    consumer make(consumer_options what) {
        what.on_revoked = [this](const consumed_partition&, bool) { ++revoked; };
        return consumer{std::make_unique<memory_source>(log), std::move(what)};
    }
    static std::vector<pulled_delivery> pull_one(consumer& from) {
        auto first = from.pull(1, 60s);
        wait_until([&] { return from.stats().prefetched == 10; }, 60s, "all to be read");
        return first;
    }

    memory_log log;
    std::atomic<int> revoked = 0;
};

TEST_F(pulled_consumer, hands_out_nothing_while_it_is_paused) {
    auto under_test = make(options());
    auto first = pull_one(under_test);
    ASSERT_EQ(first.size(), 1U);
    under_test.pause();
    EXPECT_TRUE(under_test.pull(10, 0ms).empty()) << "at once, whoever has heard of it";
    wait_until([&] { return under_test.stats().in_hand == 1; }, 60s, "the others to be put back");
    EXPECT_TRUE(under_test.pull(10, 0ms).empty());
    under_test.resume();
    std::vector<std::string> rest;
    while (rest.size() < 9) {
        for (auto& each : under_test.pull(10, 60s)) {
            rest.emplace_back(each->payload);
            each.settle(outcome::ack());
        }
    }
    EXPECT_THAT(rest, ElementsAre("1", "2", "3", "4", "5", "6", "7", "8", "9"));
    first.front().settle(outcome::ack());
    wait_until([&] { return log.committed("orders") == 10; }, 60s, "all to be done");
}

TEST_F(pulled_consumer, hands_out_nothing_after_a_stop_and_is_not_waited_for) {
    auto what = options();
    what.stop_patience = 24h;
    {
        auto under_test = make(what);
        auto first = pull_one(under_test);
        under_test.request_stop();
        EXPECT_TRUE(under_test.pull(10, 24h).empty()) << "the first is still in hand";
        first.front().settle(outcome::ack());
    } // which takes no longer than the first
    EXPECT_EQ(log.committed("orders"), 1);
}

TEST_F(pulled_consumer, what_at_most_once_has_committed_is_handed_out_after_a_stop) {
    auto what = options();
    what.promise = consume_promise::at_most_once;
    what.stop_patience = 24h;
    auto under_test = make(what);
    auto all = pull_one(under_test);
    wait_until([&] { return log.committed("orders") == 10; }, 60s, "all to be committed");
    wait_until([&] { return under_test.stats().in_hand == 10; }, 60s, "all to be handed out");
    under_test.request_stop();
    while (all.size() < 10) {
        for (auto& each : under_test.pull(10, 60s))
            all.push_back(std::move(each));
    }
    for (auto& each : all)
        each.settle(outcome::ack());
    EXPECT_TRUE(under_test.pull(10, 24h).empty());
}

TEST_F(pulled_consumer, what_at_most_once_has_committed_and_nobody_will_pull_is_not_waited_for) {
    auto what = options();
    what.promise = consume_promise::at_most_once;
    what.stop_patience = 24h;
    {
        auto under_test = make(what);
        auto first = pull_one(under_test);
        wait_until([&] { return under_test.stats().in_hand == 10; }, 60s, "all to be handed out");
        first.front().settle(outcome::ack());
    } // which takes no longer than the first
    EXPECT_EQ(log.committed("orders"), 10);
}

TEST_F(pulled_consumer, hands_out_nothing_of_a_partition_that_is_gone) {
    auto what = options();
    what.revoke_patience = 1ms;
    auto under_test = make(what);
    auto first = pull_one(under_test);
    log.take_away("orders");
    wait_until([&] { return revoked == 1; }, 60s, "the partition to be let go");
    EXPECT_TRUE(under_test.pull(10, 0ms).empty()) << "another member applies them, and later ones";
    first.front().settle(outcome::ack());
    wait_until([&] { return under_test.stats().in_hand == 0; }, 60s, "what was late to be heard");
    EXPECT_EQ(under_test.stats().counts.late_results, 1U);
    EXPECT_EQ(log.committed("orders"), 0);
}

TEST_F(pulled_consumer, a_partition_that_goes_waits_for_what_is_in_hand_only) {
    auto what = options();
    what.revoke_patience = 24h;
    auto under_test = make(what);
    auto first = pull_one(under_test);
    log.take_away("orders");
    wait_until([&] { return under_test.stats().in_hand == 1; }, 60s, "the others to be given up");
    EXPECT_EQ(revoked, 0);
    first.front().settle(outcome::ack());
    wait_until([&] { return revoked == 1; }, 60s, "the partition to be let go");
    EXPECT_EQ(log.committed("orders"), 1);
}

/// Its broker is away when it is asked first, and its only message comes when the consumer has
/// waited for some in vain.
class late_source final : public memory_source {
public:
    explicit late_source(memory_log& log) : memory_source(log), log_(&log) {}
    void open(const subscription& what, std::chrono::milliseconds patience) override {
        if (std::exchange(is_away_, false))
            throw error{error_kind::unreachable, "nobody there"};
        memory_source::open(what, patience);
    }
    void poll(
        std::chrono::milliseconds timeout,
        poll_limits limits,
        std::vector<source_event_type>& news
    ) override {
        if (++polls_ == 4)
            log_->add("orders", "k", "1");
        memory_source::poll(timeout, limits, news);
    }

private:
    memory_log* log_;
    bool is_away_ = true;
    int polls_ = 0;
};

TEST(consumer_threads, a_start_and_a_pull_that_may_wait_for_ever_wait) {
    memory_log log;
    auto what = options();
    what.start_patience = std::chrono::milliseconds::max();
    consumer under_test{std::make_unique<late_source>(log), what};
    auto pulled = under_test.pull(1, std::chrono::milliseconds::max());
    ASSERT_EQ(pulled.size(), 1U);
    pulled.front().settle(outcome::ack());
}

TEST(consumer_threads, wrong_use_is_said) {
    memory_log log;
    consumer once{std::make_unique<memory_source>(log), options()};
    once.request_stop();
    once.run([](const delivery&) { return outcome::ack(); });
    EXPECT_THROW(once.run([](const delivery&) { return outcome::ack(); }), usage_error);
    const auto refused = [&](auto change) {
        auto what = options();
        change(what);
        try {
            const consumer wrong{std::make_unique<memory_source>(log), what};
        } catch (const error& e) {
            return e.kind() == error_kind::invalid_argument;
        }
        return false;
    };
    EXPECT_TRUE(refused([](auto& o) { o.subjects.clear(); }));
    EXPECT_TRUE(refused([](auto& o) { o.subjects.push_back(about); }));
    EXPECT_TRUE(refused([](auto& o) { o.handlers = 0; }));
    EXPECT_TRUE(refused([](auto& o) { o.prefetch_count_max = 1; }));
    EXPECT_TRUE(refused([](auto& o) { o.retries.delays = {2s, 1s}; }));
    EXPECT_TRUE(refused([](auto& o) { o.commit_interval = -1ms; }));
    EXPECT_TRUE(refused([](auto& o) { o.subjects = {subject::parse(std::string(245, 'a'))}; }));
    EXPECT_TRUE(refused([](auto& o) {
        o.promise = consume_promise::at_most_once;
        o.audience = consume_audience::everyone;
    }));
    EXPECT_TRUE(refused([](auto& o) {
        o.retry_order = ordered_retry::park_key;
        o.order = consume_order::none;
    }));
    EXPECT_TRUE(refused([](auto& o) {
        o.retry_order = ordered_retry::park_key;
        o.audience = consume_audience::everyone;
    }));
    EXPECT_TRUE(refused([](auto& o) { o.parked_count_max = 0; }));
}

} // namespace
} // namespace outbox
