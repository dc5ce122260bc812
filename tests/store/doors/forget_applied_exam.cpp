// What relay_store::forget_applied() must do in every database, meddled with by its own program.

#include "outbox/store/mysql/database.hpp"
#include "outbox/store/postgresql/database.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "tests/store/doors/raw_database.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace outbox::doors {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<database> open(const postgres_database& raw) {
    return postgresql::open_database(
        "postgresql://postgres@127.0.0.1:" + std::to_string(raw.server().port()) + "/" + raw.name(),
        name_under_exam()
    );
}
std::unique_ptr<database> open(const sqlite_database& raw) {
    return sqlite::open_database("sqlite:" + raw.path(), name_under_exam());
}
template <class Server>
std::unique_ptr<database> open(const mysql_family_database<Server>& raw) {
    return mysql::open_database(
        "mysql://root@127.0.0.1:" + std::to_string(raw.server().port()) + "/" + raw.name(),
        name_under_exam()
    );
}

template <class Database>
class forget_applied_exam : public testing::Test {
protected:
    Database place;

    /// Five old rows and one young in each table, and a claim whose lease still runs.
    void fill() {
        const std::string old = place.ten_days_ago();
        for (int i = 0; i < 5; ++i) {
            const std::string n = std::to_string(i);
            put("consumed", "group_name, message_key, consumed_at", n, old);
            put("claim", "group_name, message_key, token, changed_at", n, "'t', " + old);
            put("applied", "group_name, source, shard, numbers, changed_at", n, "0, '1', " + old);
        }
        put("consumed", "group_name, message_key", "young", "");
        const std::string now =
            "(select consumed_at from " + place.table("consumed") + " where message_key = 'young')";
        put("claim", "group_name, message_key, token, changed_at", "young", "'t', " + now);
        put("applied", "group_name, source, shard, numbers, changed_at", "young", "0, '1', " + now);
        put("claim",
            "group_name, message_key, token, lease_until, changed_at",
            "held",
            "'t', '2099-01-01', " + old);
    }
    void
    put(const std::string& table,
        const std::string& columns,
        const std::string& key,
        const std::string& more) {
        place.run(
            "insert into " + place.table(table) + " (" + columns + ") values ('billing', '" + key +
            "'" + (more.empty() ? "" : ", " + more) + ")"
        );
    }
    std::string count(const std::string& table) {
        const std::string text = place.run("select count(*) from " + place.table(table));
        return text.substr(0, text.find('\n'));
    }
};

using databases =
    testing::Types<postgres_database, mariadb_database, mysql_database, sqlite_database>;
TYPED_TEST_SUITE(forget_applied_exam, databases);

TYPED_TEST(forget_applied_exam, what_is_old_goes_by_pieces_and_the_rest_stays) {
    this->fill();
    const auto store = open(this->place)->open_relay_store();
    EXPECT_FALSE(store->forget_applied(11 * 24h, 3)) << "nothing is so old";
    EXPECT_EQ(this->count("consumed"), "6");
    EXPECT_EQ(this->count("claim"), "7");
    EXPECT_EQ(this->count("applied"), "6");
    EXPECT_TRUE(store->forget_applied(9 * 24h, 3));
    EXPECT_EQ(this->count("consumed"), "3");
    EXPECT_EQ(this->count("claim"), "4");
    EXPECT_EQ(this->count("applied"), "3");
    EXPECT_FALSE(store->forget_applied(9 * 24h, 3));
    EXPECT_FALSE(store->forget_applied(9 * 24h, 3));
    EXPECT_EQ(this->count("consumed where message_key = 'young'"), "1");
    EXPECT_EQ(this->count("consumed"), "1");
    EXPECT_EQ(this->count("claim"), "2") << "the young one, and the one that is held";
    EXPECT_EQ(this->count("applied where source = 'young'"), "1");
    EXPECT_EQ(this->count("applied"), "1");
}

} // namespace
} // namespace outbox::doors
