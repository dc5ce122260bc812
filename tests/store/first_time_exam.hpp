#pragma once
// What every door must do for first_time(), with the candidates of door_exam.hpp.

#include "harness/wait_until.hpp"
#include "outbox/consumer/idempotency/first_time.hpp"
#include "tests/store/door_exam.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace outbox::doors {

inline message_id new_id() {
    static message_id_generator ids;
    return ids.next();
}

template <class Candidate>
class first_time_exam : public testing::Test {
protected:
    using connection = typename Candidate::connection;
    using own_transaction = typename Candidate::own_transaction;

    first_time_exam() { door.database().run("create table effect (id char(36), who varchar(20))"); }

    // A transaction of ours knows the outbox under exam; one of the user's is told.
    template <class Tx>
    static std::optional<outbox_name> in(Tx&) {
        if (std::convertible_to<Tx*, consumed_keys*>)
            return std::nullopt;
        return name_under_exam();
    }
    template <class Tx>
    static bool first(Tx& tx, const group_name& group, const message_key& key) {
        return first_time(tx, group, key, in(tx));
    }
    template <class Tx>
    static std::vector<bool>
    first_of(Tx& tx, const group_name& group, std::span<const message_key> keys) {
        return first_times(tx, group, keys, in(tx));
    }

    static std::string apply(const message_id& id, const std::string& who = "billing") {
        return "insert into effect values ('" + id.text() + "', '" + who + "')";
    }
    std::string effects(const message_id& id) {
        const std::string text =
            door.database().run("select count(*) from effect where id = '" + id.text() + "'");
        return text.substr(0, text.find('\n'));
    }
    std::size_t count_keys() {
        return std::stoul(
            door.database().run("select count(*) from " + door.database().table("consumed"))
        );
    }

    void TearDown() override {
        EXPECT_TRUE(door.database().nothing_crossed());
        const raw_database& raw = door.database();
        if (raw.usual("consumed") != raw.table("consumed"))
            raw.run(
                "insert into effect select 'crossed', group_name from " + raw.usual("consumed")
            );
        EXPECT_EQ(raw.run("select count(*) from effect where id = 'crossed'")[0], '0');
    }

    Candidate door;
    producer sender{{.name = name_under_exam()}};
    const group_name billing{"billing"};
    const group_name shipping{"shipping"};
};

TYPED_TEST_SUITE_P(first_time_exam);

TYPED_TEST_P(first_time_exam, a_message_is_new_once) {
    auto db = this->door.connect();
    const message_id id = new_id();
    {
        typename TestFixture::own_transaction tx{*db};
        EXPECT_TRUE(this->first(tx.handle(), this->billing, id));
        EXPECT_FALSE(this->first(tx.handle(), this->billing, id)) << "it is this transaction's";
        tx.commit();
    }
    typename TestFixture::own_transaction tx{*db};
    EXPECT_FALSE(this->first(tx.handle(), this->billing, id));
    EXPECT_TRUE(this->first(tx.handle(), this->billing, new_id()));
    tx.commit();
    EXPECT_EQ(this->count_keys(), 2U);
}

// C3.
TYPED_TEST_P(first_time_exam, two_groups_both_process_it) {
    auto db = this->door.connect();
    const message_id id = new_id();
    for (const group_name& group : {this->billing, this->shipping})
        for (int delivery = 0; delivery < 2; ++delivery) {
            typename TestFixture::own_transaction tx{*db};
            if (this->first(tx.handle(), group, id))
                tx.execute(this->apply(id, group.text()));
            tx.commit();
        }
    EXPECT_EQ(this->effects(id), "2");
}

TYPED_TEST_P(first_time_exam, what_is_rolled_back_is_new_again) {
    auto db = this->door.connect();
    const message_id id = new_id();
    const auto begin_and_leave = [&](auto end) {
        typename TestFixture::own_transaction tx{*db};
        EXPECT_TRUE(this->first(tx.handle(), this->billing, id));
        tx.execute(this->apply(id));
        end(tx);
    };
    begin_and_leave([](auto& tx) { tx.rollback(); });
    begin_and_leave([](auto&) {});
    EXPECT_ANY_THROW(this->sender.transact(*db, [&](auto& tx, outgoing&) {
        EXPECT_TRUE(first_time(tx, this->billing, id));
        throw std::runtime_error("no");
    }));
    {
        typename TestFixture::own_transaction tx{*db};
        tx.execute("savepoint mine");
        EXPECT_TRUE(this->first(tx.handle(), this->billing, id));
        tx.execute("rollback to savepoint mine");
        EXPECT_TRUE(this->first(tx.handle(), this->billing, id));
        tx.execute(this->apply(id));
        tx.commit();
    }
    EXPECT_EQ(this->effects(id), "1");
}

TYPED_TEST_P(first_time_exam, a_duplicate_leaves_the_transaction_whole) {
    auto db = this->door.connect();
    const message_id id = new_id();
    for (int delivery = 0; delivery < 2; ++delivery) {
        typename TestFixture::own_transaction tx{*db};
        EXPECT_EQ(this->first(tx.handle(), this->billing, id), delivery == 0);
        tx.execute(this->apply(id));
        tx.commit();
    }
    EXPECT_EQ(this->effects(id), "2") << "its other changes are committed";
}

TYPED_TEST_P(first_time_exam, what_transact_opens_takes_it_too_with_its_messages) {
    auto db = this->door.connect();
    const message_id id = new_id();
    for (int delivery = 0; delivery < 3; ++delivery)
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            if (!first_time(tx, this->billing, id))
                return;
            tx.execute(this->apply(id));
            out.send({.to = subject::parse("orders.billed"), .body = body::raw("b")});
        });
    EXPECT_EQ(this->effects(id), "1");
    EXPECT_EQ(this->door.database().payloads(), std::vector<std::string>{"b"});
}

TYPED_TEST_P(first_time_exam, transact_notes_what_it_is_told_as_it_begins) {
    auto db = this->door.connect();
    const message_id id = new_id();
    int ran = 0;
    const auto deliver = [&](bool fails) {
        return this->sender.transact(*db, once{this->billing, id}, [&](auto& tx, outgoing& out) {
            ++ran;
            tx.execute(this->apply(id));
            out.send({.to = subject::parse("orders.billed"), .body = body::raw("b")});
            if (fails)
                throw std::runtime_error("the handler");
            EXPECT_FALSE(first_time(tx, this->billing, id)) << "it is this transaction's";
            EXPECT_TRUE(first_time(tx, this->shipping, id));
        });
    };
    EXPECT_THROW(deliver(true), std::runtime_error);
    EXPECT_TRUE(deliver(false));
    EXPECT_FALSE(deliver(false));
    EXPECT_FALSE(deliver(false)) << "the refusal has left no transaction open";
    EXPECT_EQ(ran, 2);
    EXPECT_EQ(this->effects(id), "1");
    EXPECT_EQ(this->count_keys(), 2U);
    EXPECT_EQ(this->door.database().payloads(), std::vector<std::string>{"b"});
}

TYPED_TEST_P(first_time_exam, several_at_once_in_the_order_they_were_asked) {
    auto db = this->door.connect();
    const message_key a{"a"}, b{"b"}, c{"c"};
    {
        typename TestFixture::own_transaction tx{*db};
        EXPECT_TRUE(this->first(tx.handle(), this->billing, b));
        tx.commit();
    }
    typename TestFixture::own_transaction tx{*db};
    const std::vector<message_key> keys{c, b, a, c, a};
    EXPECT_EQ(
        this->first_of(tx.handle(), this->billing, keys),
        (std::vector<bool>{true, false, true, false, false})
    );
    EXPECT_EQ(this->first_of(tx.handle(), this->billing, keys), std::vector<bool>(5, false));
    EXPECT_TRUE(this->first_of(tx.handle(), this->billing, {}).empty());
    tx.commit();
}

TYPED_TEST_P(first_time_exam, a_thousand_at_once_and_any_bytes) {
    auto db = this->door.connect();
    std::vector<message_key> keys;
    for (std::size_t i = 0; i < consumed_batch::keys_max; ++i) {
        std::string key(message_key_bytes_max, static_cast<char>(i));
        key.replace(0, 2, {static_cast<char>(i / 256), static_cast<char>(i % 256)});
        keys.emplace_back(key);
    }
    typename TestFixture::own_transaction tx{*db};
    EXPECT_EQ(
        this->first_of(tx.handle(), this->billing, keys),
        std::vector<bool>(keys.size(), true)
    );
    EXPECT_EQ(
        this->first_of(tx.handle(), this->billing, keys),
        std::vector<bool>(keys.size(), false)
    );
    keys.emplace_back("one more");
    EXPECT_THROW(static_cast<void>(this->first_of(tx.handle(), this->billing, keys)), usage_error);
    // Blanks and letters that other comparisons take for the same.
    for (const char* key : {"a", "A", "a ", "\xc3\xa4", "a\xcc\x88"})
        EXPECT_TRUE(this->first(tx.handle(), this->billing, message_key{key})) << key;
    tx.commit();
}

TYPED_TEST_P(first_time_exam, it_is_refused_where_no_transaction_is_open) {
    auto db = this->door.connect();
    const auto refused = [&](auto& handle) {
        try {
            static_cast<void>(this->first(handle, this->billing, new_id()));
            ADD_FAILURE() << "noted";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::not_in_transaction) << e.what();
            EXPECT_NE(e.hint(), "");
        }
    };
    {
        typename TestFixture::own_transaction tx{*db};
        tx.commit();
        refused(tx.handle());
    }
    if constexpr (joinable<typename TestFixture::connection>)
        refused(*db);
    EXPECT_EQ(this->count_keys(), 0U);
}

// C1, the part of a door: every delivery in a transaction of its own, some of them rolled back, by
// four consumers at once; each repeats what failed.
TYPED_TEST_P(first_time_exam, four_consumers_at_once_apply_each_message_once) {
    constexpr int messages = 25;
    constexpr int deliveries = 3;
    std::vector<message_id> ids;
    for (int i = 0; i < messages; ++i)
        ids.push_back(new_id());
    std::atomic<int> applied{0};
    const auto consume = [&](unsigned seed) {
        seeded_random random{seed};
        auto db = this->door.connect();
        for (int round = 0; round < deliveries; ++round)
            for (const message_id& id : ids)
                for (bool acked = false; !acked;) {
                    const bool fails = random.below(4) == 0;
                    const auto work = [&](auto& tx) {
                        tx.execute(this->apply(id));
                        if (fails)
                            throw std::runtime_error("the handler");
                    };
                    try {
                        bool first = false;
                        if (random.below(2) == 0) {
                            first = this->sender.transact(
                                *db,
                                once{this->billing, id},
                                [&](auto& tx, outgoing&) { work(tx); }
                            );
                        } else {
                            typename TestFixture::own_transaction tx{*db};
                            first = this->first(tx.handle(), this->billing, id);
                            if (first)
                                work(tx);
                            tx.commit();
                        }
                        applied += first ? 1 : 0;
                        acked = true;
                    } catch (const std::exception&) { // delivered again
                    }
                }
    };
    std::vector<std::thread> consumers;
    for (unsigned i = 1; i <= 4; ++i)
        consumers.emplace_back(consume, i);
    for (std::thread& one : consumers)
        one.join();
    EXPECT_EQ(applied, messages);
    for (const message_id& id : ids)
        EXPECT_EQ(this->effects(id), "1");
}

TYPED_TEST_P(first_time_exam, old_keys_are_removed_in_pieces) {
    auto db = this->door.connect();
    {
        typename TestFixture::own_transaction tx{*db};
        for (int i = 0; i < 5; ++i)
            EXPECT_TRUE(this->first(tx.handle(), this->billing, new_id()));
        tx.commit();
    }
    const raw_database& raw = this->door.database();
    raw.run("update " + raw.table("consumed") + " set consumed_at = " + raw.ten_days_ago());
    const redelivery_horizon horizon{std::chrono::hours{24}};
    const auto forget = [&](std::chrono::hours keep) {
        typename TestFixture::own_transaction tx{*db};
        const std::size_t gone =
            forget_consumed(tx.handle(), retention{keep, horizon}, 3, this->in(tx.handle()));
        tx.commit();
        return gone;
    };
    EXPECT_EQ(forget(std::chrono::hours{11 * 24}), 0U);
    EXPECT_EQ(forget(std::chrono::hours{9 * 24}), 3U);
    EXPECT_EQ(forget(std::chrono::hours{9 * 24}), 2U);
    EXPECT_EQ(forget(std::chrono::hours{9 * 24}), 0U);
}

// C5: a dead letter that is sent again has no effect as long as its key is kept, and a second one
// after that. The horizon that a retention must reach is what keeps it from happening by accident.
TYPED_TEST_P(first_time_exam, a_replay_after_its_retention_is_applied_again) {
    auto db = this->door.connect();
    const message_id id = new_id();
    const auto replay = [&] {
        return this->sender.transact(*db, once{this->billing, id}, [&](auto& tx, outgoing&) {
            tx.execute(this->apply(id));
        });
    };
    const auto forget = [&](std::chrono::hours keep) {
        typename TestFixture::own_transaction tx{*db};
        const retention kept{keep, redelivery_horizon{std::chrono::hours{24}}};
        EXPECT_LE(forget_consumed(tx.handle(), kept, 10, this->in(tx.handle())), 1U);
        tx.commit();
    };
    EXPECT_TRUE(replay());
    const raw_database& raw = this->door.database();
    raw.run("update " + raw.table("consumed") + " set consumed_at = " + raw.ten_days_ago());
    forget(std::chrono::hours{11 * 24});
    EXPECT_FALSE(replay());
    EXPECT_EQ(this->effects(id), "1");
    forget(std::chrono::hours{9 * 24});
    EXPECT_TRUE(replay());
    EXPECT_EQ(this->effects(id), "2");
    EXPECT_FALSE(replay());
}

TYPED_TEST_P(first_time_exam, absent_tables_say_what_to_do) {
    const raw_database& raw = this->door.database();
    raw.run("drop table " + raw.table("consumed"));
    auto db = this->door.connect();
    const auto refused = [](auto&& ask) {
        try {
            ask();
            ADD_FAILURE() << "noted";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::schema_mismatch) << e.what();
            EXPECT_NE(e.hint().find("migrate up"), std::string::npos) << e.hint();
        }
    };
    refused([&] {
        typename TestFixture::own_transaction tx{*db};
        static_cast<void>(this->first(tx.handle(), this->billing, new_id()));
    });
    for (int again = 0; again < 2; ++again)
        refused([&] {
            this->sender.transact(*db, once{this->billing, new_id()}, [](auto&, outgoing&) {});
        });
}

REGISTER_TYPED_TEST_SUITE_P(
    first_time_exam,
    a_message_is_new_once,
    two_groups_both_process_it,
    what_is_rolled_back_is_new_again,
    a_duplicate_leaves_the_transaction_whole,
    what_transact_opens_takes_it_too_with_its_messages,
    transact_notes_what_it_is_told_as_it_begins,
    several_at_once_in_the_order_they_were_asked,
    a_thousand_at_once_and_any_bytes,
    it_is_refused_where_no_transaction_is_open,
    four_consumers_at_once_apply_each_message_once,
    old_keys_are_removed_in_pieces,
    a_replay_after_its_retention_is_applied_again,
    absent_tables_say_what_to_do
);

/// The part for doors with a server behind them.
template <class Candidate>
class networked_first_time_exam : public first_time_exam<Candidate> {
protected:
    turns_proxy proxy{this->door.server_port()};
};

TYPED_TEST_SUITE_P(networked_first_time_exam);

// Q3 and C2: the answer to COMMIT is lost. Whoever acknowledged now would lose the message half of
// the times; whoever repeated the work without asking would do it twice the other half.
TYPED_TEST_P(networked_first_time_exam, qmq_mistake_q3_a_commit_in_doubt_is_delivered_again) {
    for (const bool committed : {true, false}) {
        const message_id id = new_id();
        {
            auto db = this->door.connect_through(this->proxy.port());
            try {
                this->sender.transact(*db, [&](auto& tx, outgoing&) {
                    ASSERT_TRUE(first_time(tx, this->billing, id));
                    tx.execute(this->apply(id));
                    if (committed)
                        this->proxy.lose_the_answer_to(TypeParam::traits.commit_words);
                    else
                        this->proxy.cut_before(TypeParam::traits.commit_words);
                });
                FAIL() << "nobody heard that it committed";
            } catch (const error& e) {
                EXPECT_TRUE(e.in_doubt()) << e.what();
            }
        }
        if (committed)
            harness::wait_until(
                [&] { return this->effects(id) == "1"; },
                std::chrono::seconds{5},
                "the server to finish what it was told"
            );
        auto db = this->door.connect();
        this->sender.transact(*db, [&](auto& tx, outgoing&) {
            const bool first = first_time(tx, this->billing, id);
            EXPECT_EQ(first, !committed);
            if (first)
                tx.execute(this->apply(id));
        });
        EXPECT_EQ(this->effects(id), "1");
    }
}

// While the first has not ended, the second waits; then it hears what has become of the first.
TYPED_TEST_P(networked_first_time_exam, the_second_waits_for_the_first) {
    const raw_database& raw = this->door.database();
    for (const std::string level : {"read committed", "serializable", "repeatable read"})
        for (const bool commits : {true, false}) {
            const message_id id = new_id();
            const std::string first_words = raw.isolate(level);
            auto db = this->door.connect();
            typename TestFixture::own_transaction tx{*db};
            ASSERT_TRUE(this->first(tx.handle(), this->billing, id));
            std::string heard;
            std::jthread second{[&] {
                try {
                    auto other = this->door.connect();
                    typename TestFixture::own_transaction theirs{*other};
                    theirs.execute(first_words);
                    heard = this->first(theirs.handle(), this->billing, id) ? "first" : "again";
                    theirs.commit();
                } catch (const std::exception& e) {
                    heard = std::string{"failed: "} + e.what();
                }
            }};
            harness::wait_until(
                [&] { return raw.somebody_waits(); },
                std::chrono::seconds{20},
                "the second transaction to wait for a lock"
            );
            if (commits)
                tx.commit();
            else
                tx.rollback();
            second.join();
            if (!commits)
                EXPECT_EQ(heard, "first") << level;
            else if (raw.snapshots_conflict() && level != "read committed")
                EXPECT_EQ(heard.substr(0, 8), "failed: ") << level;
            else
                EXPECT_EQ(heard, "again") << level;
        }
}

TYPED_TEST_P(networked_first_time_exam, the_trips_are_those_that_the_page_says) {
    auto db = this->door.connect_through(this->proxy.port());
    const auto trips = [&](std::span<const message_key> keys) {
        const int before = this->proxy.turns();
        typename TestFixture::own_transaction tx{*db};
        tx.execute(this->apply(new_id()));
        for (const message_key& key : keys)
            EXPECT_TRUE(this->first(tx.handle(), this->billing, key));
        for (const message_key& key : keys)
            EXPECT_FALSE(this->first(tx.handle(), this->billing, key));
        tx.commit();
        return this->proxy.turns() - before;
    };
    trips({}); // may ask something first
    const int bare = trips({});
    const std::vector<message_key> one{new_id()};
    const std::vector<message_key> three{new_id(), new_id(), new_id()};
    EXPECT_EQ(trips(one) - bare, 2 * TypeParam::traits.note_trips);
    EXPECT_EQ(trips(three) - bare, 6 * TypeParam::traits.note_trips);
}

TYPED_TEST_P(networked_first_time_exam, once_costs_the_trips_that_the_page_says) {
    auto db = this->door.connect_through(this->proxy.port());
    const auto bare = [&] {
        const int before = this->proxy.turns();
        this->sender.transact(*db, [&](auto& tx, outgoing&) { tx.execute(this->apply(new_id())); });
        return this->proxy.turns() - before;
    };
    const auto with_once = [&] {
        const int before = this->proxy.turns();
        const message_id id = new_id();
        EXPECT_TRUE(this->sender.transact(*db, once{this->billing, id}, [&](auto& tx, outgoing&) {
            tx.execute(this->apply(id));
        }));
        return this->proxy.turns() - before;
    };
    bare(); // the first of a session prepares and asks where the relay listens
    with_once();
    EXPECT_EQ(with_once() - bare(), TypeParam::traits.once_trips);
}

REGISTER_TYPED_TEST_SUITE_P(
    networked_first_time_exam,
    the_trips_are_those_that_the_page_says,
    once_costs_the_trips_that_the_page_says,
    qmq_mistake_q3_a_commit_in_doubt_is_delivered_again,
    the_second_waits_for_the_first
);

} // namespace outbox::doors
