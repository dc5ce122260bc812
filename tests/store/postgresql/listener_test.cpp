// What only a database across a network can do to a listener: a COMMIT whose answer is lost.

#include "harness/wait_until.hpp"
#include "tests/producer/notebook.hpp"
#include "tests/store/postgresql/postgres.hpp"
#include "tests/support/turns_proxy.hpp"

#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/receipt_sender.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "outbox/testing/recording_target.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const subject order_paid{"orders.paid"};

class pqxx_listener : public ::testing::Test {
protected:
    postgresql::migrated_database place;
    std::unique_ptr<database> source = postgresql::open_database(place.url());
    testing::notebook told;
    testing::recording seen;
    receipt_sender receipts;
    outbox::relay relay{
        *source,
        std::make_unique<testing::recording_target>(seen),
        {.owner = "test", .observer = &receipts}};
    std::thread thread{[this] { relay.run(); }};

    ~pqxx_listener() override {
        relay.request_stop();
        thread.join();
    }
    std::string url_through(const turns_proxy& proxy) const {
        std::string url = place.url();
        const std::string port = std::to_string(postgresql::shared_server().port());
        return url.replace(url.find(":" + port) + 1, port.size(), std::to_string(proxy.port()));
    }
    // Everything that was asked before has been told by now, as far as it ever will be.
    void expect_only_the_last(producer& sender) {
        pqxx::connection db{place.url()};
        const message_id last = sender.transact(db, [&](auto&, outgoing& out) {
            return out.send({.to = order_paid}, told.listener());
        });
        EXPECT_EQ(told.await(1)[0].id, last);
        sender.stop(5s);
        EXPECT_EQ(told.reports().size(), 1U);
    }
};

TEST_F(pqxx_listener, nobody_is_called_when_the_answer_to_commit_is_lost_though_it_is_delivered) {
    turns_proxy proxy{postgresql::shared_server().port()};
    pqxx::connection through{url_through(proxy)};
    producer sender{{.receipts = {.deadline = 10s}}};
    proxy.lose_the_answer_to("; commit");
    try {
        sender.transact(through, [&](auto&, outgoing& out) {
            out.send({.to = order_paid}, told.listener());
        });
        FAIL() << "nobody heard that it committed";
    } catch (const error& e) {
        EXPECT_TRUE(e.in_doubt()) << e.what();
    }
    ASSERT_TRUE(seen.await_count(1)) << "it is committed, so it is delivered";
    expect_only_the_last(sender);
}

TEST_F(pqxx_listener, a_post_whose_commit_is_in_doubt_says_so_and_calls_nobody) {
    turns_proxy proxy{postgresql::shared_server().port()};
    const auto through = postgresql::open_database(url_through(proxy));
    producer_options options;
    options.database = through.get();
    producer sender{std::move(options)};
    proxy.lose_the_answer_to({"commit", 7}); // with its NUL: "read committed" is said before
    try {
        sender.post({.to = order_paid}, {}, told.listener());
        FAIL() << "nobody heard that it committed";
    } catch (const error& e) {
        EXPECT_TRUE(e.in_doubt()) << e.what();
    }
    ASSERT_TRUE(seen.await_count(1));
    expect_only_the_last(sender);
}

TEST_F(pqxx_listener, a_savepoint_that_is_rolled_back_takes_its_listeners_along) {
    pqxx::connection db{place.url()};
    producer sender;
    message_id kept;
    sender.transact(db, [&](auto& tx, outgoing& out) {
        {
            auto undone = tx.savepoint();
            out.send({.to = order_paid}, told.listener());
            undone.rollback();
        }
        kept = out.send({.to = order_paid}, told.listener());
    });
    EXPECT_EQ(told.await(1)[0].id, kept);
    sender.stop(5s);
    EXPECT_EQ(told.reports().size(), 1U);
    EXPECT_EQ(told.reports()[0].fate, send_fate::delivered);
}

} // namespace
} // namespace outbox
