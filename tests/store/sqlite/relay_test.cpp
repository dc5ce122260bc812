// The whole inner path on one machine: producer → SQLite → relay thread → a target that records.

#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/log.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/sqlite/relay_store.hpp"
#include "outbox/testing/recording_target.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;

const subject order_paid{"orders.paid"};

class sqlite_relay : public sqlite_fixture {
protected:
    producer sender;

    void send(int from, int to) {
        for (int i = from; i < to; ++i)
            sender.transact(*db, [&](auto&, outgoing& out) {
                out.send(
                    {.to = order_paid,
                     .body = body::raw(std::to_string(i)),
                     .key = order_key{i % 7}}
                );
            });
    }

    relay make_relay(recording& into, relay_timing timing = {}) {
        return relay{
            *source,
            std::make_unique<recording_target>(into),
            {.owner = "test", .timing = timing}};
    }

    static void expect_in_order(const std::vector<recording::arrival>& arrivals, int count) {
        ASSERT_EQ(arrivals.size(), static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i)
            ASSERT_EQ(arrivals[static_cast<std::size_t>(i)].payload, std::to_string(i));
    }
};

// Runs a relay on a thread for as long as the object lives.
class running {
public:
    explicit running(relay& r) : relay_(&r), thread_([&r] { r.run(); }) {}
    ~running() {
        relay_->request_stop();
        thread_.join();
    }

private:
    relay* relay_;
    std::thread thread_;
};

TEST_F(sqlite_relay, delivers_what_is_committed_before_and_while_it_runs) {
    send(0, 50);
    recording seen;
    relay r = make_relay(seen);
    {
        const running now{r};
        ASSERT_TRUE(seen.await_count(50));
        send(50, 100);
        ASSERT_TRUE(seen.await_count(100));
    }
    expect_in_order(seen.arrivals(), 100);
    EXPECT_EQ(source->open_relay_store()->status(0).backlog, 0)
        << "progress is recorded at the stop";
    EXPECT_EQ(source->open_relay_store()->status(0).lease_holder, "") << "the lease is given back";
}

TEST_F(sqlite_relay, the_next_relay_goes_on_where_the_last_one_stopped) {
    send(0, 10);
    recording seen;
    {
        relay first = make_relay(seen);
        const running now{first};
        ASSERT_TRUE(seen.await_count(10));
    }
    send(10, 20);
    {
        relay second = make_relay(seen);
        const running now{second};
        ASSERT_TRUE(seen.await_count(20));
    }
    expect_in_order(seen.arrivals(), 20);
}

TEST_F(sqlite_relay, of_two_only_one_works_and_the_other_takes_over_at_once) {
    recording first_seen;
    recording second_seen;
    relay first = make_relay(first_seen);
    relay second = make_relay(second_seen);
    {
        const running one{first};
        send(0, 1);
        ASSERT_TRUE(first_seen.await_count(1));
        const running two{second};
        send(1, 20);
        ASSERT_TRUE(first_seen.await_count(20));
        EXPECT_TRUE(second_seen.arrivals().empty());
        first.request_stop();
        send(20, 30);
        ASSERT_TRUE(second_seen.await_count(10));
    }
    EXPECT_EQ(first_seen.arrivals().size(), 20U);
    EXPECT_EQ(second_seen.arrivals().front().payload, "20");
}

TEST_F(sqlite_relay, an_outage_of_the_target_costs_nothing_but_time) {
    std::atomic<bool> up{false};
    recording seen;
    seen.decide = [&](const stored_message&) { return up ? fate::delivered : fate::unavailable; };
    relay r = make_relay(seen);
    const running now{r};
    send(0, 30);
    while (!r.stats().target_down)
        std::this_thread::yield();
    up = true;
    ASSERT_TRUE(seen.await_count(30));
    expect_in_order(seen.arrivals(), 30);
}

// Q9: rows that fail a thousand times, or are empty, are moved to a state in which nobody looks at
// them again.
TEST_F(sqlite_relay, qmq_mistake_q9_a_message_refused_a_thousand_times_is_in_sight_and_arrives) {
    std::vector<std::string> said;
    std::mutex said_mutex;
    set_log_sink([&](log_level level, std::string_view, std::string_view text) {
        const std::lock_guard hold{said_mutex};
        if (level == log_level::error)
            said.emplace_back(text);
    });
    std::vector<message_id> sent;
    sender.transact(*db, [&](auto&, outgoing& out) {
        for (const char* payload : {"good", "bad", "good", ""})
            sent.push_back(out.send({.to = order_paid, .body = body::raw(payload)}));
    });
    std::atomic<int> refusals{0};
    std::atomic<bool> repaired{false};
    recording seen;
    seen.decide = [&](const stored_message& m) {
        if (repaired || m.content.payload != "bad")
            return fate::delivered;
        ++refusals;
        return fate::rejected;
    };
    const relay_timing quick{.target_backoff = {.first = 1ms, .longest = 1ms}};
    for (int life = 0; life < 2; ++life) { // a restart does not make it forgotten
        const int enough = refusals + 600;
        relay r = make_relay(seen, quick);
        const running now{r};
        harness::wait_until([&] { return refusals >= enough; }, 60s, "so many refusals");
    }
    set_log_sink({});
    const message_search found = source->find(sent[1], 1'000);
    ASSERT_EQ(found.stored.size(), 1U);
    EXPECT_FALSE(found.stored[0].relayed);
    const store_status state = source->open_relay_store()->status(0);
    EXPECT_GE(state.backlog, 1);
    EXPECT_TRUE(state.oldest_age);
    ASSERT_EQ(said.size(), 2U) << "once in the life of a relay, not each time";
    EXPECT_NE(said[0].find(sent[1].text() + " to orders.paid was refused"), std::string::npos);

    repaired = true;
    relay r = make_relay(seen, quick);
    const running now{r};
    harness::wait_until(
        [&] { return source->open_relay_store()->status(0).backlog == 0; },
        60s,
        "the backlog to be delivered"
    );
    std::set<message_id> arrived;
    for (const auto& each : seen.arrivals())
        arrived.insert(each.id);
    EXPECT_EQ(arrived, std::set(sent.begin(), sent.end()));
}

TEST_F(sqlite_relay, an_open_write_transaction_and_an_old_snapshot_do_not_stop_delivery) {
    send(0, 20);
    const sqlite::connection reader = connect();
    sqlite::execute(reader.get(), "begin; select count(*) from orders", "an old snapshot");
    recording seen;
    relay r = make_relay(seen, {.lease = 2s, .lease_renewal = 100ms});
    const running now{r};
    ASSERT_TRUE(seen.await_count(20));
    send(20, 40);
    const sqlite::connection writer = connect();
    sqlite::execute(
        writer.get(),
        "begin immediate; insert into orders values (99, 'new')",
        "an open write"
    );
    ASSERT_TRUE(seen.await_count(40)) << "delivery waited for somebody's write transaction";
    sqlite::execute(writer.get(), "commit", "commit");
    send(40, 50);
    ASSERT_TRUE(seen.await_count(50));
    sqlite::execute(reader.get(), "commit", "commit");
}

TEST_F(sqlite_relay, delivered_messages_are_removed) {
    send(0, 2'500);
    recording seen;
    relay r = make_relay(seen, {.removal_interval = 10ms});
    const running now{r};
    ASSERT_TRUE(seen.await_count(2'500));
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (messages() > 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    EXPECT_EQ(messages(), 0);
    send(2'500, 2'501);
    ASSERT_TRUE(seen.await_count(2'501)) << "numbers went on after the table was emptied";
}

TEST_F(sqlite_relay, a_zombie_cannot_move_the_cursor_of_its_successor) {
    send(0, 5);
    sqlite::relay_store zombie{path};
    sqlite::relay_store successor{path};
    const auto old_lease = zombie.acquire(0, "zombie", 0ms, "");
    ASSERT_TRUE(old_lease.granted);
    const auto new_lease = successor.acquire(0, "successor", 10s, "");
    ASSERT_TRUE(new_lease.granted);
    EXPECT_GT(new_lease.granted->epoch, old_lease.granted->epoch);
    EXPECT_EQ(zombie.advance(0, old_lease.granted->epoch, {"", 5}), write_result::lease_lost);
    EXPECT_EQ(zombie.renew(0, old_lease.granted->epoch, 10s), write_result::lease_lost);
    EXPECT_FALSE(zombie.remove_delivered(0, old_lease.granted->epoch));
    EXPECT_EQ(successor.status(0).at.seq, 0);
    EXPECT_FALSE(zombie.acquire(0, "zombie", 10s, "").granted);
}

// POSIX drops every lock that a process holds on a file when it closes any descriptor of it. Had a
// relay store one of its own, then another process would take the database for unused when it ends,
// and remove the WAL that this process goes on writing into: committed messages nobody ever reads.
TEST_F(sqlite_relay, closing_a_relay_store_leaves_the_locks_of_its_process_alone) {
    const auto ask_from_outside = [&](const char* sql) {
        const auto result =
            harness::run_to_end({.argv = {harness::system_program("sqlite3"), path, sql}});
        EXPECT_TRUE(result.status.ok()) << result.stderr_text;
        return result.stdout_text;
    };
    send(0, 1);
    static_cast<void>(source->open_relay_store()->read(0, {}, {}));
    ask_from_outside("select count(*) from orders");
    EXPECT_TRUE(std::filesystem::exists(path + "-wal")) << "removed under an open connection";
    send(1, 2);
    EXPECT_EQ(ask_from_outside("select count(*) from outbox_message"), "2\n");
}

TEST_F(sqlite_relay, scheduled_messages_that_cannot_be_moved_hold_up_no_removal) {
    sqlite::execute(
        db.get(),
        "create trigger refusal before delete on outbox_scheduled begin"
        " select raise(abort, 'as the test wants it'); end",
        "trigger"
    );
    sender.transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid, .deliver = deliver_after(1ms)});
    });
    std::atomic<int> said{0};
    set_log_sink([&](log_level, std::string_view, std::string_view text) {
        if (text.find("as the test wants it") != std::string_view::npos)
            ++said;
    });
    recording seen;
    relay r = make_relay(seen, {.removal_interval = 10ms, .due_longest = 5ms, .due_shortest = 1ms});
    {
        const running now{r};
        harness::wait_until([&] { return said > 0; }, 20s, "the refusal");
        send(0, 3);
        harness::wait_until(
            [&] { return messages() == 0; },
            20s,
            "what is delivered to be removed"
        );
    }
    set_log_sink({});
    EXPECT_EQ(said, 1);
    EXPECT_EQ(seen.arrivals().size(), 3U);
    EXPECT_EQ(count("outbox_scheduled"), 1);
}

} // namespace
} // namespace outbox::testing
