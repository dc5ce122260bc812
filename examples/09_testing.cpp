// A unit test of code that sends, with GoogleTest and outbox/testing: no broker, no thread, no
// waiting.
//
//   ./09_testing
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/testing/gmock.hpp"
#include "outbox/testing/testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

using namespace outbox::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

const outbox::subject order_placed{"orders.placed"};

// The code under test.
void place(outbox::sqlite_transaction& tx, outbox::outgoing& out, int id, int pieces) {
    if (pieces <= 0)
        throw std::invalid_argument{"an order of nothing"};
    tx.execute("insert into orders values (" + std::to_string(id) + ", 'placed')");
    out.send(
        {.to = order_placed,
         .body = {{"orderId", id}, {"pieces", pieces}},
         .key = outbox::order_key{id}}
    );
}

class placing : public ::testing::Test {
protected:
    void SetUp() override {
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
        shop = outbox::sqlite::open_database("sqlite:" + path);
        shop->open_migrator()->up();
        sqlite3* opened = nullptr;
        ASSERT_EQ(sqlite3_open(path.c_str(), &opened), SQLITE_OK);
        db.reset(opened);
        sqlite3_exec(
            opened,
            "create table orders (id integer, state text)",
            nullptr,
            nullptr,
            nullptr
        );
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    std::filesystem::path folder =
        ::testing::TempDir() + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::string path = folder / "shop.db";
    std::unique_ptr<outbox::database> shop;
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> db{nullptr, &sqlite3_close};
    outbox::producer producer;
    recording delivered;
    recording_target target{delivered};
};

TEST_F(placing, says_what_was_ordered) {
    producer.transact(*db, [](auto& tx, outbox::outgoing& out) {
        place(tx, out, 42, 3);
        expect_sent(tx, order_placed, with_body({{"orderId", 42}, {"pieces", 3}}));
        expect_sent(tx, order_placed, AllOf(payload(HasSubstr("\"pieces\":3")), key("42")));
    });
}

TEST_F(placing, reaches_the_broker_when_it_is_back) {
    delivered.be_away(true);
    producer.transact(*db, [](auto& tx, auto& out) { place(tx, out, 42, 3); });
    EXPECT_EQ(drain(*shop, target).left, 1U);
    delivered.be_away(false);
    EXPECT_EQ(drain(*shop, target).delivered, 1U);
    expect_delivered(delivered, order_placed, key("42"));
}

TEST_F(placing, an_order_of_nothing_is_not_heard_of) {
    const auto place_nothing = [](auto& tx, auto& out) { place(tx, out, 42, 0); };
    EXPECT_THROW(producer.transact(*db, place_nothing), std::invalid_argument);
    drain(*shop, target);
    expect_nothing_delivered(delivered);
}
