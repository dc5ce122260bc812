// The shop and the points service on MariaDB and MySQL.

#include "outbox/store/mysql/mysql.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/url.hpp"
#include "tools/demo/order_message.hpp"
#include "tools/demo/points.hpp"
#include "tools/demo/points_order.hpp"
#include "tools/demo/shop.hpp"

#include <mysql.h>

#include <cstdlib>
#include <utility>

namespace outbox::demo {
namespace {

class connection {
public:
    explicit connection(const std::string& url) : db_(mysql_init(nullptr)) {
        const mysql::server_url where = mysql::parse_url(url);
        const unsigned protocol = MYSQL_PROTOCOL_TCP;
        mysql_options(db_.get(), MYSQL_OPT_PROTOCOL, &protocol);
        if (mysql_real_connect(
                db_.get(),
                where.host.c_str(),
                where.user.c_str(),
                where.password.c_str(),
                where.name.c_str(),
                where.port,
                nullptr,
                CLIENT_MULTI_STATEMENTS
            ) == nullptr)
            fail("connect");
    }

    MYSQL& operator*() noexcept { return *db_; }

    struct close {
        void operator()(MYSQL* db) const noexcept { mysql_close(db); }
        void operator()(MYSQL_RES* rows) const noexcept { mysql_free_result(rows); }
    };
    using result = std::unique_ptr<MYSQL_RES, close>;

    result query(const std::string& sql) {
        if (mysql_real_query(db_.get(), sql.data(), sql.size()) != 0)
            fail(sql);
        return result{mysql_store_result(db_.get())};
    }
    std::int64_t number(const std::string& sql) {
        const result rows = query(sql);
        MYSQL_ROW row = rows ? mysql_fetch_row(rows.get()) : nullptr;
        if (row == nullptr)
            fail(sql);
        return std::atoll(row[0]);
    }

private:
    [[noreturn]] void fail(const std::string& doing) {
        throw error(error_kind::io, "the server cannot " + doing + ": " + mysql_error(db_.get()));
    }

    std::unique_ptr<MYSQL, close> db_;
};

class mysql_shop final : public shop {
public:
    explicit mysql_shop(const std::string& url) : db_(url) {}

    void open_for_business() override {
        db_.query(
            "create table customers (id int primary key, order_count bigint not null default 0)"
            " engine = innodb"
        );
        db_.query(
            "create table orders (id bigint primary key, customer int not null, position bigint "
            "not null,"
            " message_id char(36) not null) engine = innodb"
        );
        for (int id = 0; id < customer_count; ++id)
            db_.query("insert into customers (id) values (" + std::to_string(id) + ")");
    }

    void place(const order& o, const std::string& subject, bool take_back) override {
        try {
            producer_.transact(*db_, [&](mysql_transaction& tx, outgoing& out) {
                const std::string customer = std::to_string(o.customer);
                tx.execute(
                    "update customers set order_count = order_count + 1 where id = " + customer
                );
                const std::int64_t position =
                    db_.number("select order_count from customers where id = " + customer);
                const message_id id = out.send(order_message(subject, o, position));
                const std::string row =
                    std::to_string(o.id) + ", " + customer + ", " + std::to_string(position);
                tx.execute("insert into orders values (" + row + ", '" + id.text() + "')");
                if (take_back)
                    throw customer_changed_his_mind{};
            });
        } catch (const customer_changed_his_mind&) {
        }
    }

    std::vector<placed_order> placed() override {
        const connection::result rows =
            db_.query("select id, customer, position, message_id from orders order by id");
        std::vector<placed_order> all;
        while (MYSQL_ROW row = mysql_fetch_row(rows.get()))
            all.push_back({std::atoll(row[0]), std::atoi(row[1]), std::atoll(row[2]), row[3]});
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

class mysql_points_book final : public points_book {
public:
    explicit mysql_points_book(const std::string& url) : db_(url) {}

    void open_for_business() override {
        db_.query(
            "create table points (customer int primary key, points bigint not null) engine = innodb"
        );
        db_.query("create table effects (n bigint auto_increment primary key, message_id char(36) "
                  "not null,"
                  " customer int not null, position bigint not null) engine = innodb");
        db_.query("create table copies (suppressed bigint not null) engine = innodb");
        db_.query("insert into copies values (0)");
    }

    void give_point(const group_name& group, const delivery& d) override {
        const order_facts order = read_order(d);
        producer_.transact(*db_, [&](mysql_transaction& tx, outgoing&) {
            if (is_first(tx, group, d)) {
                OUTBOX_FAULT("points.claimed");
                tx.execute(
                    "insert into points values (" + order.customer +
                    ", 1) on duplicate key update points = points + 1"
                );
                tx.execute(
                    "insert into effects (message_id, customer, position) values ('" + d.id.text() +
                    "', " + order.customer + ", " + order.position + ")"
                );
            } else {
                tx.execute("update copies set suppressed = suppressed + 1");
            }
            OUTBOX_FAULT("points.applied");
        });
        OUTBOX_FAULT("points.committed");
    }

    std::vector<effect> effects() override {
        const connection::result rows =
            db_.query("select message_id, customer, position from effects order by n");
        std::vector<effect> all;
        while (MYSQL_ROW row = mysql_fetch_row(rows.get()))
            all.push_back({row[0], std::atoi(row[1]), std::atoll(row[2])});
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

std::unique_ptr<shop> open_mysql_shop(const std::string& url) {
    return std::make_unique<mysql_shop>(url);
}

std::unique_ptr<points_book> open_mysql_points_book(const std::string& url) {
    return std::make_unique<mysql_points_book>(url);
}

} // namespace outbox::demo
