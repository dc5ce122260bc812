#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "tools/demo/order_message.hpp"
#include "tools/demo/shop.hpp"

#include <sqlite3.h>

#include <utility>

namespace outbox::demo {
namespace {

class sqlite_shop final : public shop {
  public:
    explicit sqlite_shop(const std::string& path) {
        sqlite3* raw = nullptr;
        const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
        db_.reset(raw);
        check(code, "open " + path);
        sqlite3_busy_timeout(raw, 10'000);
        check(sqlite3_exec(raw, "pragma synchronous = full", nullptr, nullptr, nullptr), "set up");
    }

    void open_for_business() override {
        check(sqlite3_exec(db_.get(), "pragma journal_mode = wal", nullptr, nullptr, nullptr), "set up");
        run("create table customers (id integer primary key, order_count integer not null default 0)");
        run("create table orders (id integer primary key, customer integer not null, position integer not null,"
            " message_id text not null)");
        for (int id = 0; id < customer_count; ++id)
            run("insert into customers (id) values (" + std::to_string(id) + ")");
    }

    void place(const order& o, const std::string& subject, bool take_back) override {
        try {
            producer_.transact(*db_, [&](sqlite_transaction& tx, outgoing& out) {
                const std::string customer = std::to_string(o.customer);
                tx.execute(
                    ("update customers set order_count = order_count + 1 where id = " + customer).c_str()
                );
                const std::int64_t position = number("select order_count from customers where id = " + customer);
                const message_id id = out.send(order_message(subject, o, position));
                const std::string row = std::to_string(o.id) + ", " + customer + ", " + std::to_string(position);
                tx.execute(("insert into orders values (" + row + ", '" + id.text() + "')").c_str());
                if (take_back)
                    throw customer_changed_his_mind{};
            });
        } catch (const customer_changed_his_mind&) {
        }
    }

    std::vector<placed_order> placed() override {
        const statement rows{prepare("select id, customer, position, message_id from orders order by id")};
        std::vector<placed_order> all;
        while (sqlite3_step(rows.get()) == SQLITE_ROW)
            all.push_back(
                {sqlite3_column_int64(rows.get(), 0),
                 sqlite3_column_int(rows.get(), 1),
                 sqlite3_column_int64(rows.get(), 2),
                 reinterpret_cast<const char*>(sqlite3_column_text(rows.get(), 3))}
            );
        return all;
    }

    std::int64_t last_placed(std::int64_t first, std::int64_t last) override {
        return number(
            "select coalesce(max(id), " + std::to_string(first - 1) + ") from orders where id between " +
            std::to_string(first) + " and " + std::to_string(last)
        );
    }

  private:
    struct close {
        void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
        void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
    };
    using statement = std::unique_ptr<sqlite3_stmt, close>;

    void check(int code, const std::string& doing) {
        if (code != SQLITE_OK)
            throw error(error_kind::io, "the shop cannot " + doing + ": " + sqlite3_errmsg(db_.get()));
    }
    void run(const std::string& sql) { check(sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr), sql); }
    statement prepare(const std::string& sql) {
        sqlite3_stmt* raw = nullptr;
        check(sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr), sql);
        return statement{raw};
    }
    std::int64_t number(const std::string& sql) {
        const statement row = prepare(sql);
        if (sqlite3_step(row.get()) != SQLITE_ROW)
            throw error(error_kind::io, "the shop finds nothing with: " + sql);
        return sqlite3_column_int64(row.get(), 0);
    }

    std::unique_ptr<sqlite3, close> db_;
    producer producer_;
};

} // namespace

std::unique_ptr<shop> open_sqlite_shop(const std::string& path) { return std::make_unique<sqlite_shop>(path); }

} // namespace outbox::demo
