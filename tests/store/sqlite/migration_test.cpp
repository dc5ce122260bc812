#include "outbox/base/error.hpp"
#include "outbox/store/sqlite/migration_session.hpp"
#include "tests/store/migration_exam.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include <filesystem>

namespace outbox {
namespace {

class sqlite_candidate {
public:
    static const migration_dialect& dialect() { return sqlite::dialect(); }
    static std::string message_table() { return "outbox_message"; }

    sqlite_candidate() { sqlite::open(path_, true); }
    std::unique_ptr<database> open(const migration_dialect& known) {
        return sqlite::open_database("sqlite:" + path_, {}, known);
    }
    std::unique_ptr<migration_session> session(std::chrono::milliseconds lock_wait) {
        return std::make_unique<sqlite::migration_session>(path_, outbox_name{}, lock_wait);
    }
    void execute(const std::string& sql) {
        sqlite::execute(sqlite::open(path_, false).get(), sql.c_str(), "test");
    }
    std::string shape() {
        const auto db = sqlite::open(path_, false);
        sqlite::statement list{
            db.get(),
            "select group_concat(sql, char(10)) from (select sql from sqlite_schema where name not"
            " like 'sqlite\\_%' escape '\\' order by name)",
            "test"};
        list.step();
        return list.blob(0);
    }

private:
    harness::temp_dir folder_;
    std::string path_ = (folder_ / "exam.db").string();
};

INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, migration_exam, sqlite_candidate);

} // namespace
} // namespace outbox

namespace outbox::testing {
namespace {

using sqlite_migration = sqlite_fixture;

TEST_F(sqlite_migration, is_done_once_and_then_current) {
    EXPECT_TRUE(source->open_migrator()->up().empty()) << "SetUp() has done it";
    const auto states = source->open_migrator()->status();
    ASSERT_FALSE(states.empty());
    for (const migration_state& state : states)
        EXPECT_TRUE(state.applied);
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
        db.get(),
        "insert into outbox_schema_version (version, name, checksum) values (99, 'future', 'x')",
        "newer"
    );
    EXPECT_EQ(source->open_migrator()->status().back().version, 99);
}

TEST_F(sqlite_migration, looking_at_a_database_that_is_not_there_does_not_make_one) {
    const std::string nowhere = path + ".absent";
    const auto absent = sqlite::open_database("sqlite:" + nowhere);
    EXPECT_THROW(absent->open_migrator()->status(), error);
    EXPECT_THROW(absent->open_relay_store(), error);
    EXPECT_FALSE(std::filesystem::exists(nowhere));
}

TEST_F(sqlite_migration, one_that_is_to_be_taken_back_or_only_printed_is_not_made_either) {
    const std::string nowhere = path + ".absent";
    const auto absent = sqlite::open_database("sqlite:" + nowhere);
    EXPECT_THROW(absent->open_migrator()->down(0), error);
    EXPECT_NE(
        absent->open_migrator()->up_sql().find("create table outbox_message"),
        std::string::npos
    );
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
