#include "outbox/base/hex.hpp"
#include "tests/store/intent_book_exam.hpp"
#include "tests/store/numbered_exam.hpp"
#include "tests/store/postgresql/postgres.hpp"
#include "tests/store/relay_store_exam.hpp"

namespace outbox {
namespace {

class postgresql_candidate {
public:
    std::unique_ptr<database> open(const outbox_name& name) {
        return postgresql::open_database(place_.url(), name);
    }
    void alter_checksum(const outbox_name& name) {
        postgresql::sql_session{place_.url()}.execute(
            name.in("update outbox.schema_version set checksum = 'edited'")
        );
    }
    void discard(const outbox_name& name, const std::string& payload) {
        postgresql::sql_session{place_.url()}.execute(
            name.in("delete from outbox.message where payload = '") + payload + "'"
        );
    }
    void note_consumed(
        const outbox_name& name,
        const std::vector<std::string>& groups,
        const message_id& id
    ) {
        std::string sql = "insert into outbox.consumed (group_name, message_key) values";
        for (const std::string& group : groups)
            sql += (sql.ends_with("values") ? " ('" : ", ('") + group + "', '\\x" +
                   to_hex(id.raw()) + "')";
        postgresql::sql_session{place_.url()}.execute(name.in(sql));
    }

private:
    postgresql::test_database place_;
};

using candidates = testing::Types<postgresql_candidate, beside_another<postgresql_candidate>>;
INSTANTIATE_TYPED_TEST_SUITE_P(postgresql, relay_store_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(postgresql, intent_book_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(postgresql, numbered_exam, candidates);

} // namespace
} // namespace outbox
