#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "tests/store/postgresql/postgres.hpp"
#include "tests/store/relay_store_exam.hpp"

// What only libpqxx can do; what every door must is in tests/store/door_exam.hpp.

#ifdef __SANITIZE_ADDRESS__
// libpqxx 6 forgets to free the result of a statement whose connection was lost.
extern "C" const char* __lsan_default_suppressions() { // NOLINT: the sanitizer's name for it
    return "leak:libpqxx-6";
}
#endif

namespace outbox {
namespace {

// What the compiler must refuse: places where nothing would bind a message to its change.
static_assert(joinable<pqxx::work>);
static_assert(joinable<pqxx::subtransaction>);
static_assert(joinable<pqxx::robusttransaction<>>);
static_assert(joinable<pqxx::transaction<pqxx::serializable>>);
static_assert(!joinable<pqxx::nontransaction>);
static_assert(!joinable<pqxx::connection>);
static_assert(!joinable<pqxx_transaction>);
static_assert(!std::constructible_from<pqxx::subtransaction, pqxx_transaction&>);
static_assert(connectable<pqxx::connection>);

const subject order_paid{"orders.paid"};

message say(const std::string& text) {
    return {.to = order_paid, .body = body::raw(text)};
}

class pqxx_door : public testing::Test {
protected:
    pqxx_door() {
        sql.execute("create table public.orders (id integer primary key, state text);"
                    "insert into public.orders select i, 'new' from generate_series(1, 20) i");
    }

    std::vector<std::string> sent() {
        const auto store = place.open();
        cursor at;
        return payloads(read_all(*store, at));
    }
    std::string state(int id) {
        return sql.value("select state from public.orders where id = " + std::to_string(id));
    }

    postgresql::migrated_database place;
    postgresql::sql_session sql{place.url()};
    pqxx::connection db{place.url()};
    outbox::producer producer;
};

constexpr const char* pay = "update public.orders set state = 'paid' where id = 1";

TEST_F(pqxx_door, any_bytes_arrive_as_they_were_under_any_setting) {
    const std::string all_bytes = [] {
        std::string s;
        for (int i = 0; i < 256; ++i)
            s.push_back(static_cast<char>(i));
        return s;
    }();
    for (const char* setting :
         {"set standard_conforming_strings = on",
          "set standard_conforming_strings = off",
          "set bytea_output = 'escape'",
          "set client_encoding = 'LATIN1'",
          "set search_path = nowhere"}) {
        producer.transact(db, [&](auto& tx, outgoing& out) {
            tx.exec(setting);
            out.send({.to = order_paid, .body = body::raw(all_bytes), .key = order_key{all_bytes}});
        });
        pqxx::work tx{db};
        producer.send(tx, {.to = order_paid, .body = body::raw(all_bytes), .key = order_key{"k"}});
        tx.commit();
    }
    const auto store = place.open();
    cursor at;
    const auto all = read_all(*store, at);
    ASSERT_EQ(all.size(), 10U);
    for (const stored_message& m : all)
        EXPECT_EQ(m.content.payload, all_bytes);
    EXPECT_EQ(all[0].content.key, all_bytes);
    EXPECT_EQ(all[1].content.key, "k");
}

TEST_F(pqxx_door, a_change_that_failed_and_was_swallowed_does_not_commit_its_message) {
    const auto swallow = [](auto& tx, auto statement) {
        try {
            statement(tx);
        } catch (const pqxx::failure&) {
        }
    };
    const auto by_exec = [](auto& tx) { tx.exec("select 1/0"); };
    const auto by_params = [](auto& tx) { tx.exec_params("select 1/$1::int", 0); };
    for (const bool with_message : {true, false}) {
        const auto work = [&](auto statement) {
            return [&, statement](auto& tx, outgoing& out) {
                tx.exec(pay);
                swallow(tx, statement);
                if (with_message)
                    out.send(say("never"));
            };
        };
        EXPECT_ANY_THROW(producer.transact(db, work(by_exec)));
        EXPECT_ANY_THROW(producer.transact(db, work(by_params)));
    }
    EXPECT_EQ(state(1), "new");
    EXPECT_TRUE(sent().empty());
    producer.transact(db, [](auto&, outgoing& out) { out.send(say("the connection lives")); });
    EXPECT_EQ(sent().size(), 1U);
}

TEST_F(pqxx_door, the_users_own_commit_takes_the_messages_along) {
    producer.transact(db, [](auto& tx, outgoing& out) {
        tx.exec(pay);
        out.send(say("1"));
        tx.commit();
    });
    EXPECT_EQ(state(1), "paid");
    EXPECT_EQ(sent(), std::vector<std::string>{"1"});
    producer.transact(db, [](pqxx_transaction& tx, outgoing& out) {
        out.send(say("2"));
        static_cast<pqxx::transaction_base&>(tx).commit();
    });
    EXPECT_EQ(sent(), (std::vector<std::string>{"1", "2"}));
    EXPECT_THROW(
        producer.transact(
            db,
            [](auto& tx, outgoing& out) {
                tx.commit();
                out.send(say("too late"));
            }
        ),
        usage_error
    );
    EXPECT_EQ(sent().size(), 2U);
}

TEST_F(pqxx_door, a_failed_send_poisons_the_transaction) {
    const auto work = [](bool commit_himself) {
        return [=](auto& tx, outgoing& out) {
            tx.exec(pay);
            try {
                out.send(say(std::string(2'000'000, 'x')));
            } catch (const error&) {
            }
            if (commit_himself)
                tx.commit();
        };
    };
    EXPECT_ANY_THROW(producer.transact(db, work(false)));
    EXPECT_ANY_THROW(producer.transact(db, work(true)));
    {
        pqxx::work tx{db};
        tx.exec(pay);
        EXPECT_THROW(producer.send(tx, say(std::string(2'000'000, 'x'))), error);
        EXPECT_ANY_THROW(tx.commit());
    }
    EXPECT_EQ(state(1), "new");
}

TEST_F(pqxx_door, a_message_that_cannot_be_written_is_a_rejection_and_not_in_doubt) {
    sql.execute("alter table outbox.message add constraint no_x check (payload <> 'x')");
    for (int round = 0; round < 2; ++round) {
        try {
            producer.transact(db, [](auto& tx, outgoing& out) {
                tx.exec(pay);
                out.send(say("x"));
            });
            FAIL() << "committed";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::rejected);
            EXPECT_FALSE(e.in_doubt());
        }
        pqxx::work tx{db};
        tx.exec(pay);
        EXPECT_THROW(producer.send(tx, say("x")), error);
        EXPECT_ANY_THROW(tx.commit());
    }
    EXPECT_EQ(state(1), "new");
    producer.transact(db, [](auto&, outgoing& out) { out.send(say("the connection lives")); });
    EXPECT_EQ(sent(), std::vector<std::string>{"the connection lives"});
}

TEST_F(pqxx_door, what_commit_itself_refuses_passes_through) {
    sql.execute(
        "create table public.parts (order_id integer references public.orders deferrable initially "
        "deferred)"
    );
    EXPECT_THROW(
        producer.transact(
            db,
            [](auto& tx, outgoing& out) {
                tx.exec("insert into public.parts values (999)");
                out.send(say("never"));
            }
        ),
        pqxx::foreign_key_violation
    );
    EXPECT_EQ(sql.value("select count(*) from public.parts"), "0");
    EXPECT_TRUE(sent().empty());

    EXPECT_THROW(
        producer.transact(
            db,
            [&](auto& tx, outgoing& out) {
                tx.exec("set transaction isolation level serializable");
                tx.exec("select sum(length(state)) from public.orders");
                tx.exec("update public.orders set state = 'mine' where id = 2");
                pqxx::connection other{place.url()};
                pqxx::transaction<pqxx::serializable> rival{other};
                rival.exec("select sum(length(state)) from public.orders");
                rival.exec("update public.orders set state = 'rival' where id = 3");
                rival.commit();
                out.send(say("never"));
            }
        ),
        pqxx::serialization_failure
    );
    EXPECT_EQ(state(2), "new");
    EXPECT_TRUE(sent().empty());
}

TEST_F(pqxx_door, join_writes_with_the_users_own_transaction) {
    {
        pqxx::work tx{db};
        tx.exec(pay);
        outgoing out = producer.join(tx);
        out.send({say("1"), say("2")});
        tx.commit();
        out.nudge();
    }
    {
        pqxx::work tx{db};
        producer.send(tx, say("rolled back"));
    }
    {
        pqxx::robusttransaction<> tx{db};
        producer.send(tx, say("3"));
        tx.commit();
    }
    EXPECT_EQ(sent(), (std::vector<std::string>{"1", "2", "3"}));
}

// libpqxx 6.4 sends SAVEPOINT with the first exec(), and exec_params() before it runs outside.
TEST_F(pqxx_door, a_rolled_back_subtransaction_takes_its_message_in_either_order) {
    const auto set_state = [](auto& tx, int id) {
        tx.exec_params("update public.orders set state = 'paid' where id = $1", id);
    };
    {
        pqxx::work tx{db};
        {
            pqxx::subtransaction message_first{tx};
            producer.send(message_first, say("undone"));
            set_state(message_first, 1);
            message_first.abort();
        }
        {
            pqxx::subtransaction change_first{tx};
            set_state(change_first, 2);
            producer.send(change_first, say("undone, too"));
            change_first.abort();
        }
        {
            pqxx::subtransaction joined_first{tx};
            outgoing out = producer.join(joined_first);
            set_state(joined_first, 3);
            out.send(say("undone as well"));
            joined_first.abort();
        }
        {
            pqxx::subtransaction kept{tx};
            set_state(kept, 4);
            producer.send(kept, say("kept"));
            kept.commit();
        }
        tx.commit();
    }
    EXPECT_EQ(sent(), std::vector<std::string>{"kept"});
    EXPECT_EQ(state(1), "new");
    EXPECT_EQ(state(3), "new");
    EXPECT_EQ(state(4), "paid");
}

// The change was lost with the old session, and on a new one nothing would bind a message to it. In
// libpqxx 6 exec() connects again by itself after a disconnect(), and goes on without noticing.
TEST_F(pqxx_door, a_connection_lost_within_the_work_commits_nothing) {
    const auto lose_connection = [&](auto& tx) {
        sql.execute("select pg_terminate_backend(" + std::to_string(tx.conn().backendpid()) + ")");
        try {
            tx.exec_params("select $1::int", 1);
        } catch (const pqxx::failure&) {
        }
#if PQXX_VERSION_MAJOR < 7
        tx.conn().disconnect(); // and exec() connects again
        tx.exec("select 1");
#endif
    };
    for (const bool literally : {false, true}) {
        pqxx::connection broken{place.url()};
        if (literally)
            postgresql::write_literally(broken);
        EXPECT_ANY_THROW(producer.transact(broken, [&](auto& tx, outgoing& out) {
            tx.exec(pay);
            lose_connection(tx);
            out.send(say("never"));
        }));
    }
    EXPECT_TRUE(sent().empty());
    const message_id later = producer.transact(db, [](auto&, outgoing& out) {
        return out.send(
            {.to = order_paid, .body = {}, .deliver = deliver_after(std::chrono::hours{1})}
        );
    });
    {
        pqxx::connection another{place.url()};
        pqxx::work tx{another};
        tx.exec(pay);
        outgoing out = producer.join(tx);
        lose_connection(tx);
        EXPECT_ANY_THROW(out.cancel(later));
        EXPECT_ANY_THROW(out.send(say("never")));
    }
    pqxx::connection broken{place.url()};
    EXPECT_ANY_THROW(producer.transact(broken, [&](auto& tx, outgoing& out) {
        tx.exec(pay);
        lose_connection(tx);
        EXPECT_ANY_THROW(out.cancel(later));
    }));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(state(1), "new");
    EXPECT_EQ(sql.value("select count(*) from outbox.scheduled"), "1") << "cancelled, for good";
}

TEST_F(pqxx_door, a_statement_that_vanished_costs_one_transaction_and_no_more) {
    const auto send = [&](const std::string& text) {
        producer.transact(db, [&](auto&, outgoing& out) { out.send(say(text)); });
    };
    send("1");
    pqxx::nontransaction{db}.exec("discard all");
    EXPECT_THROW(send("lost"), error);
    send("2");
    send("3");
    EXPECT_EQ(sent(), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(pqxx_door, first_time_is_prepared_once_and_outlives_what_vanishes) {
    const group_name billing{"billing"};
    const auto apply = [&](const char* key) {
        pqxx::work tx{db};
        const bool first = first_time(tx, billing, message_key{key});
        tx.commit();
        return first;
    };
    const auto prepared = [&] {
        return pqxx::nontransaction{db}
            .exec("select count(*) from pg_prepared_statements where name like 'outbox_note_%'"
            )[0][0]
            .as<int>();
    };
    EXPECT_TRUE(apply("1"));
    EXPECT_TRUE(apply("2"));
    EXPECT_FALSE(apply("1"));
    EXPECT_EQ(prepared(), 1);
    pqxx::nontransaction{db}.exec("discard all");
    EXPECT_THROW(apply("3"), error);
    EXPECT_TRUE(apply("3")) << "a failure has noted nothing";
    EXPECT_FALSE(apply("2"));
    EXPECT_EQ(prepared(), 0);
}

TEST_F(pqxx_door, a_rolled_back_subtransaction_forgets_what_was_noted_in_it) {
    const group_name billing{"billing"};
    const message_key key{"undone"};
    const std::vector<message_key> several{message_key{"1"}, message_key{"2"}};
    const std::vector<bool> both(2, true);
    {
        pqxx::work tx{db};
        {
            pqxx::subtransaction undone{tx};
            EXPECT_TRUE(first_time(undone, billing, key));
            EXPECT_FALSE(first_time(undone, billing, key));
            EXPECT_EQ(first_times(undone, billing, several), both);
            undone.exec(pay);
            undone.abort();
        }
        {
            pqxx::subtransaction left_by_the_destructor{tx};
            EXPECT_TRUE(first_time(left_by_the_destructor, billing, key));
        }
        {
            pqxx::subtransaction kept{tx};
            EXPECT_TRUE(first_time(kept, billing, message_key{"kept"}));
            kept.commit();
        }
        EXPECT_FALSE(first_time(tx, billing, message_key{"kept"}));
        tx.commit();
    }
    EXPECT_EQ(state(1), "new");
    pqxx::work again{db};
    EXPECT_TRUE(first_time(again, billing, key)) << "its effect was undone: it must be done again";
    EXPECT_EQ(first_times(again, billing, several), both);
    EXPECT_FALSE(first_time(again, billing, message_key{"kept"}));
}

TEST_F(pqxx_door, once_outlives_what_vanishes_and_leaves_no_transaction_open) {
    const auto apply = [&](const char* key) {
        const once message{group_name{"billing"}, message_key{key}};
        return producer.transact(db, message, [](auto&, outgoing&) {});
    };
    EXPECT_TRUE(apply("1"));
    EXPECT_TRUE(apply("2"));
    pqxx::nontransaction{db}.exec("discard all");
    EXPECT_THROW(apply("3"), error);
    EXPECT_EQ(
        pqxx::nontransaction{db}
            .exec("select pg_catalog.now() = pg_catalog.statement_timestamp()")[0][0]
            .as<bool>(),
        true
    ) << "a transaction is open";
    EXPECT_TRUE(apply("3")) << "a failure has noted nothing";
    EXPECT_FALSE(apply("2"));
}

TEST_F(pqxx_door, nothing_is_prepared_when_told_so) {
    postgresql::write_literally(db);
    producer.transact(db, [](auto&, outgoing& out) { out.send(say("1")); });
    {
        pqxx::work tx{db};
        EXPECT_TRUE(first_time(tx, group_name{"billing"}, message_key{"1"}));
        tx.commit();
    }
    pqxx::nontransaction tx{db};
    EXPECT_EQ(tx.exec("select count(*) from pg_prepared_statements")[0][0].as<int>(), 0);
    EXPECT_EQ(sent(), std::vector<std::string>{"1"});
}

TEST_F(pqxx_door, a_database_without_the_outbox_says_what_to_do) {
    const postgresql::test_database bare;
    pqxx::connection there{bare.url()};
    try {
        producer.transact(there, [](auto&, outgoing& out) { out.send(say("1")); });
        FAIL() << "sent";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint().find("migrate up"), std::string::npos);
    }
}

// The reason why messages wait for COMMIT: T2 speaks of the key first and commits last.
TEST_F(pqxx_door, messages_of_one_row_come_in_the_order_of_its_commits) {
    pqxx::connection second{place.url()};
    producer.transact(second, [&](auto& t2, outgoing& out2) {
        out2.send(say("second to commit"));
        producer.transact(db, [&](auto& t1, outgoing& out1) {
            t1.exec(pay);
            out1.send(say("first to commit"));
        });
        t2.exec("update public.orders set state = 'sent' where id = 1");
    });
    EXPECT_EQ(sent(), (std::vector<std::string>{"first to commit", "second to commit"}));
}

} // namespace
} // namespace outbox
