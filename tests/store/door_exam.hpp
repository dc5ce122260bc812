#pragma once
// The exam that every door of the producer takes, whatever client and database stand behind it. A
// door takes part by a class, a candidate:
//
//   raw_database& database();                 fresh for each candidate
//   using connection = …;                     what transact() takes
//   handle connect();                         an owner of one: *handle is a connection&
//   handle connect_through(port); server_port();  the same through a proxy, for the second part
//   class own_transaction;                    the user's own, for join: constructed from
//                                             connection& and begun, with handle(), execute(sql),
//                                             commit(), rollback(); its destructor rolls back
//   void break_commit(execute);               makes that the COMMIT of a transaction fails, from
//                                             within it: execute(sql) runs there
//   static constexpr door_traits traits;
//
// and one line:  INSTANTIATE_TYPED_TEST_SUITE_P(pqxx, door_exam, outbox::pqxx_candidate);
//
// An own unit-of-work class with an adapter may take it, too.

#include "harness/wait_until.hpp"
#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/producer/producer.hpp"
#include "tests/store/doors/raw_database.hpp"
#include "tests/support/turns_proxy.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace outbox::doors {

/// When a joined `outgoing` refuses to send after the end of its transaction.
enum class refuses_late {
    always,         // it knows its transaction
    until_the_next, // it knows the connection, and sends with what is open there
    never           // the next transaction begins by itself
};

/// In what doors may differ, all of it.
struct door_traits {
    /// Trips to the server of a transact() with one statement and no message; then those that any
    /// number of messages cost above it, and above a transaction of the user's own.
    int bare_trips = 3;
    int transact_trips = 0;
    int join_trips = 1;
    /// Of first_time() in a transaction of the user's own.
    int note_trips = 1;
    /// Of once, above a transact().
    int once_trips = 0;
    /// The client's own commit() says so when a failed send has ended the transaction. Otherwise it
    /// succeeds and commits nothing.
    bool commit_tells = true;
    refuses_late kept_outgoing = refuses_late::always;
    /// A statement that failed has failed the whole transaction. Otherwise it is as if it had not
    /// been said.
    bool one_failure_fails_all = false;
    /// What only the text with COMMIT in it holds.
    const char* commit_words = "commit";
};

template <class Candidate>
class door_exam : public testing::Test {
protected:
    using connection = typename Candidate::connection;
    using own_transaction = typename Candidate::own_transaction;

    static message say(const std::string& text) {
        return {.to = subject::parse("orders.paid"), .body = body::raw(text)};
    }
    static std::vector<message> several(int count, const std::string& prefix = "") {
        std::vector<message> all;
        for (int i = 0; i < count; ++i)
            all.push_back(say(prefix + std::to_string(i)));
        return all;
    }
    static std::vector<std::string> numbers(int count) {
        std::vector<std::string> all;
        for (int i = 0; i < count; ++i)
            all.push_back(std::to_string(i));
        return all;
    }
    static message too_large() { return say(std::string(2'000'000, 'x')); }
    static std::string pay(int id) {
        return "update orders set state = 'paid' where id = " + std::to_string(id);
    }

    /// The user's own, after a send that failed.
    static void commit_poisoned(own_transaction& tx) {
        if (Candidate::traits.commit_tells)
            EXPECT_ANY_THROW(tx.commit());
        else
            tx.commit();
    }
    template <class Send>
    static void expect_refused(const Send& send) {
        try {
            send();
            ADD_FAILURE() << "sent";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::not_in_transaction) << e.what();
            EXPECT_NE(e.hint(), "");
        }
    }

    std::vector<std::string> sent() { return door.database().payloads(); }
    std::string state(int id) { return door.database().state(id); }

    void TearDown() override { EXPECT_TRUE(door.database().nothing_crossed()); }

    Candidate door;
    producer sender{{.name = name_under_exam()}};
};

TYPED_TEST_SUITE_P(door_exam);

// ---- what arrives

TYPED_TEST_P(door_exam, any_bytes_arrive_as_they_were) {
    std::string all_bytes;
    for (int i = 0; i < 256; ++i)
        all_bytes.push_back(static_cast<char>(i));
    const std::vector<message> kinds{
        {.to = subject::parse("a"),
         .body = body::raw(all_bytes),
         .key = order_key{all_bytes},
         .properties = {{"p", all_bytes}}},
        {.to = subject::parse(std::string(subject_bytes_max, 's')), .body = body::raw("")},
        {.to = subject::parse("b"),
         .body = body::raw(std::string(990'000, '\0')),
         .key = order_key{std::string(order_key_bytes_max, '\xff')}},
        {.to = subject::parse("c"),
         .body = body::raw("':a ::b \\' ? $1 %s -- /* \" \xc3\xa9 \xf0\x9f\x93\xa6"),
         .key = order_key{"gr\xc3\xbc\xc3\x9f"}}};
    auto db = this->door.connect();
    this->sender.transact(*db, [&](auto&, outgoing& out) {
        out.send(std::span<const message>{kinds});
    });
    {
        typename TestFixture::own_transaction tx{*db};
        outgoing out = this->sender.join(tx.handle());
        out.send(std::span<const message>{kinds});
        tx.commit();
    }
    const auto rows = this->door.database().rows();
    ASSERT_EQ(rows.size(), 2 * kinds.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const envelope e = freeze(kinds[i % kinds.size()], {}, {});
        EXPECT_EQ(rows[i].subject, e.subject);
        EXPECT_TRUE(rows[i].key == upper_hex(e.key.value_or(""))) << i;
        EXPECT_TRUE(rows[i].headers == upper_hex(e.headers)) << i;
        EXPECT_TRUE(rows[i].payload == upper_hex(e.payload)) << i;
    }
}

TYPED_TEST_P(door_exam, any_number_of_messages_keeps_its_order) {
    auto db = this->door.connect();
    std::vector<std::string> expected;
    for (const int count : {0, 1, 10, 1'000}) {
        const auto all = this->several(count, "transact");
        const auto joined = this->several(count, "join");
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(this->pay(1));
            for (const message& m : all)
                out.send(m);
        });
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(2));
        {
            outgoing out = this->sender.join(tx.handle());
            out.send(std::span<const message>{joined});
        }
        tx.commit();
        for (const char* way : {"transact", "join"})
            for (const std::string& text : this->numbers(count))
                expected.push_back(way + text);
    }
    EXPECT_EQ(this->sent(), expected);
    EXPECT_EQ(this->state(1), "paid");
    EXPECT_EQ(this->state(2), "paid");
}

TYPED_TEST_P(door_exam, a_message_outlives_the_buffers_it_was_made_of) {
    auto db = this->door.connect();
    this->sender.transact(*db, [&](auto&, outgoing& out) {
        for (int i = 0; i < 10; ++i) {
            auto text = std::make_unique<std::string>(100, static_cast<char>('a' + i));
            out.send(this->say(*text));
            text->assign(100, '!');
        }
    });
    const auto sent = this->sent();
    ASSERT_EQ(sent.size(), 10U);
    for (std::size_t i = 0; i < 10; ++i)
        EXPECT_EQ(sent[i], std::string(100, static_cast<char>('a' + i)));
}

TYPED_TEST_P(door_exam, several_transactions_on_one_connection) {
    auto db = this->door.connect();
    for (int i = 1; i <= 3; ++i) {
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(this->pay(i));
            out.send(this->say("transact"));
        });
        EXPECT_ANY_THROW(this->sender.transact(*db, [&](auto&, outgoing& out) {
            out.send(this->say("never"));
            throw std::runtime_error("no");
        }));
        typename TestFixture::own_transaction tx{*db};
        this->sender.send(tx.handle(), this->say("join"));
        tx.commit();
    }
    EXPECT_EQ(
        this->sent(),
        (std::vector<std::string>{"transact", "join", "transact", "join", "transact", "join"})
    );
}

TYPED_TEST_P(door_exam, two_threads_have_a_connection_each) {
    constexpr int rounds = 20;
    const auto work = [&](const std::string& name) {
        auto db = this->door.connect();
        for (int i = 0; i < rounds; ++i)
            this->sender.transact(*db, [&](auto&, outgoing& out) {
                out.send(this->say(name + std::to_string(i)));
            });
    };
    std::thread other{work, "b"};
    work("a");
    other.join();
    int a = 0;
    int b = 0;
    for (const std::string& text : this->sent())
        EXPECT_EQ(text.substr(1), std::to_string(text[0] == 'a' ? a++ : b++));
    EXPECT_EQ(a, rounds);
    EXPECT_EQ(b, rounds);
}

// ---- what does not

TYPED_TEST_P(door_exam, an_exception_takes_back_both_and_comes_out_as_it_was) {
    auto db = this->door.connect();
    EXPECT_THROW(
        this->sender.transact(
            *db,
            [&](auto& tx, outgoing& out) {
                tx.execute(this->pay(1));
                out.send(this->say("never"));
                throw std::domain_error("the user's own");
            }
        ),
        std::domain_error
    );
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        this->sender.send(tx.handle(), this->say("never"));
        tx.rollback();
    }
    {
        typename TestFixture::own_transaction forgotten{*db};
        forgotten.execute(this->pay(1));
        this->sender.send(forgotten.handle(), this->say("never"));
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_TRUE(this->sent().empty());
}

TYPED_TEST_P(door_exam, a_commit_that_fails_leaves_nothing) {
    auto db = this->door.connect();
    EXPECT_ANY_THROW(this->sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute(this->pay(1));
        out.send(this->say("never"));
        this->door.break_commit([&](const std::string& sql) { tx.execute(sql); });
    }));
    EXPECT_EQ(this->state(1), "new");
    EXPECT_TRUE(this->sent().empty());
}

TYPED_TEST_P(door_exam, a_change_that_failed_and_was_swallowed_is_no_half_transaction) {
    constexpr bool fails_all = TypeParam::traits.one_failure_fails_all;
    auto db = this->door.connect();
    for (const bool with_message : {true, false}) {
        const auto transact = [&] {
            this->sender.transact(*db, [&](auto& tx, outgoing& out) {
                tx.execute(this->pay(1));
                EXPECT_ANY_THROW(tx.execute("insert into orders values (1, 'twice')"));
                if (with_message)
                    out.send(this->say("m"));
            });
        };
        if (fails_all)
            EXPECT_ANY_THROW(transact());
        else
            transact();
        EXPECT_EQ(this->state(1), fails_all ? "new" : "paid");
        EXPECT_EQ(this->sent().size(), fails_all ? 0U : 1U);
    }
}

TYPED_TEST_P(door_exam, a_savepoint_takes_its_messages_along) {
    auto db = this->door.connect();
    this->sender.transact(*db, [&](auto& tx, outgoing& out) {
        out.send(this->say("before"));
        {
            auto undone = tx.savepoint();
            out.send(this->say("undone"));
            tx.execute(this->pay(1));
            undone.rollback();
        }
        {
            auto left = tx.savepoint();
            tx.execute(this->pay(1));
            out.send(this->say("left by the destructor"));
        }
        auto kept = tx.savepoint();
        tx.execute(this->pay(2));
        out.send(this->say("kept"));
        kept.release();
        out.send(this->say("after"));
    });
    typename TestFixture::own_transaction tx{*db};
    this->sender.send(tx.handle(), this->say("joined"));
    tx.execute("savepoint mine");
    tx.execute(this->pay(3));
    this->sender.send(tx.handle(), this->say("undone, too"));
    tx.execute("rollback to savepoint mine");
    tx.commit();
    EXPECT_EQ(this->sent(), (std::vector<std::string>{"before", "kept", "after", "joined"}));
    EXPECT_EQ(this->state(1), "new");
    EXPECT_EQ(this->state(2), "paid");
    EXPECT_EQ(this->state(3), "new");
}

// The inner one ends when the work does, and finds that it is gone.
TYPED_TEST_P(door_exam, a_savepoint_that_outlives_the_one_around_it_lets_nothing_be_committed) {
    auto db = this->door.connect();
    for (const bool released : {false, true}) {
        SCOPED_TRACE(released ? "released" : "rolled back");
        EXPECT_THROW(
            this->sender.transact(
                *db,
                [&](auto& tx, outgoing& out) {
                    auto outer = tx.savepoint();
                    tx.execute(this->pay(1));
                    out.send(this->say("outer"));
                    auto inner = tx.savepoint();
                    tx.execute(this->pay(2));
                    out.send(this->say("inner"));
                    released ? outer.release() : outer.rollback();
                }
            ),
            error
        );
        EXPECT_TRUE(this->sent().empty());
        EXPECT_EQ(this->state(1), "new");
        EXPECT_EQ(this->state(2), "new");
    }
    this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("after")); });
    EXPECT_EQ(this->sent(), std::vector<std::string>{"after"});
}

TYPED_TEST_P(door_exam, what_is_scheduled_can_be_taken_back_and_replaced) {
    const auto later = [](const char* text) {
        return message{
            .to = subject::parse(text),
            .body = body::raw(text),
            .deliver = deliver_after(std::chrono::hours{1})};
    };
    const auto scheduled = [&] {
        const raw_database& raw = this->door.database();
        return raw.run("select subject from " + raw.table("scheduled") + " order by subject");
    };
    auto db = this->door.connect();
    message_id one, two, three, four;
    this->sender.transact(*db, [&](auto&, outgoing& out) {
        one = out.send(later("one"));
        two = out.send(later("two"));
        out.send(this->say("now"));
        three = out.send(later("three"));
    });
    {
        typename TestFixture::own_transaction tx{*db};
        four = this->sender.send(tx.handle(), later("four"));
        tx.commit();
    }
    EXPECT_EQ(this->sent(), std::vector<std::string>{"now"});
    EXPECT_EQ(scheduled(), "four\none\nthree\ntwo\n");

    this->sender.transact(*db, [&](auto&, outgoing& out) {
        EXPECT_TRUE(out.cancel(one));
        EXPECT_FALSE(out.cancel(one)) << "it is gone";
        EXPECT_FALSE(out.replace(one, later("eins")));
        EXPECT_TRUE(out.replace(two, later("zwei")));
        EXPECT_TRUE(out.replace(two, later("zwei"))) << "as it was is there, too";
        const message_id mine = out.send(later("mine"));
        EXPECT_THROW(out.cancel(mine), usage_error) << "it waits for this COMMIT";
    });
    EXPECT_EQ(scheduled(), "four\nmine\nthree\nzwei\n");

    const auto change = [&](auto& tx) {
        EXPECT_TRUE(this->sender.cancel(tx.handle(), three));
        EXPECT_TRUE(this->sender.replace(
            tx.handle(),
            four,
            {.to = subject::parse("vier"), .body = body::raw("")}
        )) << "without a time it keeps that of the other";
    };
    {
        typename TestFixture::own_transaction tx{*db};
        change(tx);
        tx.rollback();
    }
    EXPECT_EQ(scheduled(), "four\nmine\nthree\nzwei\n");
    {
        typename TestFixture::own_transaction tx{*db};
        change(tx);
        tx.commit();
    }
    EXPECT_EQ(scheduled(), "mine\nvier\nzwei\n");
    EXPECT_EQ(this->sent(), std::vector<std::string>{"now"});
}

TYPED_TEST_P(door_exam, a_failed_send_poisons_even_when_it_is_swallowed) {
    const auto swallowed = [&](outgoing& out) {
        try {
            out.send(this->too_large());
            ADD_FAILURE() << "sent";
        } catch (const error&) {
        }
    };
    auto db = this->door.connect();
    EXPECT_ANY_THROW(this->sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute(this->pay(1));
        swallowed(out);
        tx.execute(this->pay(2));
    }));
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        outgoing out = this->sender.join(tx.handle());
        swallowed(out);
        this->commit_poisoned(tx);
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_EQ(this->state(2), "new");
    EXPECT_TRUE(this->sent().empty());
    this->sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute(this->pay(3));
        out.send(this->say("the connection lives"));
    });
    EXPECT_EQ(this->sent().size(), 1U);
}

TYPED_TEST_P(door_exam, a_row_that_cannot_be_written_poisons_too) {
    const auto message_table = this->door.database().table("message");
    const auto aside = message_table + "_aside";
    auto db = this->door.connect();
    this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("0")); });
    this->door.database().run(
        "alter table " + message_table + " rename to " + aside.substr(aside.find('.') + 1)
    );
    EXPECT_ANY_THROW(this->sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute(this->pay(1));
        out.send(this->say("never"));
    }));
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        try {
            this->sender.send(tx.handle(), this->say("never"));
            ADD_FAILURE() << "sent";
        } catch (const std::exception&) {
        }
        this->commit_poisoned(tx);
    }
    EXPECT_EQ(this->state(1), "new");
}

TYPED_TEST_P(door_exam, a_trigger_that_refuses_one_of_several_takes_the_change_along) {
    const std::vector<message> three{this->say("first"), this->say("refused"), this->say("third")};
    const auto send = [&](const auto& work) {
        try {
            work();
            ADD_FAILURE() << "sent";
        } catch (const std::exception& e) {
            EXPECT_NE(std::string{e.what()}.find("the guard refuses"), std::string::npos)
                << e.what();
        }
    };
    auto db = this->door.connect();
    const auto& raw = this->door.database();
    for (const std::string& trigger : raw.refusing_triggers()) {
        SCOPED_TRACE(trigger);
        raw.run(trigger);
        send([&] {
            this->sender.transact(*db, [&](auto& tx, outgoing& out) {
                tx.execute(this->pay(1));
                out.send(std::span<const message>{three});
            });
        });
        {
            typename TestFixture::own_transaction tx{*db};
            tx.execute(this->pay(2));
            send([&] {
                outgoing out = this->sender.join(tx.handle());
                out.send(std::span<const message>{three});
            });
            try {
                tx.commit(); // some have nothing left to commit, and say so
            } catch (const std::exception&) {
            }
        }
        EXPECT_EQ(this->state(1), "new");
        EXPECT_EQ(this->state(2), "new");
        EXPECT_TRUE(this->sent().empty());
        raw.run(raw.remove_trigger());
    }
    this->sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute(this->pay(1));
        out.send(std::span<const message>{three});
    });
    EXPECT_EQ(this->state(1), "paid");
    EXPECT_EQ(this->sent().size(), three.size());
}

// ---- wrong use

TYPED_TEST_P(door_exam, nothing_is_sent_after_the_end) {
    const auto late = [&](auto& tx) {
        if (TypeParam::traits.kept_outgoing == refuses_late::never) {
            this->sender.send(tx.handle(), this->say("of a transaction that nobody commits"));
            tx.rollback();
        } else {
            this->expect_refused([&] { this->sender.send(tx.handle(), this->say("late")); });
        }
    };
    auto db = this->door.connect();
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        tx.commit();
        late(tx);
    }
    {
        typename TestFixture::own_transaction tx{*db};
        tx.rollback();
        late(tx);
    }
    EXPECT_TRUE(this->sent().empty());
}

TYPED_TEST_P(door_exam, an_outgoing_that_is_kept_sends_into_no_transaction_but_an_open_one) {
    constexpr refuses_late kept_outgoing = TypeParam::traits.kept_outgoing;
    auto db = this->door.connect();
    std::vector<std::string> expected;
    for (const bool commits : {true, false}) {
        typename TestFixture::own_transaction tx{*db};
        outgoing kept = this->sender.join(tx.handle());
        kept.send(this->say("in time"));
        if (commits) {
            tx.commit();
            expected.emplace_back("in time");
        } else {
            tx.rollback();
        }
        const std::vector<message> two = this->several(2, "late");
        const auto refused = [&] {
            this->expect_refused([&] { kept.send(this->say("late")); });
            this->expect_refused([&] { kept.send(std::span<const message>{two}); });
            this->expect_refused([&] { kept.cancel(message_id{}); });
        };
        if (kept_outgoing == refuses_late::never) {
            kept.send(this->say("of a transaction that nobody commits"));
            tx.rollback();
        } else {
            refused();
        }
        EXPECT_EQ(this->sent(), expected);

        typename TestFixture::own_transaction next{*db};
        next.execute(this->pay(commits ? 1 : 2));
        if (kept_outgoing == refuses_late::always) {
            refused();
        } else {
            kept.send(this->say("of the next"));
            expected.emplace_back("of the next");
        }
        next.commit();
        EXPECT_EQ(this->sent(), expected);
    }
    EXPECT_EQ(this->state(1), "paid") << "what was refused has not spoilt the next transaction";
    EXPECT_EQ(this->state(2), "paid");
}

TYPED_TEST_P(door_exam, a_bare_connection_is_refused) {
    auto db = this->door.connect();
    if constexpr (joinable<typename TestFixture::connection>) {
        try {
            this->sender.send(*db, this->say("never"));
            ADD_FAILURE() << "sent in autocommit mode";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::not_in_transaction);
            EXPECT_NE(e.hint(), "");
        }
    } // else the compiler has refused it
    EXPECT_TRUE(this->sent().empty());
}

TYPED_TEST_P(door_exam, transact_within_a_transaction_is_refused) {
    auto db = this->door.connect();
    EXPECT_THROW(
        this->sender.transact(
            *db,
            [&](auto& tx, outgoing&) {
                tx.execute(this->pay(1));
                this->sender.transact(*db, [&](auto&, outgoing& out) {
                    out.send(this->say("never"));
                });
            }
        ),
        std::logic_error
    );
    EXPECT_EQ(this->state(1), "new");
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        EXPECT_THROW(
            this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("never")); }),
            std::logic_error
        );
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_TRUE(this->sent().empty());
    this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("alone")); });
    EXPECT_EQ(this->sent().size(), 1U);
}

// The child shares its parent's connection; whatever it said there, the server would believe.
TYPED_TEST_P(door_exam, a_forked_child_leaves_its_parents_transaction_alone) {
    struct child_is_done {
        int refused;
    };
    const auto await = [](pid_t child, int refused) {
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), refused);
    };
    const auto is_refused = [](const auto& work) {
        try {
            work();
            return 0;
        } catch (const usage_error&) {
            return 1;
        }
    };
    using way_out = void (*)(int);
    std::vector<std::string> expected;
    auto db = this->door.connect();
    for (const way_out leave : {way_out{::_exit}, way_out{std::exit}}) {
        try {
            this->sender.transact(*db, [&](auto& tx, outgoing& out) {
                tx.execute(this->pay(1));
                out.send(this->say("once"));
                const pid_t child = ::fork();
                if (child == 0)
                    throw child_is_done{
                        is_refused([&] { out.send(this->say("twice")); }) +
                        is_refused([&] { tx.commit(); })};
                await(child, 2);
            });
        } catch (const child_is_done& child) {
            leave(child.refused);
        }
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(2));
        outgoing out = this->sender.join(tx.handle());
        const pid_t child = ::fork();
        if (child == 0)
            leave(is_refused([&] { out.send(this->say("twice")); }));
        await(child, 1);
        out.send(this->say("joined"));
        tx.commit();
        expected.insert(expected.end(), {"once", "joined"});
        EXPECT_EQ(this->sent(), expected);
    }
    EXPECT_EQ(this->state(1), "paid");
    EXPECT_EQ(this->state(2), "paid");
}

// ---- the relay is told

TYPED_TEST_P(door_exam, commit_rings_the_relays_doorbell) {
    doorbell_listener relay;
    this->door.database().set_doorbell(relay.address());
    auto db = this->door.connect();
    this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("1")); });
    EXPECT_TRUE(relay.await(std::chrono::seconds{5}));
    {
        typename TestFixture::own_transaction tx{*db};
        outgoing out = this->sender.join(tx.handle());
        out.send(this->say("2"));
        tx.commit();
        out.nudge();
    }
    EXPECT_TRUE(relay.await(std::chrono::seconds{5}));
    {
        typename TestFixture::own_transaction tx{*db};
        this->sender.send(tx.handle(), this->say("3, without a nudge"));
        tx.commit();
    }
    EXPECT_EQ(this->sent().size(), 3U);
}

TYPED_TEST_P(door_exam, a_nudge_after_a_rollback_costs_the_relay_a_look_and_nothing_else) {
    doorbell_listener relay;
    this->door.database().set_doorbell(relay.address());
    auto db = this->door.connect();
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        outgoing out = this->sender.join(tx.handle());
        out.send(this->say("never"));
        tx.rollback();
        out.nudge();
        EXPECT_TRUE(relay.await(std::chrono::seconds{5}));
        out.nudge();
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_TRUE(this->sent().empty());
    typename TestFixture::own_transaction tx{*db};
    tx.execute(this->pay(2));
    this->sender.send(tx.handle(), this->say("the next transaction is like any other"));
    tx.commit();
    EXPECT_EQ(this->state(2), "paid");
    EXPECT_EQ(this->sent().size(), 1U);
}

REGISTER_TYPED_TEST_SUITE_P(
    door_exam,
    any_bytes_arrive_as_they_were,
    any_number_of_messages_keeps_its_order,
    a_message_outlives_the_buffers_it_was_made_of,
    several_transactions_on_one_connection,
    two_threads_have_a_connection_each,
    an_exception_takes_back_both_and_comes_out_as_it_was,
    a_commit_that_fails_leaves_nothing,
    a_change_that_failed_and_was_swallowed_is_no_half_transaction,
    a_savepoint_takes_its_messages_along,
    a_savepoint_that_outlives_the_one_around_it_lets_nothing_be_committed,
    what_is_scheduled_can_be_taken_back_and_replaced,
    a_failed_send_poisons_even_when_it_is_swallowed,
    a_row_that_cannot_be_written_poisons_too,
    a_trigger_that_refuses_one_of_several_takes_the_change_along,
    nothing_is_sent_after_the_end,
    an_outgoing_that_is_kept_sends_into_no_transaction_but_an_open_one,
    a_bare_connection_is_refused,
    transact_within_a_transaction_is_refused,
    a_forked_child_leaves_its_parents_transaction_alone,
    commit_rings_the_relays_doorbell,
    a_nudge_after_a_rollback_costs_the_relay_a_look_and_nothing_else
);

/// The part of the exam for doors with a server behind them.
template <class Candidate>
class networked_door_exam : public door_exam<Candidate> {
protected:
    turns_proxy proxy{this->door.server_port()};
};

TYPED_TEST_SUITE_P(networked_door_exam);

TYPED_TEST_P(networked_door_exam, the_trips_are_those_that_the_page_says) {
    auto db = this->door.connect_through(this->proxy.port());
    const auto transact = [&](int count) {
        const auto all = this->several(count);
        const int before = this->proxy.turns();
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(this->pay(1));
            out.send(std::span<const message>{all});
        });
        return this->proxy.turns() - before;
    };
    const auto join = [&](int count) {
        const auto all = this->several(count);
        const int before = this->proxy.turns();
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        if (count > 0) {
            outgoing out = this->sender.join(tx.handle());
            out.send(std::span<const message>{all});
        }
        tx.commit();
        return this->proxy.turns() - before;
    };
    transact(1); // the first also asks where the relay listens
    const int bare = transact(0);
    const int bare_join = join(0);
    for (const int count : {1, 10, 1'000}) {
        EXPECT_EQ(transact(count) - bare, TypeParam::traits.transact_trips) << count;
        EXPECT_EQ(join(count) - bare_join, TypeParam::traits.join_trips) << count;
    }
    EXPECT_EQ(bare, TypeParam::traits.bare_trips);
}

TYPED_TEST_P(networked_door_exam, a_lost_answer_to_commit_is_in_doubt_and_is_sent_once) {
    auto db = this->door.connect_through(this->proxy.port());
    this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("0")); });
    try {
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(this->pay(1));
            out.send(this->say("1"));
            this->proxy.lose_the_answer_to(TypeParam::traits.commit_words);
        });
        FAIL() << "nobody heard that it committed";
    } catch (const error& e) {
        EXPECT_TRUE(e.in_doubt()) << e.what();
        EXPECT_FALSE(e.retryable());
        EXPECT_NE(e.hint(), "");
    }
    harness::wait_until(
        [&] { return this->state(1) == "paid"; },
        std::chrono::seconds{5},
        "the server to finish what it was told"
    );
    EXPECT_EQ(this->sent(), (std::vector<std::string>{"0", "1"}));
}

TYPED_TEST_P(networked_door_exam, a_commit_that_never_arrived_is_in_doubt_too) {
    auto db = this->door.connect_through(this->proxy.port());
    try {
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(this->pay(1));
            out.send(this->say("1"));
            this->proxy.cut_before(TypeParam::traits.commit_words);
        });
        FAIL() << "committed";
    } catch (const error& e) {
        EXPECT_TRUE(e.in_doubt()) << e.what();
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_TRUE(this->sent().empty());
}

TYPED_TEST_P(networked_door_exam, a_connection_lost_within_the_work_commits_nothing) {
    {
        auto db = this->door.connect();
        EXPECT_ANY_THROW(this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(this->pay(1));
            this->door.database().kill_sessions();
            out.send(this->say("never"));
        }));
    }
    auto db = this->door.connect();
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(1));
        outgoing out = this->sender.join(tx.handle());
        this->door.database().kill_sessions();
        EXPECT_ANY_THROW(out.send(this->say("never")));
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_TRUE(this->sent().empty());
}

// Only the statement fails on MariaDB and MySQL, and the user's COMMIT would commit the rest.
TYPED_TEST_P(networked_door_exam, a_message_that_waits_too_long_for_a_lock_takes_the_change_along) {
    const raw_database& raw = this->door.database();
    const std::string first_words = raw.isolate("repeatable read");
    auto db = this->door.connect();
    auto rival = this->door.connect();
    this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("0")); });
    const auto too_long = [](const auto& work) {
        try {
            work();
            ADD_FAILURE() << "sent";
        } catch (const std::exception& e) {
            EXPECT_NE(std::string{e.what()}.find("timeout"), std::string::npos) << e.what();
        }
    };
    {
        typename TestFixture::own_transaction holds{*rival};
        holds.execute(first_words);
        holds.execute(raw.keep_messages_out());
        too_long([&] {
            this->sender.transact(*db, [&](auto& tx, outgoing& out) {
                tx.execute(raw.wait_briefly());
                tx.execute(this->pay(1));
                out.send(this->say("never"));
            });
        });
        typename TestFixture::own_transaction tx{*db};
        tx.execute(raw.wait_briefly());
        tx.execute(this->pay(2));
        too_long([&] { this->sender.send(tx.handle(), this->say("never")); });
        this->commit_poisoned(tx);
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_EQ(this->state(2), "new");
    EXPECT_EQ(this->sent(), std::vector<std::string>{"0"});
    typename TestFixture::own_transaction tx{*db};
    tx.execute(this->pay(3));
    this->sender.send(tx.handle(), this->say("like any other"));
    tx.commit();
    EXPECT_EQ(this->state(3), "paid");
    EXPECT_EQ(this->sent(), (std::vector<std::string>{"0", "like any other"}));
}

REGISTER_TYPED_TEST_SUITE_P(
    networked_door_exam,
    the_trips_are_those_that_the_page_says,
    a_lost_answer_to_commit_is_in_doubt_and_is_sent_once,
    a_commit_that_never_arrived_is_in_doubt_too,
    a_connection_lost_within_the_work_commits_nothing,
    a_message_that_waits_too_long_for_a_lock_takes_the_change_along
);

/// The part of the exam for doors with a file behind them.
template <class Candidate>
class file_door_exam : public door_exam<Candidate> {};

TYPED_TEST_SUITE_P(file_door_exam);

TYPED_TEST_P(file_door_exam, a_full_disk_takes_the_change_along) {
    auto db = this->door.connect();
    const auto let_it_grow_to = [&](const std::string& pages) {
        typename TestFixture::own_transaction tx{*db};
        tx.execute("pragma max_page_count = " + pages);
        tx.commit();
    };
    const auto too_much = [&](const auto& work) {
        try {
            work();
            ADD_FAILURE() << "sent";
        } catch (const std::exception& e) {
            EXPECT_NE(std::string{e.what()}.find("full"), std::string::npos) << e.what();
        }
    };
    const message large = this->say(std::string(900'000, 'x'));
    let_it_grow_to(this->door.database().run("pragma page_count"));
    too_much([&] {
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(this->pay(1));
            out.send(this->say("there is room for this"));
            out.send(large);
        });
    });
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->pay(2));
        outgoing out = this->sender.join(tx.handle());
        out.send(this->say("there is room for this"));
        too_much([&] { out.send(large); });
        this->commit_poisoned(tx);
    }
    EXPECT_EQ(this->state(1), "new");
    EXPECT_EQ(this->state(2), "new");
    EXPECT_TRUE(this->sent().empty());

    let_it_grow_to("1000000");
    this->sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute(this->pay(1));
        out.send(large);
    });
    typename TestFixture::own_transaction tx{*db};
    tx.execute(this->pay(2));
    this->sender.send(tx.handle(), large);
    tx.commit();
    EXPECT_EQ(this->state(1), "paid");
    EXPECT_EQ(this->state(2), "paid");
    EXPECT_EQ(this->sent().size(), 2U);
}

REGISTER_TYPED_TEST_SUITE_P(file_door_exam, a_full_disk_takes_the_change_along);

} // namespace outbox::doors
