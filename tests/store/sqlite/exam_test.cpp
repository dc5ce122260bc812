#include "harness/temp_dir.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/store/sqlite/statement.hpp"
#include "tests/store/intent_book_exam.hpp"
#include "tests/store/numbered_exam.hpp"
#include "tests/store/relay_store_exam.hpp"

namespace outbox {
namespace {

class sqlite_candidate {
public:
    std::unique_ptr<database> open(const outbox_name& name) {
        sqlite::open(path_, true); // an empty file is an empty database; without it there is none
        return sqlite::open_database("sqlite:" + path_, name);
    }
    void alter_checksum(const outbox_name& name) {
        const auto db = sqlite::open(path_, false);
        sqlite::execute(
            db.get(),
            name.in("update outbox_schema_version set checksum = 'edited' where version = 1")
                .c_str(),
            "edit"
        );
    }
    void discard(const outbox_name& name, const std::string& payload) {
        const auto db = sqlite::open(path_, false);
        const std::string sql =
            name.in("delete from outbox_message where payload = cast('") + payload + "' as blob)";
        sqlite::execute(db.get(), sql.c_str(), "discard");
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
        const auto db = sqlite::open(path_, false);
        sqlite::execute(db.get(), name.in(sql).c_str(), "note");
    }

private:
    harness::temp_dir folder_;
    std::string path_ = (folder_ / "exam.db").string();
};

using candidates = testing::Types<sqlite_candidate, beside_another<sqlite_candidate>>;
INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, relay_store_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, intent_book_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, numbered_exam, candidates);

} // namespace
} // namespace outbox
