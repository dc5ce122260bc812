#include "outbox/store/outbox_name.hpp"

#include "outbox/base/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace outbox {
namespace {

TEST(outbox_name, is_what_can_stand_in_sql_without_quotes) {
    for (const char* good : {"outbox", "b", "billing", "outbox_2", "a1_b2", "outbox_outbox"})
        EXPECT_EQ(outbox_name{good}.text(), good);
    EXPECT_EQ(outbox_name{std::string(32, 'x')}.text(), std::string(32, 'x'));
    for (const char* bad :
         {"",
          "_b",
          "b_",
          "2b",
          "Billing",
          "bill ing",
          "bill-ing",
          "bill.ing",
          "b;drop schema public",
          "b'",
          "b\"",
          "b`",
          "b--",
          "b\n",
          "b\xc3\xa9",
          "b%s",
          "b$1",
          ":b"}) {
        try {
            const outbox_name taken{bad};
            ADD_FAILURE() << "\"" << bad << "\" was taken";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::invalid_argument);
            EXPECT_NE(std::string{e.what()}.find("is no name for an outbox"), std::string::npos);
            EXPECT_NE(e.hint().find("a-z 0-9 _"), std::string::npos);
        }
    }
    EXPECT_THROW(outbox_name{std::string(33, 'x')}, error);
    EXPECT_THROW((outbox_name{std::string_view{"b\0c", 3}}), error);
}

TEST(outbox_name, stands_where_the_usual_one_stood) {
    const auto in = [](const char* sql) { return outbox_name{"billing"}.in(sql); };
    EXPECT_EQ(in("select * from outbox.message m"), "select * from billing.message m");
    EXPECT_EQ(in("insert into outbox_message ("), "insert into billing_message (");
    EXPECT_EQ(in("'outbox.message_0'::regclass"), "'billing.message_0'::regclass");
    EXPECT_EQ(in("name = 'outbox_scheduled'"), "name = 'billing_scheduled'");
    EXPECT_EQ(in("drop schema outbox cascade"), "drop schema billing cascade");
    EXPECT_EQ(in("create schema outbox"), "create schema billing");
    EXPECT_EQ(in("'outbox'::regnamespace"), "'billing'::regnamespace");
    EXPECT_EQ(in("on outbox.message to outbox_viewer"), "on billing.message to billing_viewer");
    EXPECT_EQ(in("outbox.a,outbox.b"), "billing.a,billing.b");
    EXPECT_EQ(in("drop table outbox_relay"), "drop table billing_relay");
}

TEST(outbox_name, leaves_alone_what_is_no_name_of_ours) {
    for (const char* sql :
         {"select outbox",
          "raise exception 'outbox: a message'",
          "'outbox-tag'",
          "-- The outbox. It holds",
          "@outbox_autocommit",
          "my_outbox_message",
          "myoutbox.message",
          "other.outbox_send(",
          "outboxes.message",
          "schema outboxes",
          "outbox_ ",
          "outbox_",
          "outbox.",
          "outbox",
          "run `outbox migrate up`"})
        EXPECT_EQ(outbox_name{"billing"}.in(sql), sql);
    EXPECT_EQ(
        outbox_name{"billing"}.in("select outbox.outbox_send('a')"),
        "select billing.outbox_send('a')"
    );
}

TEST(outbox_name, the_usual_one_changes_nothing) {
    EXPECT_TRUE(outbox_name{}.is_usual());
    EXPECT_TRUE(outbox_name{"outbox"}.is_usual());
    EXPECT_EQ(outbox_name{}.in("outbox.message outbox_message"), "outbox.message outbox_message");
    EXPECT_EQ(outbox_name{}.migrate_hint(), "run `outbox migrate up --db URL`");
    EXPECT_EQ(outbox_name{"b"}.migrate_hint(), "run `outbox migrate up --db URL --schema b`");
}

TEST(outbox_name, one_that_begins_like_the_usual_one_is_put_in_once) {
    EXPECT_EQ(outbox_name{"outbox_b"}.in("outbox.message"), "outbox_b.message");
    EXPECT_EQ(outbox_name{"outbox_b"}.in("outbox_message"), "outbox_b_message");
}

struct counted {
    explicit counted(const outbox_name& name) : text(name.in("outbox_message")) { ++made; }
    std::string text;
    static inline int made = 0;
};

TEST(outbox_name, texts_are_made_once_for_each_name) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(made_for<counted>({}).text, "outbox_message");
        EXPECT_EQ(made_for<counted>(outbox_name{"a"}).text, "a_message");
        EXPECT_EQ(made_for<counted>(outbox_name{"b"}).text, "b_message");
    }
    EXPECT_EQ(counted::made, 3);
}

struct many {
    explicit many(const outbox_name&) {}
};

TEST(outbox_name, there_is_a_limit_to_the_names_of_one_process) {
    for (std::size_t i = 0; i < outbox_names_max; ++i)
        made_for<many>(outbox_name{"n" + std::to_string(i)});
    EXPECT_NO_THROW(made_for<many>(outbox_name{"n0"}));
    EXPECT_NO_THROW(made_for<many>({}));
    EXPECT_THROW(made_for<many>(outbox_name{"one_more"}), error);
}

} // namespace
} // namespace outbox
