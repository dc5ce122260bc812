// A program of this build on the tables of every version before its own that it runs on: the real
// ones, made by the way up and then back.

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/consumer/idempotency/first_time_numbered.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/any/open_database.hpp"
#include "outbox/store/intent_book.hpp"
#include "outbox/testing/recording_target.hpp"
#include "tests/store/doors/places.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const subject order_paid{"orders.paid"};
const group_name billing{"billing"};
/// What came with which version.
constexpr int scheduled_version = 2;
constexpr int consumed_version = 4;
constexpr int numbering_version = 5;
constexpr int applied_version = 6;

template <class Place>
class older_tables : public ::testing::Test {
protected:
    using own_transaction = typename Place::own_transaction;

    static message say(const std::string& text) {
        return {.to = order_paid, .body = body::raw(text), .key = order_key{"1"}};
    }
    static message say_later(const std::string& text, std::chrono::milliseconds after) {
        message later = say(text);
        later.deliver = deliver_after(after);
        return later;
    }
    static message_id new_id() {
        static message_id_generator ids;
        return ids.next();
    }

    /// The newest before the newest first. `work(version)` leaves nothing undelivered.
    template <class Work>
    void on_each(Work&& work) {
        const auto oldest = dialect_of(place.url().substr(0, place.url().find(':'))).oldest_usable;
        const auto all = source->open_migrator()->status();
        int seen = 0;
        for (auto one = all.rbegin() + 1; one != all.rend() && one->version >= oldest; ++one) {
            const ::testing::ScopedTrace where{__FILE__, __LINE__, "on version " + one->name};
            source->open_migrator()->down(one->version);
            work(one->version);
            ++seen;
        }
        EXPECT_GE(seen, 1) << "by rule a program runs on the tables before its own";
    }

    template <class Work>
    static void expect_to_be_told(Work&& work) {
        try {
            work();
            FAIL() << "these tables cannot hold it";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::schema_mismatch) << e.what();
            EXPECT_NE(std::string{e.what()}.find("outbox migrate up"), std::string::npos)
                << e.what();
        }
    }
    template <class Work>
    static void expect_from(bool there, Work&& work) {
        if (there)
            EXPECT_NO_THROW(work());
        else
            expect_to_be_told(work);
    }

    Place place;
    std::unique_ptr<database> source = place.open();
    producer sender;
};

TYPED_TEST_SUITE(older_tables, doors::places, doors::name_of_place);

TYPED_TEST(older_tables, what_is_sent_is_delivered_recorded_and_removed) {
    this->on_each([&](int) {
        const auto db = this->place.connect();
        this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("transact")); });
        typename TestFixture::own_transaction tx{*db};
        this->sender.send(tx.handle(), this->say("join"));
        tx.commit();
        this->source->send(std::vector{freeze(this->say("alone"), this->new_id(), {})});

        const auto store = this->source->open_relay_store();
        EXPECT_EQ(store->status(0).backlog, 3);
        const auto held = store->acquire(0, "test", 60s, "udp:127.0.0.1:9").granted;
        ASSERT_TRUE(held);
        EXPECT_EQ(store->renew(0, held->epoch, 60s), write_result::done);
        EXPECT_EQ(store->release_due(0, held->epoch, 100).result, write_result::done);
        cursor at = held->from;
        std::vector<std::string> seen;
        for (bool more = true; more;) {
            const slice next = store->read(0, at, {});
            for (const stored_message& m : next.messages)
                seen.push_back(m.content.payload);
            more = next.more || !next.messages.empty();
            at = next.after;
        }
        EXPECT_EQ(seen, (std::vector<std::string>{"transact", "join", "alone"}));
        EXPECT_EQ(store->advance(0, held->epoch, at), write_result::done);
        while (store->remove_delivered(0, held->epoch)) {
        }
        EXPECT_EQ(store->status(0).backlog, 0);
        store->release(0, held->epoch);
    });
}

TYPED_TEST(older_tables, a_relay_brings_them_what_was_sent) {
    this->on_each([&](int) {
        const auto db = this->place.connect();
        testing::recording seen;
        relay one{
            *this->source,
            std::make_unique<testing::recording_target>(seen),
            {.owner = "test", .forget_applied_after = 24h}};
        std::thread thread{[&] { one.run(); }};
        this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("m")); });
        EXPECT_TRUE(seen.await_count(1));
        one.request_stop();
        thread.join();
    });
}

TYPED_TEST(older_tables, a_message_for_later_waits_where_it_can_and_else_says_what_to_do) {
    this->on_each([&](int version) {
        const bool can = version >= scheduled_version;
        const auto db = this->place.connect();
        message_id later;
        this->expect_from(can, [&] {
            this->sender.transact(*db, [&](auto&, outgoing& out) {
                later = out.send(this->say_later("later", 1h));
            });
        });
        this->expect_from(can, [&] {
            typename TestFixture::own_transaction tx{*db};
            this->sender.send(tx.handle(), this->say_later("soon", 1ms));
            tx.commit();
        });
        this->expect_from(can, [&] {
            this->sender.transact(*db, [&](auto&, outgoing& out) {
                EXPECT_TRUE(out.replace(later, this->say_later("later still", 2h)));
                EXPECT_TRUE(out.cancel(later));
            });
        });
        const auto store = this->source->open_relay_store();
        const auto held = store->acquire(0, "test", 60s, "").granted;
        ASSERT_TRUE(held);
        if (can)
            harness::wait_until(
                [&] { return store->release_due(0, held->epoch, 100).released == 1; },
                10s,
                "the message to be due"
            );
        EXPECT_EQ(store->release_due(0, held->epoch, 100).next_due, std::nullopt);
        EXPECT_EQ(store->status(0).scheduled, 0);
        const slice due = store->read(0, held->from, {});
        EXPECT_EQ(due.messages.size(), can ? 1U : 0U);
        store->advance(0, held->epoch, due.after);
        store->release(0, held->epoch);
    });
}

TYPED_TEST(older_tables, what_a_consumer_notes_is_kept_where_it_can_and_else_it_says_what_to_do) {
    this->on_each([&](int version) {
        const bool can = version >= consumed_version;
        const auto db = this->place.connect();
        const message_id id = this->new_id();
        this->expect_from(can, [&] {
            typename TestFixture::own_transaction tx{*db};
            EXPECT_TRUE(first_time(tx.handle(), billing, id));
            EXPECT_FALSE(first_time(tx.handle(), billing, id));
            tx.commit();
        });
        this->expect_from(can, [&] {
            const bool applied = this->sender.transact(*db, once{billing, id}, [&](auto&, auto&) {
                ADD_FAILURE() << "applied again";
            });
            EXPECT_FALSE(applied);
        });
        this->expect_from(can, [&] {
            this->source->open_claim_store()->claim({"billing", "key"}, "0123456789abcdef", 1s);
        });
        this->expect_from(version >= applied_version, [&] {
            typename TestFixture::own_transaction tx{*db};
            static_cast<void>(first_time_numbered(tx.handle(), billing, {"a1", 0, 1}));
            tx.commit();
        });
        const message_search found = this->source->find(id, 100);
        EXPECT_EQ(found.noted.has_value(), can);
        EXPECT_FALSE(found.scheduled);
        const auto store = this->source->open_relay_store();
        EXPECT_FALSE(store->forget_applied(1h, 100));
        if (can)
            harness::wait_until(
                [&] {
                    store->forget_applied(0s, 100);
                    return this->source->find(id, 100).noted->empty();
                },
                10s,
                "what was noted to be old enough"
            );
    });
}

TYPED_TEST(older_tables, a_relay_numbers_where_it_can_and_else_says_what_to_do) {
    this->on_each([&](int version) {
        const auto store = this->source->open_relay_store();
        const auto held = store->acquire(0, "test", 60s, "").granted;
        ASSERT_TRUE(held);
        ASSERT_NE(store->intents(), nullptr);
        this->expect_from(version >= numbering_version, [&] {
            store->intents()->claim(0, held->epoch, "a1");
        });
        store->release(0, held->epoch);
    });
}

TYPED_TEST(older_tables, newer_ones_are_refused_by_the_relay_and_a_producer_does_not_look) {
    const auto& raw = this->place.raw();
    raw.run(
        "insert into " + raw.table("schema_version") +
        " (version, name, checksum) values (99, 'of_the_future', '00000000')"
    );
    EXPECT_THROW(this->source->open_relay_store(), error);
    EXPECT_THROW(this->source->open_migrator()->up(), error);
    const auto db = this->place.connect();
    this->sender.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("m")); });
    EXPECT_EQ(raw.payloads(), std::vector<std::string>{"m"});
}

} // namespace
} // namespace outbox
