#pragma once
// A database of each kind with the outbox in it and one door to it, for what must be the same on
// all of them and is not a matter of the door. A place has
//
//   std::string url(); std::unique_ptr<database> open(const outbox_name& name = {});
//   using connection = …; handle connect();     as in door_exam.hpp, and so the other two:
//   class own_transaction; void break_commit(execute);
//   const raw_database& raw();                  to look and meddle

#include "outbox/store/any/open_database.hpp"
#include "outbox/store/mysql/mysql.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "tests/store/doors/mysql_own.hpp"
#include "tests/store/doors/pqxx_own.hpp"
#include "tests/store/doors/raw_database.hpp"
#include "tests/store/doors/sqlite_own.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox::doors {

class on_postgresql {
public:
    using connection = pqxx::connection;
    using own_transaction = pqxx_own;

    std::string url() const { return postgres_database::server().url(place_.name()); }
    std::unique_ptr<database> open(const outbox_name& name = {}) const {
        return open_database(url(), name);
    }
    std::unique_ptr<pqxx::connection> connect() const {
        return std::make_unique<pqxx::connection>(url());
    }
    template <class Execute>
    void break_commit(Execute execute) const {
        execute("create table parts (id integer references orders deferrable initially deferred)");
        execute("insert into parts values (999)");
    }
    const raw_database& raw() const { return place_; }

private:
    postgres_database place_;
};

template <class Database>
class on_mysql {
public:
    using connection = MYSQL;
    using own_transaction = mysql_own;

    std::string url() const { return Database::server().url(place_.name()); }
    std::unique_ptr<database> open(const outbox_name& name = {}) const {
        return open_database(url(), name);
    }
    mysql_handle connect() const { return connect_mysql(Database::server().port(), place_.name()); }
    /// Nothing is checked at COMMIT here, so it is the connection that fails.
    template <class Execute>
    void break_commit(Execute) const {
        place_.kill_sessions();
    }
    const raw_database& raw() const { return place_; }

private:
    Database place_;
};

class on_sqlite {
public:
    using connection = sqlite3;
    using own_transaction = sqlite_own;

    std::string url() const { return "sqlite:" + place_.path(); }
    std::unique_ptr<database> open(const outbox_name& name = {}) const {
        return open_database(url(), name);
    }
    sqlite_handle connect() const { return open_sqlite(place_.path()); }
    template <class Execute>
    void break_commit(Execute execute) const {
        execute("create table parts (id integer references orders deferrable initially deferred)");
        execute("insert into parts values (999)");
    }
    const raw_database& raw() const { return place_; }

private:
    sqlite_database place_;
};

using places = ::testing::
    Types<on_postgresql, on_mysql<mariadb_database>, on_mysql<mysql_database>, on_sqlite>;

class name_of_place {
public:
    template <class Place>
    static std::string GetName(int number) {
        return std::vector<std::string>{
            "postgresql",
            "mariadb",
            "mysql",
            "sqlite"}[static_cast<std::size_t>(number)];
    }
};

} // namespace outbox::doors
