// Listeners and receipts on one machine: producer → SQLite → relay thread → a target that records,
// and back by datagram.

#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "tests/producer/listener_exam.hpp"
#include "tests/producer/notebook.hpp"
#include "tests/producer/running_relay.hpp"
#include "tests/store/doors/sqlite_own.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/datagram.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/message/receipt_datagram.hpp"
#include "outbox/message/receipt_request.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/receipt_sender.hpp"
#include "outbox/testing/recording_target.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <stdexcept>

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;

class sqlite_place {
public:
    using own_transaction = doors::sqlite_own;

    sqlite_place() {
        open()->open_migrator()->up();
        const auto db = connect();
        doors::run_sqlite(*db, "pragma journal_mode = wal");
        doors::run_sqlite(*db, "create table orders (id integer primary key)");
    }
    std::unique_ptr<database> open() const { return sqlite::open_database("sqlite:" + path_); }
    doors::sqlite_handle connect() const { return doors::open_sqlite(path_); }
    template <class Execute>
    void break_commit(Execute execute) const {
        execute("create table parts (id integer references orders deferrable initially deferred)");
        execute("insert into parts values (999)");
    }

private:
    harness::temp_dir folder_;
    std::string path_ = (folder_.path() / "shop.db").string();
};

INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, listener_exam, sqlite_place);

// Beside the exam, what does not depend on the database.

const subject order_paid{"orders.paid"};

class listeners : public sqlite_fixture {
protected:
    notebook told;
    recording seen;
    receipt_sender receipts;

    std::unique_ptr<running_relay> start_relay() {
        return std::make_unique<running_relay>(*source, seen, &receipts);
    }

    void run(const char* sql) { sqlite::execute(db.get(), sql, sql); }
    message_id send(producer& from) {
        return from.transact(*db, [&](auto&, outgoing& out) {
            return out.send({.to = order_paid}, told.listener());
        });
    }
};

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

TEST_F(listeners, beyond_the_limit_a_receipt_of_what_is_rolled_back_waits_for_nothing) {
    producer sender{{.receipts = {.pending_max = 0}}};
    std::vector<receipt> all;
    const auto send_one = [&](outgoing& out) {
        all.push_back(out.send({.to = order_paid}, with_receipt));
    };
    const auto send_too_large = [&](outgoing& out) {
        out.send({.to = order_paid, .body = body::raw(std::string(2'000'000, 'x'))});
    };
    EXPECT_ANY_THROW(sender.transact(*db, [&](auto&, outgoing& out) {
        send_one(out);
        throw std::runtime_error("the user's own");
    }));
    sender.transact(*db, [&](auto& tx, outgoing& out) {
        auto undone = tx.savepoint();
        send_one(out);
        undone.rollback();
    });
    run("begin");
    {
        outgoing out = sender.join(*db);
        send_one(out);
        EXPECT_THROW(send_too_large(out), error);
    }
    ASSERT_EQ(all.size(), 3U);
    for (const receipt& r : all) {
        try {
            sender.wait_delivered(r, 100ms);
            ADD_FAILURE() << "waited for a message that is not there";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::rejected) << e.what();
        }
    }
    EXPECT_EQ(messages(), 0);
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

} // namespace
} // namespace outbox::testing
