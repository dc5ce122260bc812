// Two outboxes in one database, a relay on each: no message crosses, and neither's migrations touch
// the other.

#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/testing/recording_target.hpp"
#include "tests/store/doors/places.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace outbox {
namespace {

const subject order_paid{"orders.paid"};
const outbox_name billing{"outbox_b"};

/// As anybody sends who has no library of ours.
std::string call_send(const doors::on_postgresql&) {
    return "select outbox.outbox_send('a', 'x')";
}
template <class Database>
std::string call_send(const doors::on_mysql<Database>&) {
    return "set @id = null; call outbox_send('a', 'x', null, null, null, null, null, @id)";
}
/// It has no functions: this INSERT is the interface.
std::string call_send(const doors::on_sqlite&) {
    return "insert into outbox_message (message_id, subject, payload) values"
           " (randomblob(16), 'a', 'x')";
}

/// A relay at work, and what it has delivered.
class delivery {
public:
    delivery(database& source, const std::string& owner)
        : relay_(source, std::make_unique<testing::recording_target>(seen_), {.owner = owner})
        , thread_([this] { relay_.run(); }) {}
    ~delivery() { stop(); }
    void stop() {
        relay_.request_stop();
        if (thread_.joinable())
            thread_.join();
    }
    std::vector<std::string> payloads(std::size_t count) {
        EXPECT_TRUE(seen_.await_count(count));
        stop();
        std::vector<std::string> texts;
        for (const testing::sent_message& m : seen_.arrivals())
            texts.push_back(m.payload);
        return texts;
    }

private:
    testing::recording seen_;
    relay relay_;
    std::thread thread_;
};

template <class Place>
class two_outboxes : public ::testing::Test {
protected:
    two_outboxes() { second->open_migrator()->up(); }

    static message say(const std::string& text) {
        return {.to = order_paid, .body = body::raw(text), .key = order_key{"1"}};
    }

    Place place;
    std::unique_ptr<database> first = place.open();
    std::unique_ptr<database> second = place.open(billing);
    producer to_first;
    producer to_second{{.name = billing}};
};

TYPED_TEST_SUITE(two_outboxes, doors::places, doors::name_of_place);

TYPED_TEST(two_outboxes, no_message_crosses) {
    constexpr int rounds = 30;
    std::vector<std::string> firsts;
    std::vector<std::string> seconds;
    const auto next = [](std::vector<std::string>& list, const char* name) {
        return list.emplace_back(name + std::to_string(list.size()));
    };
    delivery from_first{*this->first, "one"};
    delivery from_second{*this->second, "two"};
    const auto db = this->place.connect();
    for (int i = 0; i < rounds; ++i) {
        this->to_first.transact(*db, [&](auto&, outgoing& out) {
            out.send(this->say(next(firsts, "first ")));
            out.send(this->say(next(firsts, "first ")));
        });
        this->to_second.transact(*db, [&](auto&, outgoing& out) {
            out.send(this->say(next(seconds, "second ")));
        });
        // One transaction for both, each by a producer of its own.
        typename TypeParam::own_transaction tx{*db};
        this->to_second.send(tx.handle(), this->say(next(seconds, "second ")));
        this->to_first.send(tx.handle(), this->say(next(firsts, "first ")));
        tx.commit();
    }
    EXPECT_EQ(from_first.payloads(firsts.size()), firsts);
    EXPECT_EQ(from_second.payloads(seconds.size()), seconds);
}

TYPED_TEST(two_outboxes, what_waits_until_it_is_due_waits_in_its_own) {
    message later = this->say("later");
    later.deliver = deliver_after(std::chrono::hours{1});
    const auto db = this->place.connect();
    message_id id;
    this->to_second.transact(*db, [&](auto&, outgoing& out) { id = out.send(later); });
    EXPECT_EQ(this->first->open_relay_store()->status(0).scheduled, 0);
    EXPECT_EQ(this->second->open_relay_store()->status(0).scheduled, 1);
    this->to_first.transact(*db, [&](auto&, outgoing& out) { EXPECT_FALSE(out.cancel(id)); });
    this->to_second.transact(*db, [&](auto&, outgoing& out) {
        EXPECT_TRUE(out.replace(id, later));
        EXPECT_TRUE(out.cancel(id));
    });
    EXPECT_EQ(this->second->open_relay_store()->status(0).scheduled, 0);
}

TYPED_TEST(two_outboxes, migrating_one_leaves_the_other_as_it_is) {
    const auto db = this->place.connect();
    this->to_first.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("stays")); });
    EXPECT_EQ(
        this->second->open_migrator()->down(0).size(),
        this->first->open_migrator()->status().size()
    ) << "nothing is undelivered in this one";
    EXPECT_NO_THROW(require_current(this->first->open_migrator()->status()));
    EXPECT_EQ(this->first->open_relay_store()->status(0).backlog, 1);
    try {
        this->second->open_relay_store();
        ADD_FAILURE() << "it is gone";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint().find("--schema outbox_b"), std::string::npos) << e.what();
    }
    EXPECT_ANY_THROW(this->to_second.transact(*db, [&](auto&, outgoing& out) {
        out.send(this->say("nowhere to go"));
    }));
    EXPECT_THROW(this->first->open_migrator()->down(0), error) << "its message is undelivered";

    this->second->open_migrator()->up();
    this->to_second.transact(*db, [&](auto&, outgoing& out) { out.send(this->say("waits")); });
    EXPECT_THROW(this->second->open_migrator()->down(0), error);
    this->first->open_migrator()->down(0, if_undelivered::lose_them);
    EXPECT_EQ(this->second->open_relay_store()->status(0).backlog, 1);
}

TYPED_TEST(two_outboxes, any_language_sends_to_the_one_that_it_calls) {
    this->place.raw().run(billing.in(call_send(this->place)));
    EXPECT_EQ(this->second->open_relay_store()->status(0).backlog, 1);
    EXPECT_EQ(this->first->open_relay_store()->status(0).backlog, 0);
}

TYPED_TEST(two_outboxes, a_producer_posts_only_into_an_outbox_of_its_own_name) {
    EXPECT_THROW((producer{{.name = billing, .database = this->first.get()}}), usage_error);
    EXPECT_THROW((producer{{.database = this->second.get()}}), usage_error);
    producer poster{{.name = billing, .database = this->second.get()}};
    poster.post(this->say("posted"));
    EXPECT_EQ(this->second->open_relay_store()->status(0).backlog, 1);
    EXPECT_EQ(this->first->open_relay_store()->status(0).backlog, 0);
    EXPECT_NE(this->second->display_name().find("(outbox outbox_b)"), std::string::npos);
}

} // namespace
} // namespace outbox
