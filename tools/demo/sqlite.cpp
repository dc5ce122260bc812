// The shop and the points service on SQLite.

#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/producer/producer.hpp"
#include "tools/demo/order_message.hpp"
#include "tools/demo/points.hpp"
#include "tools/demo/points_order.hpp"
#include "tools/demo/shop.hpp"

#include <sqlite3.h>

#include <utility>

namespace outbox::demo {
namespace {

class connection {
public:
    explicit connection(const std::string& path) {
        sqlite3* raw = nullptr;
        const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
        db_.reset(raw);
        check(code, "open " + path);
        sqlite3_busy_timeout(raw, 10'000);
        run("pragma synchronous = full");
    }

    sqlite3& operator*() noexcept { return *db_; }

    struct close {
        void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
        void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
    };
    using statement = std::unique_ptr<sqlite3_stmt, close>;

    void run(const std::string& sql) {
        check(sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr), sql);
    }
    std::int64_t number(const std::string& sql) {
        const statement row = prepare(sql);
        if (sqlite3_step(row.get()) != SQLITE_ROW)
            throw error(error_kind::io, "nothing is found with: " + sql);
        return sqlite3_column_int64(row.get(), 0);
    }
    template <class Row>
    void each(const std::string& sql, const Row& row) {
        const statement rows = prepare(sql);
        while (sqlite3_step(rows.get()) == SQLITE_ROW)
            row(rows.get());
    }

private:
    void check(int code, const std::string& doing) {
        if (code != SQLITE_OK)
            throw error(
                error_kind::io,
                "SQLite cannot " + doing + ": " + sqlite3_errmsg(db_.get())
            );
    }
    statement prepare(const std::string& sql) {
        sqlite3_stmt* raw = nullptr;
        check(sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr), sql);
        return statement{raw};
    }

    std::unique_ptr<sqlite3, close> db_;
};

std::string text_of(sqlite3_stmt* row, int column) {
    return reinterpret_cast<const char*>(sqlite3_column_text(row, column));
}

class sqlite_shop final : public shop {
public:
    explicit sqlite_shop(const std::string& path) : db_(path) {}

    void open_for_business() override {
        db_.run("pragma journal_mode = wal");
        db_.run("create table customers (id integer primary key, order_count integer not null "
                "default 0)");
        db_.run("create table orders (id integer primary key, customer integer not null, position "
                "integer not null,"
                " message_id text not null)");
        for (int id = 0; id < customer_count; ++id)
            db_.run("insert into customers (id) values (" + std::to_string(id) + ")");
    }

    void place(const order& o, const std::string& subject, bool take_back) override {
        try {
            producer_.transact(*db_, [&](sqlite_transaction& tx, outgoing& out) {
                const std::string customer = std::to_string(o.customer);
                tx.execute(("update customers set order_count = order_count + 1 where id = " +
                            customer)
                               .c_str());
                const std::int64_t position =
                    db_.number("select order_count from customers where id = " + customer);
                const message_id id = out.send(order_message(subject, o, position));
                const std::string row =
                    std::to_string(o.id) + ", " + customer + ", " + std::to_string(position);
                tx.execute(("insert into orders values (" + row + ", '" + id.text() + "')").c_str()
                );
                if (take_back)
                    throw customer_changed_his_mind{};
            });
        } catch (const customer_changed_his_mind&) {
        }
    }

    std::vector<placed_order> placed() override {
        std::vector<placed_order> all;
        db_.each(
            "select id, customer, position, message_id from orders order by id",
            [&](sqlite3_stmt* row) {
                all.push_back(
                    {sqlite3_column_int64(row, 0),
                     sqlite3_column_int(row, 1),
                     sqlite3_column_int64(row, 2),
                     text_of(row, 3)}
                );
            }
        );
        return all;
    }

    std::int64_t last_placed(std::int64_t first, std::int64_t last) override {
        return db_.number(
            "select coalesce(max(id), " + std::to_string(first - 1) +
            ") from orders where id between " + std::to_string(first) + " and " +
            std::to_string(last)
        );
    }

private:
    connection db_;
    producer producer_;
};

class sqlite_points_book final : public points_book {
public:
    explicit sqlite_points_book(const std::string& path) : db_(path) {}

    void open_for_business() override {
        db_.run("pragma journal_mode = wal");
        db_.run("create table points (customer integer primary key, points integer not null)");
        db_.run(
            "create table effects (n integer primary key autoincrement, message_id text not null,"
            " customer integer not null, position integer not null)"
        );
        db_.run("create table copies (suppressed integer not null)");
        db_.run("insert into copies values (0)");
    }

    void give_point(const group_name& group, const delivery& d) override {
        const order_facts order = read_order(d);
        producer_.transact(*db_, [&](sqlite_transaction& tx, outgoing&) {
            if (is_first(tx, group, d)) {
                OUTBOX_FAULT("points.claimed");
                tx.execute(("insert into points values (" + order.customer +
                            ", 1) on conflict (customer) do update set points = points + 1")
                               .c_str());
                tx.execute(("insert into effects (message_id, customer, position) values ('" +
                            d.id.text() + "', " + order.customer + ", " + order.position + ")")
                               .c_str());
            } else {
                tx.execute("update copies set suppressed = suppressed + 1");
            }
            OUTBOX_FAULT("points.applied");
        });
        OUTBOX_FAULT("points.committed");
    }

    std::vector<effect> effects() override {
        std::vector<effect> all;
        db_.each(
            "select message_id, customer, position from effects order by n",
            [&](sqlite3_stmt* row) {
                all.push_back(
                    {text_of(row, 0), sqlite3_column_int(row, 1), sqlite3_column_int64(row, 2)}
                );
            }
        );
        return all;
    }
    std::int64_t effect_count() override { return db_.number("select count(*) from effects"); }
    std::int64_t points() override {
        return db_.number("select coalesce(sum(points), 0) from points");
    }
    std::int64_t suppressed() override { return db_.number("select suppressed from copies"); }

private:
    connection db_;
    producer producer_;
};

} // namespace

std::unique_ptr<shop> open_sqlite_shop(const std::string& path) {
    return std::make_unique<sqlite_shop>(path);
}

std::unique_ptr<points_book> open_sqlite_points_book(const std::string& path) {
    return std::make_unique<sqlite_points_book>(path);
}

} // namespace outbox::demo
