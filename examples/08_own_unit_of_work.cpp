// Your code has a transaction class of its own: one trait, and the producer sends in it.
//
//   outbox migrate up --db sqlite:shop.db
//   ./08_own_unit_of_work shop.db
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace shop {

/// What you had before you met us.
class unit_of_work {
public:
    explicit unit_of_work(sqlite3& db) : db_(&db) { execute("begin immediate"); }
    unit_of_work(const unit_of_work&) = delete;
    unit_of_work& operator=(const unit_of_work&) = delete;
    ~unit_of_work() {
        if (!committed_)
            sqlite3_exec(db_, "rollback", nullptr, nullptr, nullptr);
    }
    void execute(const std::string& sql) {
        if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error{sqlite3_errmsg(db_)};
    }
    void commit() {
        execute("commit");
        committed_ = true;
    }
    sqlite3& connection() { return *db_; }

private:
    sqlite3* db_;
    bool committed_ = false;
};

} // namespace shop

// All that it takes: the session of the door that your class stands on.
template <>
struct outbox::adapter<shop::unit_of_work> {
    struct session : outbox::sqlite_session {
        explicit session(shop::unit_of_work& work) : sqlite_session(work.connection()) {}
    };
};

const outbox::subject order_paid{"orders.paid"};

int main(int argc, char** argv) {
    sqlite3* db = nullptr;
    if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK)
        return 1;
    outbox::producer producer;
    {
        shop::unit_of_work work{*db};
        work.execute("create table if not exists orders (id integer primary key, state text)");
        work.execute("insert into orders values (42, 'paid')");
        producer.send(
            work,
            {.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}}
        );
        work.commit();
    }
    sqlite3_close(db);
}
