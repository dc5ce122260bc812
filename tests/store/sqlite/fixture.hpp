#pragma once
// A SQLite database with the outbox in it and one business table, in a folder of its own.

#include "harness/temp_dir.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/store/sqlite/statement.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace outbox::testing {

class sqlite_fixture : public ::testing::Test {
protected:
    harness::temp_dir folder;
    std::string path = (folder.path() / "shop.db").string();
    std::unique_ptr<database> source = sqlite::open_database("sqlite:" + path);
    sqlite::connection db;

    void SetUp() override {
        source->open_migrator()->up();
        db = connect();
        sqlite::execute(db.get(), "pragma journal_mode = wal", "wal");
        sqlite::execute(
            db.get(),
            "create table orders (id integer primary key, state text)",
            "orders"
        );
    }

    sqlite::connection connect() const {
        sqlite::connection made = sqlite::open(path, false);
        sqlite3_busy_timeout(made.get(), 5'000);
        return made;
    }

    std::int64_t count(const char* table) {
        sqlite::statement s{
            db.get(),
            (std::string{"select count(*) from "} + table).c_str(),
            "count"};
        s.step();
        return s.number(0);
    }
    std::int64_t messages() { return count("outbox_message"); }
    std::int64_t orders() { return count("orders"); }
};

} // namespace outbox::testing
