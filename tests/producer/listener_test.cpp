// Listeners and receipts on one machine: producer → SQLite → relay thread → a target that records,
// and back by datagram.

#include "harness/wait_until.hpp"
#include "tests/producer/notebook.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/datagram.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/message/receipt_datagram.hpp"
#include "outbox/message/receipt_request.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/receipt_sender.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/sqlite/relay_store.hpp"
#include "outbox/testing/recording_target.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;

const subject order_paid{"orders.paid"};

class listeners : public sqlite_fixture {
protected:
    notebook told;
    recording seen;
    receipt_sender receipts;

    // A relay that runs as long as the object lives.
    class running {
    public:
        running(database& from, recording& into, outcome_observer* observer)
            : relay_(
                  from,
                  std::make_unique<recording_target>(into),
                  {.owner = "test", .observer = observer}
              )
            , thread_([this] { relay_.run(); }) {}
        ~running() {
            relay_.request_stop();
            thread_.join();
        }

    private:
        relay relay_;
        std::thread thread_;
    };
    std::unique_ptr<running> start_relay() {
        return std::make_unique<running>(*source, seen, &receipts);
    }

    message_id send(producer& from, const body& text = {}) {
        return from.transact(*db, [&](auto&, outgoing& out) {
            return out.send({.to = order_paid, .body = text}, told.listener());
        });
    }
    void run(const char* sql) { sqlite::execute(db.get(), sql, sql); }
};

TEST_F(listeners, hear_once_of_each_message_that_a_relay_delivers) {
    producer sender;
    const auto now = start_relay();
    std::set<message_id> sent;
    for (int i = 0; i < 20; ++i)
        sent.insert(send(sender));
    const auto ids = sender.transact(*db, [&](auto&, outgoing& out) {
        return out.send(
            {{.to = order_paid}, {.to = order_paid}, {.to = order_paid}},
            told.listener()
        );
    });
    EXPECT_EQ(ids.size(), 3U);
    sent.insert(ids.begin(), ids.end());

    std::set<message_id> heard;
    for (const delivery_report& r : told.await(23)) {
        EXPECT_EQ(r.fate, send_fate::delivered);
        EXPECT_EQ(r.subject, "orders.paid");
        EXPECT_EQ(r.attempts, 1U);
        EXPECT_EQ(r.error, "");
        heard.insert(r.id);
    }
    EXPECT_EQ(heard, sent);
    sender.stop(5s);
    EXPECT_EQ(told.reports().size(), 23U);
    EXPECT_TRUE(told.all_in_the_right_function());
}

TEST_F(listeners, the_relay_takes_the_address_out_before_the_target_sees_it) {
    bool any_receipt = false;
    std::mutex mutex;
    headers left;
    seen.decide = [&](const stored_message& m) {
        const std::lock_guard lock{mutex};
        left = decode_headers(m.content.headers);
        any_receipt = any_receipt || find_header(left, header_name::receipt) != nullptr;
        return fate::delivered;
    };
    producer sender;
    sender.transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid, .properties = {{"colour", "red"}}}, told.listener());
    });
    EXPECT_EQ(source->open_relay_store()->read(0, {}, {}).messages.size(), 1U);
    const running without_observer{*source, seen, nullptr};
    ASSERT_TRUE(seen.await_count(1));
    const std::lock_guard lock{mutex};
    EXPECT_FALSE(any_receipt);
    EXPECT_EQ(left, (headers{{"colour", "red"}}));
}

TEST_F(listeners, a_message_without_listener_carries_nothing_and_starts_nothing) {
    producer sender;
    sender.transact(*db, [&](auto&, outgoing& out) { out.send({.to = order_paid}); });
    EXPECT_EQ(source->open_relay_store()->read(0, {}, {}).messages.at(0).content.headers, "");
}

TEST_F(listeners, a_receipt_can_be_waited_for) {
    producer sender;
    const auto now = start_relay();
    const receipt r = sender.transact(*db, [&](auto&, outgoing& out) {
        return out.send({.to = order_paid}, with_receipt);
    });
    EXPECT_EQ(sender.wait_delivered(r, 20s), send_fate::delivered);
    EXPECT_EQ(sender.wait_delivered(r, 0ms), send_fate::delivered) << "asking again";
    EXPECT_EQ(r.report()->id, r.id());
}

TEST_F(listeners, a_message_that_waited_for_its_time_has_its_receipt_too) {
    producer sender;
    const auto now = start_relay();
    const receipt r = sender.transact(*db, [&](auto&, outgoing& out) {
        return out.send({.to = order_paid, .deliver = deliver_after(50ms)}, with_receipt);
    });
    EXPECT_EQ(sender.wait_delivered(r, 20s), send_fate::delivered);
    ASSERT_TRUE(seen.await_count(1));
}

TEST_F(listeners, waiting_ends_in_time_when_no_relay_is_there) {
    producer sender;
    const receipt r = sender.transact(*db, [&](auto&, outgoing& out) {
        return out.send({.to = order_paid}, with_receipt);
    });
    EXPECT_EQ(sender.wait_delivered(r, 20ms), send_fate::left_to_watchdog);
    const auto now = start_relay();
    EXPECT_EQ(sender.wait_delivered(r, 20s), send_fate::delivered) << "it was not lost meanwhile";
}

TEST_F(listeners, without_a_relay_it_is_left_to_the_watchdog_and_delivered_later) {
    producer sender{{.receipts = {.deadline = 50ms}}};
    const message_id id = send(sender);
    const auto reports = told.await(1);
    EXPECT_EQ(reports[0].id, id);
    EXPECT_EQ(reports[0].fate, send_fate::left_to_watchdog);
    const auto now = start_relay();
    ASSERT_TRUE(seen.await_count(1));
    EXPECT_EQ(seen.arrivals()[0].id, id);
    sender.stop(5s);
    EXPECT_EQ(told.reports().size(), 1U) << "the late receipt was told as well";
    EXPECT_TRUE(told.all_in_the_right_function());
}

TEST_F(listeners, a_refused_message_is_told_once) {
    seen.decide = [](const stored_message&) { return fate::rejected; };
    producer sender;
    const auto now = start_relay();
    send(sender);
    const auto reports = told.await(1);
    EXPECT_EQ(reports[0].fate, send_fate::rejected);
    EXPECT_EQ(reports[0].error, "as the test wants it");
    sender.stop(5s);
    EXPECT_EQ(told.reports().size(), 1U);
}

TEST_F(listeners, nobody_is_called_for_a_transaction_that_was_rolled_back) {
    producer sender{{.receipts = {.deadline = 1ms}}};
    std::optional<receipt> r;
    EXPECT_THROW(
        sender.transact(
            *db,
            [&](auto&, outgoing& out) {
                out.send({.to = order_paid}, told.listener());
                r = out.send({.to = order_paid}, with_receipt);
                throw std::domain_error("the user's own");
            }
        ),
        std::domain_error
    );
    EXPECT_THROW(static_cast<void>(sender.wait_delivered(*r, 20s)), error);
    run("begin");
    sender.send(*db, {.to = order_paid}, told.listener());
    run("rollback");
    send(sender); // what follows is told, so what went before had its time
    EXPECT_EQ(told.await(1).size(), 1U);
    sender.stop(5s);
    EXPECT_EQ(told.reports().size(), 1U);
}

TEST_F(listeners, nobody_is_called_when_commit_fails) {
    producer sender{{.receipts = {.deadline = 1ms}}};
    run("create table parent (id integer primary key)");
    run("create table child (id integer references parent (id) deferrable initially deferred)");
    run("pragma foreign_keys = on");
    EXPECT_THROW(
        sender.transact(
            *db,
            [&](sqlite_transaction& tx, outgoing& out) {
                tx.execute("insert into child values (1)");
                out.send({.to = order_paid}, told.listener());
            }
        ),
        error
    );
    sender.stop(5s);
    EXPECT_TRUE(told.reports().empty());
}

TEST_F(listeners, a_joined_transaction_is_told_by_its_receipt_or_after_the_nudge) {
    producer sender{{.receipts = {.deadline = 100ms}}};
    run("begin");
    {
        outgoing out = sender.join(*db);
        out.send({.to = order_paid}, told.listener());
        run("commit");
        out.nudge();
    }
    EXPECT_EQ(told.await(1)[0].fate, send_fate::left_to_watchdog);

    run("begin");
    const message_id id = sender.send(*db, {.to = order_paid}, told.listener());
    run("commit");
    sender.committed(id);
    EXPECT_EQ(told.await(2)[1].fate, send_fate::left_to_watchdog);
    EXPECT_EQ(told.reports()[1].id, id);

    producer patient;
    const auto now = start_relay();
    run("begin");
    const receipt r = patient.send(*db, {.to = order_paid}, with_receipt);
    run("commit");
    EXPECT_EQ(patient.wait_delivered(r, 20s), send_fate::delivered)
        << "the receipt proves the commit";
}

TEST_F(listeners, at_the_end_each_pending_one_is_left_to_the_watchdog) {
    {
        producer sender;
        for (int i = 0; i < 10; ++i)
            send(sender);
        EXPECT_TRUE(told.reports().empty());
    }
    const auto reports = told.reports();
    ASSERT_EQ(reports.size(), 10U) << "the destructor did not wait for the listeners";
    for (const delivery_report& r : reports)
        EXPECT_EQ(r.fate, send_fate::left_to_watchdog);
}

TEST_F(listeners, a_transaction_that_is_open_while_the_producer_stops_is_told_after_its_commit) {
    producer sender;
    sender.transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid}, told.listener());
        sender.stop(5s);
        EXPECT_TRUE(told.reports().empty()) << "called before COMMIT";
        out.send({.to = order_paid}, told.listener());
    });
    ASSERT_EQ(told.reports().size(), 2U);
    EXPECT_EQ(told.reports()[0].fate, send_fate::left_to_watchdog);
}

TEST_F(listeners, beyond_the_limit_they_are_left_to_the_watchdog_at_once) {
    producer sender{{.receipts = {.pending_max = 2}}};
    sender.transact(*db, [&](auto&, outgoing& out) {
        for (int i = 0; i < 5; ++i)
            out.send({.to = order_paid}, told.listener());
        EXPECT_TRUE(told.reports().empty());
    });
    EXPECT_EQ(told.reports().size(), 3U);
    sender.stop(5s);
    EXPECT_EQ(told.reports().size(), 5U);
    EXPECT_EQ(messages(), 5);
}

TEST_F(listeners, beyond_the_limit_one_of_a_single_send_is_told_when_its_commit_is_said) {
    producer sender{{.receipts = {.pending_max = 0}}};
    run("begin");
    const message_id id = sender.send(*db, {.to = order_paid}, told.listener());
    const receipt r = sender.send(*db, {.to = order_paid}, with_receipt);
    run("commit");
    EXPECT_TRUE(told.reports().empty()) << "called before it is known to be committed";
    sender.committed(id);
    sender.committed(r.id());
    EXPECT_TRUE(r.report());
    sender.committed(id);
    ASSERT_EQ(told.reports().size(), 1U);
    EXPECT_EQ(told.reports()[0].id, id);
    EXPECT_EQ(told.reports()[0].subject, "orders.paid");
    EXPECT_EQ(told.reports()[0].fate, send_fate::left_to_watchdog);

    run("begin");
    sender.send(*db, {.to = order_paid}, told.listener());
    run("rollback");
    sender.stop(5s);
    EXPECT_EQ(told.reports().size(), 1U);

    run("begin");
    const message_id late = sender.send(*db, {.to = order_paid}, told.listener());
    run("commit");
    sender.committed(late);
    EXPECT_EQ(told.reports().size(), 2U) << "after the stop";
}

TEST_F(listeners, one_that_the_stop_itself_calls_may_destroy_the_producer) {
    auto sender = std::make_unique<producer>();
    std::promise<void> destroyed;
    sender->transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid}, {.on_failed = [&](const auto&) {
                     sender.reset();
                     destroyed.set_value();
                 }});
    });
    sender->stop(20s);
    EXPECT_EQ(destroyed.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(listeners, one_that_throws_or_sends_or_waits_harms_nobody) {
    producer sender;
    const auto now = start_relay();
    std::promise<send_fate> inner;
    const sqlite::connection another = connect();
    sender.transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid}, {.on_delivered = [](const auto&) {
                     throw std::runtime_error("mine");
                 }});
        out.send({.to = order_paid}, {.on_delivered = [&](const auto&) {
                     const receipt r = sender.transact(*another, [&](auto&, outgoing& again) {
                         return again.send({.to = order_paid}, with_receipt);
                     });
                     inner.set_value(sender.wait_delivered(r, 20s));
                 }});
        out.send({.to = order_paid}, told.listener());
    });
    EXPECT_EQ(inner.get_future().get(), send_fate::delivered);
    EXPECT_EQ(told.await(1)[0].fate, send_fate::delivered);
}

TEST_F(listeners, one_may_destroy_the_producer) {
    const auto now = start_relay();
    auto sender = std::make_unique<producer>();
    std::promise<void> destroyed;
    sender->transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid}, {.on_delivered = [&](const auto&) {
                     sender.reset();
                     destroyed.set_value();
                 }});
        out.send({.to = order_paid}, told.listener());
    });
    EXPECT_EQ(destroyed.get_future().wait_for(20s), std::future_status::ready);
    EXPECT_EQ(told.await(1).size(), 1U);

    // On the sender's own thread, inside of transact, because the limit is reached.
    auto full = std::make_unique<producer>(producer_options{.receipts = {.pending_max = 0}});
    full->transact(*db, [&](auto&, outgoing& out) {
        out.send({.to = order_paid}, {.on_failed = [&](const auto&) { full.reset(); }});
    });
    EXPECT_EQ(full, nullptr);
}

// The child has none of the threads. It must neither hang nor speak for the parent. It has a
// database of its own, because a SQLite database that was opened before fork() is not for both.
TEST_F(listeners, a_child_after_fork_gets_a_clear_error_and_ends) {
    auto sender = std::make_unique<producer>();
    send(*sender);
    const std::string of_the_child = (folder.path() / "child.db").string();
    sqlite::open_database("sqlite:" + of_the_child)->open_migrator()->up();
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20); // a hang is a failure
        int wrong = 0;
        const sqlite::connection mine = sqlite::open(of_the_child, false);
        try {
            sender->transact(*mine, [&](auto&, outgoing& out) {
                out.send({.to = order_paid}, send_listener{.on_failed = [](const auto&) {}});
            });
            wrong |= 1;
        } catch (const usage_error& e) {
            wrong |= std::string{e.what()}.find("fork") == std::string::npos ? 2 : 0;
        }
        sender->stop(1s);
        sender.reset();
        wrong |= told.reports().empty() ? 0 : 4;
#ifndef __SANITIZE_THREAD__ // it ends a forked child that starts a thread
        {
            producer own{{.receipts = {.deadline = 10ms}}};
            const receipt r = own.transact(*mine, [&](auto&, outgoing& out) {
                return out.send({.to = order_paid}, with_receipt);
            });
            wrong |= own.wait_delivered(r, 20s) == send_fate::left_to_watchdog ? 0 : 8;
        }
#endif
        ::_exit(wrong);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    sender->stop(5s);
    EXPECT_EQ(told.reports().size(), 1U) << "the parent was not told once";
    EXPECT_EQ(messages(), 1);
}

TEST_F(listeners, forged_and_garbled_receipts_are_not_believed) {
    producer sender;
    const message_id id = send(sender);
    bytes encoded = source->open_relay_store()->read(0, {}, {}).messages.at(0).content.headers;
    const receipt_request real = take_receipt_request(encoded).value();
    const receipt_note delivered{.id = id, .attempts = 1};

    for (const bytes& forged : encode_receipts("12345678", {&delivered, 1}))
        send_datagram(real.address, forged);
    seeded_random random{5};
    for (int i = 0; i < 500; ++i) {
        bytes garbled = encode_receipts(real.token, {&delivered, 1}).at(0);
        garbled.resize(random.below(garbled.size()));
        send_datagram(real.address, garbled);
    }
    send_datagram(real.address, bytes(60'000, 'x'));
    const receipt_note stranger{.id = message_id_generator{}.next()};
    send_datagram(real.address, encode_receipts(real.token, {&stranger, 1}).at(0));

    const message_id another = send(sender);
    const receipt_note true_one{.id = another, .attempts = 2, .position = {4, 5}};
    harness::wait_until(
        [&] { // the flood before may have filled the socket
            send_datagram(real.address, encode_receipts(real.token, {&true_one, 1}).at(0));
            return !told.reports().empty();
        },
        20s,
        "the true receipt"
    );
    ASSERT_EQ(told.reports().size(), 1U);
    EXPECT_EQ(told.reports()[0].id, another);
    EXPECT_EQ(told.reports()[0].position, (target_position{4, 5}));
}

TEST_F(listeners, one_datagram_carries_many_receipts_and_goes_to_this_machine_only) {
    datagram_socket socket{"udp:0.0.0.0:0", 1 << 20};
    const std::string port = socket.address().substr(socket.address().rfind(':'));
    const receipt_request here{"udp:127.0.0.1" + port, "12345678"};
    const receipt_request anywhere{"udp:0.0.0.0" + port, "12345678"}; // no address of this machine
    std::vector<observed_outcome> outcomes;
    for (int i = 0; i < 100; ++i) {
        outcomes.push_back({.to = &here, .note = {.id = message_id_generator{}.next()}});
        outcomes.push_back({.to = &anywhere, .note = {.id = message_id_generator{}.next()}});
    }
    std::array<char, receipt_datagram_bytes_max> buffer{};
    std::size_t datagrams = 0;
    const auto notes = [&] {
        std::size_t count = 0;
        while (const auto size = socket.receive(buffer)) {
            ++datagrams;
            count += decode_receipts("12345678", {buffer.data(), *size}).value().size();
        }
        return count;
    };
    receipts.observe(outcomes);
    EXPECT_EQ(notes(), 100U);
    EXPECT_LE(datagrams, 3U);
    receipt_sender{receipt_reach::any}.observe(outcomes);
    EXPECT_EQ(notes(), 200U);
}

TEST_F(listeners, an_address_that_cannot_be_used_costs_the_receipt_and_not_the_message) {
    producer sender{{.receipts = {.address = "udp:192.0.2.1:9"}}}; // not this host's
    send(sender);
    ASSERT_EQ(told.reports().size(), 1U);
    EXPECT_EQ(told.reports()[0].fate, send_fate::left_to_watchdog);
    EXPECT_EQ(messages(), 1);
}

// Many threads, a relay, and an end in the middle: one call for each, whatever comes first.
TEST_F(listeners, are_called_exactly_once_by_many_threads_with_a_relay_and_a_stop_between) {
    const auto now = start_relay();
    constexpr int per_thread = 150;
    std::mutex mutex;
    std::map<message_id, int> calls;
    std::set<message_id> sent;
    const auto count = [&](const delivery_report& r) {
        const std::lock_guard lock{mutex};
        ++calls[r.id];
    };
    {
        producer sender{{.receipts = {.deadline = 20ms, .pending_max = 100}}};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                const sqlite::connection mine = connect();
                for (int i = 0; i < per_thread; ++i) {
                    const message_id id = sender.transact(*mine, [&](auto&, outgoing& out) {
                        return out.send(
                            {.to = order_paid},
                            {.on_delivered = count, .on_failed = count}
                        );
                    });
                    const std::lock_guard lock{mutex};
                    sent.insert(id);
                }
            });
        }
        harness::wait_until(
            [&] {
                const std::lock_guard lock{mutex};
                return sent.size() > per_thread;
            },
            60s,
            "a quarter to be sent"
        );
        sender.stop(5s);
        for (std::thread& t : threads)
            t.join();
    }
    const std::lock_guard lock{mutex};
    ASSERT_EQ(sent.size(), 4U * per_thread);
    for (const message_id& id : sent)
        EXPECT_EQ(calls[id], 1);
    EXPECT_EQ(calls.size(), sent.size());
}

} // namespace
} // namespace outbox::testing
