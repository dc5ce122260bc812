// Posting without a transaction, with real threads, a real SQLite, and a target that fails as told.

#include "harness/wait_until.hpp"
#include "tests/producer/notebook.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/receipt_sender.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/testing/recording_target.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;

const subject order_paid{"orders.paid"};

// Takes a wave and says nothing until it is cancelled, like a broker behind a dead network.
class silent_target final : public target {
public:
    target_capabilities capabilities() const override { return {}; }
    void deliver(std::span<const stored_message* const> wave) override {
        const std::lock_guard lock{mutex_};
        wave_.assign(wave.begin(), wave.end());
        for (const stored_message* m :
             wave_) // what a socket would do: read it as long as it is here
            bytes_ += m->content.payload.size();
    }
    void
    await(std::chrono::milliseconds timeout, std::vector<delivery_outcome>& outcomes) override {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, timeout, [&] { return cancelled_ || woken_; });
        woken_ = false;
        if (!cancelled_)
            return;
        cancelled_ = false;
        for (std::size_t i = 0; i < wave_.size(); ++i) {
            bytes_ += wave_[i]->content.payload.size();
            outcomes.push_back({.index = i, .fate = fate::unavailable, .reason = "silence"});
        }
        wave_.clear();
    }
    void cancel() override {
        const std::lock_guard lock{mutex_};
        cancelled_ = true;
        changed_.notify_all();
    }
    void wake() noexcept override {
        const std::lock_guard lock{mutex_};
        woken_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<const stored_message*> wave_;
    std::size_t bytes_ = 0;
    bool cancelled_ = false;
    bool woken_ = false;
};

class posting : public sqlite_fixture {
protected:
    notebook told;
    recording seen;
    std::atomic<bool> up{true};

    void SetUp() override {
        sqlite_fixture::SetUp();
        seen.decide = [this](const stored_message&) {
            return up ? fate::delivered : fate::unavailable;
        };
    }
    producer_options options(std::unique_ptr<target> to = nullptr) {
        producer_options made;
        made.database = source.get();
        made.target = to ? std::move(to) : std::make_unique<recording_target>(seen);
        made.posts.target_backoff = {.first = 1ms, .longest = 5ms};
        made.posts.store_backoff = {.first = 1ms, .longest = 5ms};
        return made;
    }
    message a_message(std::optional<order_key> key = std::nullopt) {
        return {.to = order_paid, .body = {{"orderId", 1}}, .key = std::move(key)};
    }
};

TEST_F(posting, persistent_is_a_row_of_its_own_and_its_receipt_comes_from_the_relay) {
    producer sender{options()};
    const message_id id = sender.post(a_message(), {}, told.listener());
    EXPECT_EQ(messages(), 1);
    EXPECT_TRUE(seen.arrivals().empty()) << "it went past the relay";
    receipt_sender receipts;
    relay r{
        *source,
        std::make_unique<recording_target>(seen),
        {.owner = "test", .observer = &receipts}};
    std::thread thread{[&] { r.run(); }};
    const auto reports = told.await(1);
    EXPECT_EQ(reports[0].id, id);
    EXPECT_EQ(reports[0].fate, send_fate::delivered);
    EXPECT_EQ(sender.post_and_wait(a_message()).fate, send_fate::delivered);
    r.request_stop();
    thread.join();
}

TEST_F(posting, a_persistent_batch_is_one_transaction) {
    producer sender{options()};
    const auto ids = sender.post({a_message(), a_message(), a_message()});
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 3U);
    EXPECT_EQ(messages(), 3);
    const message too_large{.to = order_paid, .body = body::raw(bytes(2'000'000, 'x'))};
    EXPECT_THROW(sender.post({a_message(), too_large}), error);
    EXPECT_EQ(messages(), 3) << "half of a batch was posted";
}

TEST_F(posting, a_persistent_post_that_cannot_be_written_throws_and_nobody_is_called) {
    producer sender{options()};
    sqlite::execute(db.get(), "drop table outbox_message", "drop");
    EXPECT_THROW(sender.post(a_message(), {}, told.listener()), error);
    sender.stop(5s);
    EXPECT_TRUE(told.reports().empty());
}

TEST_F(posting, store_on_failure_leaves_no_row_when_the_target_takes_it) {
    producer sender{options()};
    sender.post(a_message(), {.durability = durability::store_on_failure}, told.listener());
    EXPECT_EQ(told.await(1)[0].fate, send_fate::delivered);
    EXPECT_EQ(messages(), 0);
    EXPECT_EQ(seen.arrivals().size(), 1U);
}

TEST_F(posting, store_on_failure_is_a_row_when_the_target_does_not) {
    up = false;
    producer sender{options()};
    const message_id id =
        sender.post(a_message(), {.durability = durability::store_on_failure}, told.listener());
    EXPECT_EQ(told.await(1)[0].fate, send_fate::left_to_watchdog);
    ASSERT_EQ(messages(), 1);
    EXPECT_EQ(source->open_relay_store()->read(0, {}, {}).messages[0].content.id, id)
        << "the same id, so that a copy is known as one";
}

TEST_F(posting, store_on_failure_is_a_row_at_its_deadline_when_the_target_says_nothing) {
    producer sender{options(std::make_unique<silent_target>())};
    const auto report = sender.post_and_wait(
        a_message(),
        {.durability = durability::store_on_failure, .deadline = 30ms}
    );
    EXPECT_EQ(report.fate, send_fate::left_to_watchdog);
    EXPECT_EQ(messages(), 1);
}

TEST_F(posting, a_keyed_store_on_failure_goes_by_its_row_because_only_a_relay_keeps_the_order) {
    producer sender{options()};
    sender.post(a_message(order_key{7}), {.durability = durability::store_on_failure});
    EXPECT_EQ(messages(), 1);
    EXPECT_TRUE(seen.arrivals().empty());
}

TEST_F(posting, a_message_that_is_not_due_yet_waits_in_the_database_or_is_refused) {
    producer sender{options()};
    message later = a_message();
    later.deliver = deliver_after(1h);
    sender.post(later, {.durability = durability::store_on_failure});
    EXPECT_THROW(sender.post(later, {.durability = durability::in_memory}), error);
    EXPECT_THROW(sender.post(later, {.durability = durability::best_effort}), error);
    sender.stop(0ms);
    EXPECT_TRUE(seen.arrivals().empty()) << "sent before its time";
    EXPECT_EQ(count("outbox_scheduled"), 1);
}

TEST_F(posting, a_full_queue_costs_store_on_failure_a_row) {
    auto made = options(std::make_unique<silent_target>());
    made.posts.messages_max = 2;
    producer sender{std::move(made)};
    for (int i = 0; i < 5; ++i)
        sender.post(a_message(), {.durability = durability::store_on_failure});
    EXPECT_EQ(messages(), 3);
    sender.stop(0ms);
    EXPECT_EQ(messages(), 5) << "the end lost what was on its way";
}

TEST_F(posting, store_on_failure_waits_for_a_database_that_is_away) {
    up = false;
    producer sender{options()};
    sqlite::execute(db.get(), "alter table outbox_message rename to elsewhere", "away");
    sender.post(a_message(), {.durability = durability::store_on_failure}, told.listener());
    sender.post(
        a_message(),
        {.durability = durability::in_memory},
        told.listener()
    ); // so that something is known to have passed
    up = true;
    EXPECT_EQ(told.await(1)[0].fate, send_fate::delivered);
    sqlite::execute(db.get(), "alter table elsewhere rename to outbox_message", "back");
    told.await(2);
    EXPECT_EQ(messages() + static_cast<std::int64_t>(seen.arrivals().size()), 2);
    EXPECT_EQ(told.count(send_fate::lost), 0U);
}

TEST_F(posting, in_memory_survives_an_outage_of_the_target) {
    up = false;
    producer sender{options()};
    for (int i = 0; i < 50; ++i)
        sender.post(
            {.to = order_paid, .body = body::raw(std::to_string(i)), .key = order_key{i % 3}},
            {.durability = durability::in_memory},
            told.listener()
        );
    up = true;
    told.await(50);
    EXPECT_EQ(told.count(send_fate::delivered), 50U);
    const auto arrivals = seen.arrivals();
    ASSERT_EQ(arrivals.size(), 50U);
    for (std::size_t i = 0; i < arrivals.size(); ++i)
        EXPECT_EQ(arrivals[i].payload, std::to_string(i)) << "out of order";
    EXPECT_EQ(messages(), 0);
}

TEST_F(posting, in_memory_waits_for_room_and_says_when_there_is_none) {
    auto made = options(std::make_unique<silent_target>());
    made.posts.messages_max = 1;
    producer sender{std::move(made)};
    sender.post(a_message(), {.durability = durability::in_memory});
    try {
        sender.post(
            a_message(),
            {.durability = durability::in_memory, .deadline = 20ms},
            told.listener()
        );
        FAIL() << "the queue has no limit";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::unreachable);
    }
    sender.stop(0ms);
    EXPECT_TRUE(told.reports().empty()) << "thrown and told";
}

TEST_F(posting, in_memory_that_does_not_arrive_in_time_is_lost_and_says_so) {
    producer sender{options(std::make_unique<silent_target>())};
    const auto report =
        sender.post_and_wait(a_message(), {.durability = durability::in_memory, .deadline = 20ms});
    EXPECT_EQ(report.fate, send_fate::lost);
    EXPECT_NE(report.error, "");
}

TEST_F(posting, best_effort_never_waits_and_never_repeats) {
    up = false;
    auto made = options(std::make_unique<silent_target>());
    made.posts.messages_max = 3;
    producer blocked{std::move(made)};
    for (int i = 0; i < 10; ++i)
        blocked.post(a_message(), {.durability = durability::best_effort}, told.listener());
    EXPECT_EQ(told.count(send_fate::lost), 7U) << "what had no room is told at once";
    blocked.stop(0ms);
    told.await(10);
    EXPECT_EQ(told.count(send_fate::lost), 10U);

    producer sender{options()};
    sender.post(a_message(), {.durability = durability::best_effort}, told.listener());
    told.await(11);
    EXPECT_EQ(told.reports()[10].attempts, 1U);
    EXPECT_EQ(messages(), 0);
}

TEST_F(posting, the_memory_of_messages_that_nobody_takes_is_bounded) {
    auto made = options(std::make_unique<silent_target>());
    made.posts.bytes_max = 1U << 20U;
    producer sender{std::move(made)};
    for (int i = 0; i < 2'000; ++i)
        sender.post(
            {.to = order_paid, .body = body::raw(bytes(10'000, 'x'))},
            {.durability = durability::best_effort},
            told.listener()
        );
    const std::size_t dropped = told.reports().size(); // told at once
    EXPECT_GE(dropped, 2'000U - 106U);
    EXPECT_LE(dropped, 2'000U - 100U);
    sender.stop(0ms);
    told.await(2'000);
}

TEST_F(posting, without_what_a_kind_needs_the_error_says_so) {
    producer bare;
    EXPECT_THROW(bare.post(a_message()), usage_error);
    EXPECT_THROW(bare.post(a_message(), {.durability = durability::store_on_failure}), usage_error);
    EXPECT_THROW(bare.post(a_message(), {.durability = durability::in_memory}), usage_error);
    EXPECT_THROW(bare.post(a_message(), {.durability = durability::best_effort}), usage_error);
    producer sender{options()};
    try {
        sender.post(a_message(), {.durability = durability::transactional});
        FAIL() << "there is no transaction";
    } catch (const usage_error& e) {
        EXPECT_NE(std::string{e.what()}.find("transact"), std::string::npos);
    }
    sender.stop(0ms);
    EXPECT_THROW(sender.post(a_message(), {.durability = durability::in_memory}), usage_error);
    EXPECT_EQ(messages(), 0);
}

TEST_F(posting, the_targets_limits_hold_for_everything_that_is_sent) {
    struct small_target final : target {
        target_capabilities capabilities() const override {
            return {.message_bytes_max = 100, .subject_bytes_max = 12, .tag_count_max = 1};
        }
        void deliver(std::span<const stored_message* const>) override {}
        void await(std::chrono::milliseconds, std::vector<delivery_outcome>&) override {}
        void cancel() override {}
        void wake() noexcept override {}
    };
    producer sender{options(std::make_unique<small_target>())};
    const std::array bad{
        message{.to = order_paid, .body = body::raw(bytes(200, 'x'))},
        message{.to = subject{"orders.paid.2"}},
        message{.to = order_paid, .tags = {tag{"a"}, tag{"b"}}}};
    for (const message& m : bad) {
        EXPECT_THROW(sender.post(m), error);
        try {
            sender.transact(*db, [&](sqlite_transaction& tx, outgoing& out) {
                tx.execute("insert into orders values (1, 'paid')");
                out.send(m);
            });
            FAIL() << "the target would have refused it later";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::invalid_argument);
        }
    }
    EXPECT_EQ(orders(), 0);
    EXPECT_EQ(messages(), 0);
    sender.post({.to = order_paid, .body = body::raw(bytes(100, 'x')), .tags = {}});
    EXPECT_EQ(messages(), 1);
}

TEST_F(posting, a_child_after_fork_sends_nothing_of_its_parents_and_hears_why) {
    auto sender = std::make_unique<producer>(options(std::make_unique<silent_target>()));
    sender->post(a_message(), {.durability = durability::store_on_failure}, told.listener());
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20); // a hang is a failure
        int wrong = 1;
        try {
            sender->post(a_message(), {.durability = durability::in_memory});
        } catch (const usage_error&) {
            wrong = 0;
        }
        sender->stop(1s);
        sender.reset();
        ::_exit(wrong);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(messages(), 0) << "the child stored its parent's message";
    sender->stop(0ms);
    EXPECT_EQ(messages(), 1);
    EXPECT_EQ(told.await(1).size(), 1U);
}

// As one on librdkafka, whose threads begin with it and are waited for at its end.
class target_with_a_thread final : public target {
public:
    target_with_a_thread() : thread_([this] { asleep_.wait(false); }) {}
    ~target_with_a_thread() override {
        asleep_ = true;
        asleep_.notify_all();
        thread_.join();
    }
    target_capabilities capabilities() const override { return {}; }
    void deliver(std::span<const stored_message* const>) override {}
    void await(std::chrono::milliseconds, std::vector<delivery_outcome>&) override {}
    void cancel() override {}
    void wake() noexcept override {}

private:
    std::atomic<bool> asleep_{false};
    std::thread thread_;
};

TEST_F(posting, a_child_of_a_parent_that_has_posted_nothing_yet_hears_the_same) {
    auto sender = std::make_unique<producer>(options(std::make_unique<target_with_a_thread>()));
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20); // a hang is a failure
        int wrong = 1;
        try {
            sender->post(a_message(), {.durability = durability::in_memory});
        } catch (const usage_error&) {
            wrong = 0;
        }
        sender.reset();
        ::_exit(wrong);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(posting, the_longest_time_there_is_is_long) {
    constexpr auto for_ever = std::chrono::milliseconds::max();
    up = false;
    auto made = options();
    made.receipts.deadline = for_ever;
    producer sender{std::move(made)};
    const receipt r = sender.post(
        a_message(),
        {.durability = durability::in_memory, .deadline = for_ever},
        with_receipt
    );
    sender.post(a_message(), {.deadline = for_ever}, told.listener());
    sender.transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid}, told.listener());
    });
    up = true;
    EXPECT_EQ(sender.wait_delivered(r, for_ever), send_fate::delivered);
    EXPECT_TRUE(told.reports().empty()) << "given up at once";
    sender.stop(for_ever);
    EXPECT_EQ(told.reports().size(), 2U);
}

// Many threads, every kind, a target that comes and goes, a stop in between: one call for each, and
// what may have a row is delivered or has one.
TEST_F(posting, every_post_ends_once_under_load) {
    constexpr int per_thread = 300;
    std::atomic<int> refused{0};
    {
        auto made = options();
        made.posts.messages_max = 200;
        producer sender{std::move(made)};
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&, t] {
                constexpr std::array kinds{
                    durability::store_on_failure,
                    durability::in_memory,
                    durability::best_effort};
                for (int i = 0; i < per_thread; ++i) {
                    up = i % 20 < 15;
                    try {
                        sender.post(
                            a_message(),
                            {.durability = kinds[static_cast<std::size_t>(t)], .deadline = 2s},
                            told.listener()
                        );
                    } catch (const error&) {
                        ++refused;
                    }
                }
            });
        }
        for (std::thread& t : threads)
            t.join();
        up = true;
    }
    EXPECT_EQ(told.reports().size() + static_cast<std::size_t>(refused), 3U * per_thread);
    EXPECT_TRUE(told.all_in_the_right_function());
    EXPECT_EQ(told.count(send_fate::left_to_watchdog), static_cast<std::size_t>(messages()));
    EXPECT_EQ(told.count(send_fate::delivered), seen.arrivals().size());
}

} // namespace
} // namespace outbox::testing
