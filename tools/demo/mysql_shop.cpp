#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/mysql.hpp"
#include "outbox/store/mysql/url.hpp"
#include "tools/demo/order_message.hpp"
#include "tools/demo/shop.hpp"

#include <mysql.h>

#include <cstdlib>
#include <utility>

namespace outbox::demo {
namespace {

class mysql_shop final : public shop {
public:
    explicit mysql_shop(const std::string& url) : db_(mysql_init(nullptr)) {
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

    void open_for_business() override {
        query("create table customers (id int primary key, order_count bigint not null default 0)"
              " engine = innodb");
        query("create table orders (id bigint primary key, customer int not null, position bigint "
              "not null,"
              " message_id char(36) not null) engine = innodb");
        for (int id = 0; id < customer_count; ++id)
            query("insert into customers (id) values (" + std::to_string(id) + ")");
    }

    void place(const order& o, const std::string& subject, bool take_back) override {
        try {
            producer_.transact(*db_, [&](mysql_transaction& tx, outgoing& out) {
                const std::string customer = std::to_string(o.customer);
                tx.execute(
                    "update customers set order_count = order_count + 1 where id = " + customer
                );
                const std::int64_t position =
                    number("select order_count from customers where id = " + customer);
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
        const result rows =
            query("select id, customer, position, message_id from orders order by id");
        std::vector<placed_order> all;
        while (MYSQL_ROW row = mysql_fetch_row(rows.get()))
            all.push_back({std::atoll(row[0]), std::atoi(row[1]), std::atoll(row[2]), row[3]});
        return all;
    }

    std::int64_t last_placed(std::int64_t first, std::int64_t last) override {
        return number(
            "select coalesce(max(id), " + std::to_string(first - 1) +
            ") from orders where id between " + std::to_string(first) + " and " +
            std::to_string(last)
        );
    }

private:
    struct close {
        void operator()(MYSQL* db) const noexcept { mysql_close(db); }
        void operator()(MYSQL_RES* rows) const noexcept { mysql_free_result(rows); }
    };
    using result = std::unique_ptr<MYSQL_RES, close>;

    [[noreturn]] void fail(const std::string& doing) {
        throw error(error_kind::io, "the shop cannot " + doing + ": " + mysql_error(db_.get()));
    }
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

    std::unique_ptr<MYSQL, close> db_;
    producer producer_;
};

} // namespace

std::unique_ptr<shop> open_mysql_shop(const std::string& url) {
    return std::make_unique<mysql_shop>(url);
}

} // namespace outbox::demo
