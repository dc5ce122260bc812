#include "outbox/base/hex.hpp"
#include "tests/store/intent_book_exam.hpp"
#include "tests/store/mysql/server.hpp"
#include "tests/store/numbered_exam.hpp"
#include "tests/store/relay_store_exam.hpp"

namespace outbox {
namespace {

template <mysql::make Which>
class mysql_candidate {
public:
    std::unique_ptr<database> open(const outbox_name& name) {
        return mysql::open_database(place_.url(), name);
    }
    void alter_checksum(const outbox_name& name) {
        mysql::sql_session{place_.url()}.execute(
            name.in("update outbox_schema_version set checksum = 'edited'")
        );
    }
    void discard(const outbox_name& name, const std::string& payload) {
        mysql::sql_session{place_.url()}.execute(
            name.in("delete from outbox_message where payload = '") + payload + "'"
        );
    }
    void note_consumed(
        const outbox_name& name,
        const std::vector<std::string>& groups,
        const message_id& id
    ) {
        std::string sql = "insert into outbox_consumed (group_name, message_key) values";
        for (const std::string& group : groups)
            sql += (sql.ends_with("values") ? " ('" : ", ('") + group + "', x'" + to_hex(id.raw()) +
                   "')";
        mysql::sql_session{place_.url()}.execute(name.in(sql));
    }

private:
    mysql::test_database place_{mysql::shared_server(Which)};
};

using candidates = testing::Types<
    mysql_candidate<mysql::make::mariadb>,
    beside_another<mysql_candidate<mysql::make::mariadb>>,
    mysql_candidate<mysql::make::mysql>,
    beside_another<mysql_candidate<mysql::make::mysql>>>;
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, relay_store_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, intent_book_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, numbered_exam, candidates);

} // namespace
} // namespace outbox
