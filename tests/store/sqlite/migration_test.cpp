#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/error.hpp"

#include <filesystem>

namespace outbox::testing {
namespace {

using sqlite_migration = sqlite_fixture;

TEST_F(sqlite_migration, is_done_once_and_then_current) {
    EXPECT_TRUE(source->open_migrator()->up().empty()) << "SetUp() has done it";
    const auto states = source->open_migrator()->status();
    ASSERT_EQ(states.size(), 1U);
    EXPECT_TRUE(states[0].applied);
    EXPECT_NO_THROW(require_current(states));
}

TEST_F(sqlite_migration, an_edited_or_newer_schema_is_refused_with_what_to_do) {
    sqlite::execute(db.get(), "update outbox_schema_version set checksum = '00000000'", "edit");
    try {
        source->open_relay_store();
        FAIL() << "opened an edited schema";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
    }
    sqlite::execute(
        db.get(), "insert into outbox_schema_version (version, name, checksum) values (99, 'future', 'x')", "newer"
    );
    EXPECT_EQ(source->open_migrator()->status().size(), 2U);
}

TEST_F(sqlite_migration, looking_at_a_database_that_is_not_there_does_not_make_one) {
    const std::string nowhere = path + ".absent";
    const auto absent = sqlite::open_database("sqlite:" + nowhere);
    EXPECT_THROW(absent->open_migrator()->status(), error);
    EXPECT_THROW(absent->open_relay_store(), error);
    EXPECT_FALSE(std::filesystem::exists(nowhere));
}

TEST_F(sqlite_migration, a_database_without_the_tables_names_the_command) {
    const std::string bare = path + ".bare";
    sqlite::execute(sqlite::open(bare, true).get(), "create table t (x)", "t");
    try {
        sqlite::open_database("sqlite:" + bare)->open_relay_store();
        FAIL() << "opened a database without outbox tables";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint().find("outbox migrate up"), std::string::npos);
    }
}


} // namespace
} // namespace outbox::testing
