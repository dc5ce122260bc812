#include "outbox/store/mysql/put.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outbox::mysql::put {
namespace {

envelope row(std::string payload) {
    return {
        .id = message_id{},
        .subject = "orders.paid",
        .key = "k",
        .headers = {},
        .payload = std::move(payload)};
}

TEST(mysql_put, writes_all_rows_with_one_statement) {
    const std::vector<envelope> rows{row("'\\"), row(std::string("\0;", 2))};
    EXPECT_THAT(
        insert({}, rows),
        testing::ElementsAre(
            "insert into outbox_message (message_id, subject, order_key, headers, payload) values "
            "(x'00000000000000000000000000000000',_utf8mb4 "
            "x'6f72646572732e70616964',x'6b',x'',x'275c'),"
            "(x'00000000000000000000000000000000',_utf8mb4 "
            "x'6f72646572732e70616964',x'6b',x'',x'003b')"
        )
    );
}

TEST(mysql_put, names_the_tables_of_the_outbox_and_nothing_that_a_message_says) {
    const outbox_name billing{"billing"};
    std::vector<envelope> rows{row("outbox_message"), row("outbox_message")};
    rows[1].deliver = deliver_after(std::chrono::seconds{1});
    const auto statements = insert(billing, rows);
    ASSERT_EQ(statements.size(), 2U);
    EXPECT_THAT(statements[0], testing::StartsWith("insert into billing_message "));
    EXPECT_THAT(statements[0], testing::HasSubstr("x'6f7574626f785f6d657373616765'"));
    EXPECT_THAT(statements[1], testing::StartsWith("insert into billing_scheduled "));
}

TEST(mysql_put, splits_what_a_packet_could_not_hold) {
    const std::vector<envelope> rows{row("a"), row(std::string(400, 'b')), row("c"), row("d")};
    const auto statements = insert({}, rows, binding::none, 400);
    ASSERT_EQ(statements.size(), 3U);
    EXPECT_THAT(statements[1], testing::HasSubstr("6262"));
    EXPECT_THAT(
        statements[2],
        testing::EndsWith(",x'63'),(x'00000000000000000000000000000000',"
                          "_utf8mb4 x'6f72646572732e70616964',x'6b',x'',x'64')")
    );
}

TEST(mysql_put, writes_scheduled_rows_with_a_statement_of_their_own) {
    std::vector<envelope> rows{row("a"), row("b"), row("c")};
    rows[0].deliver = deliver_after(std::chrono::milliseconds{1'500});
    rows[2].deliver = deliver_at(time_point{std::chrono::seconds{1'800'000'000}});
    const auto statements = insert({}, rows);
    ASSERT_EQ(statements.size(), 2U);
    EXPECT_THAT(statements[0], testing::StartsWith("insert into outbox_message "));
    EXPECT_THAT(statements[0], testing::EndsWith(",x'62')"));
    EXPECT_THAT(statements[1], testing::StartsWith("insert into outbox_scheduled "));
    EXPECT_THAT(
        statements[1],
        testing::HasSubstr(",x'61',floor(unix_timestamp(now(6)) * 1000000) + 1500000),(")
    );
    EXPECT_THAT(statements[1], testing::EndsWith(",x'63',1800000000000000)"));
}

TEST(mysql_put, guards_each_statement_once_against_autocommit) {
    std::vector<envelope> rows{row("a"), row("b"), row("c")};
    rows[1].deliver = deliver_after(std::chrono::seconds{1});
    const std::string id = "x'00000000000000000000000000000000'";
    const std::string guarded =
        " values (if(@@autocommit=0," + id + ",(select x'00' union select x'01'))";
    const auto statements = insert({}, rows, binding::autocommit_off);
    ASSERT_EQ(statements.size(), 2U);
    EXPECT_THAT(statements[0], testing::HasSubstr("payload)" + guarded + ",_utf8mb4 x'"));
    EXPECT_THAT(statements[0], testing::HasSubstr(",x'61'),(" + id + ",_utf8mb4 x'"));
    EXPECT_THAT(statements[1], testing::HasSubstr("due_at)" + guarded + ",_utf8mb4 x'"));
}

TEST(mysql_put, guards_what_changes_a_scheduled_message_and_what_answers) {
    const std::string guarded =
        " where message_id = if(@@autocommit=0,x'00000000000000000000000000000000',"
        "(select x'00' union select x'01'))";
    const auto cancelling = cancel({}, message_id{}, binding::autocommit_off);
    ASSERT_EQ(cancelling.size(), 2U);
    EXPECT_EQ(cancelling[0], "delete from outbox_scheduled" + guarded);
    EXPECT_THAT(cancelling[1], testing::StartsWith("select if(@@autocommit=0,row_count(),"));
    const auto replacing = replace({}, row("a"), binding::autocommit_off);
    ASSERT_EQ(replacing.size(), 2U);
    EXPECT_THAT(replacing[0], testing::EndsWith(guarded));
    EXPECT_THAT(replacing[1], testing::StartsWith("select if(@@autocommit=0,count(*),"));
}

} // namespace
} // namespace outbox::mysql::put
