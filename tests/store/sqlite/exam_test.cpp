#include "harness/temp_dir.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/store/sqlite/statement.hpp"
#include "tests/store/relay_store_exam.hpp"

namespace outbox {
namespace {

class sqlite_candidate {
  public:
    std::unique_ptr<database> open() {
        sqlite::open(path_, true); // an empty file is an empty database; without it there is none
        return sqlite::open_database("sqlite:" + path_);
    }
    void alter_checksum() {
        const auto db = sqlite::open(path_, false);
        sqlite::execute(db.get(), "update outbox_schema_version set checksum = 'edited' where version = 1", "edit");
    }

  private:
    harness::temp_dir folder_;
    std::string path_ = (folder_ / "exam.db").string();
};

INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, relay_store_exam, sqlite_candidate);

} // namespace
} // namespace outbox
