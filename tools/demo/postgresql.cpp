// The shop and the points service on PostgreSQL.

#include "outbox/base/fault.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "tools/demo/order_message.hpp"
#include "tools/demo/points.hpp"
#include "tools/demo/points_order.hpp"
#include "tools/demo/shop.hpp"

#include <pqxx/pqxx>

namespace outbox::demo {
namespace {

class postgresql_shop final : public shop {
public:
    explicit postgresql_shop(const std::string& url) : db_(url) {}

    void open_for_business() override {
        pqxx::work tx{db_};
        tx.exec("create table customers (id int primary key, order_count bigint not null default 0)"
        );
        tx.exec("create table orders (id bigint primary key, customer int not null, position "
                "bigint not null,"
                " message_id text not null)");
        tx.exec(
            "insert into customers (id) select generate_series(0, " +
            std::to_string(customer_count - 1) + ")"
        );
        tx.commit();
    }

    void place(const order& o, const std::string& subject, bool take_back) override {
        try {
            producer_.transact(db_, [&](auto& tx, outgoing& out) {
                const auto position = tx.exec_params(
                                            "update customers set order_count = order_count + 1 "
                                            "where id = $1 returning order_count",
                                            o.customer
                )[0][0]
                                          .template as<std::int64_t>();
                const message_id id = out.send(order_message(subject, o, position));
                tx.exec_params(
                    "insert into orders values ($1, $2, $3, $4)",
                    o.id,
                    o.customer,
                    position,
                    id.text()
                );
                if (take_back)
                    throw customer_changed_his_mind{};
            });
        } catch (const customer_changed_his_mind&) {
        }
    }

    std::vector<placed_order> placed() override {
        pqxx::work tx{db_};
        std::vector<placed_order> all;
        for (const auto& row :
             tx.exec("select id, customer, position, message_id from orders order by id"))
            all.push_back(
                {row[0].as<std::int64_t>(),
                 row[1].as<int>(),
                 row[2].as<std::int64_t>(),
                 row[3].as<std::string>()}
            );
        return all;
    }

    std::int64_t last_placed(std::int64_t first, std::int64_t last) override {
        pqxx::work tx{db_};
        return tx
            .exec_params(
                "select coalesce(max(id), $1 - 1) from orders where id between $1 and $2",
                first,
                last
            )[0][0]
            .as<std::int64_t>();
    }

private:
    pqxx::connection db_;
    producer producer_;
};

class postgresql_points_book final : public points_book {
public:
    explicit postgresql_points_book(const std::string& url) : db_(url) {}

    void open_for_business() override {
        pqxx::work tx{db_};
        tx.exec("create table points (customer int primary key, points bigint not null)");
        tx.exec("create table effects (n bigserial primary key, message_id text not null, customer "
                "int not null,"
                " position bigint not null)");
        tx.exec("create table copies (suppressed bigint not null)");
        tx.exec("insert into copies values (0)");
        tx.commit();
    }

    void give_point(const group_name& group, const delivery& d) override {
        const order_facts order = read_order(d);
        producer_.transact(db_, [&](auto& tx, outgoing&) {
            if (is_first(tx, group, d)) {
                OUTBOX_FAULT("points.claimed");
                tx.exec_params(
                    "insert into points values ($1, 1) on conflict (customer) do update set points "
                    "= points.points + 1",
                    order.customer
                );
                tx.exec_params(
                    "insert into effects (message_id, customer, position) values ($1, $2, $3)",
                    d.id.text(),
                    order.customer,
                    order.position
                );
            } else {
                tx.exec("update copies set suppressed = suppressed + 1");
            }
            OUTBOX_FAULT("points.applied");
        });
        OUTBOX_FAULT("points.committed");
    }

    std::vector<effect> effects() override {
        pqxx::work tx{db_};
        std::vector<effect> all;
        for (const auto& row :
             tx.exec("select message_id, customer, position from effects order by n"))
            all.push_back({row[0].as<std::string>(), row[1].as<int>(), row[2].as<std::int64_t>()});
        return all;
    }
    std::int64_t effect_count() override { return number("select count(*) from effects"); }
    std::int64_t points() override {
        return number("select coalesce(sum(points), 0)::bigint from points");
    }
    std::int64_t suppressed() override { return number("select suppressed from copies"); }

private:
    std::int64_t number(const char* sql) {
        pqxx::work tx{db_};
        return tx.exec1(sql)[0].as<std::int64_t>();
    }

    pqxx::connection db_;
    producer producer_;
};

} // namespace

std::unique_ptr<shop> open_postgresql_shop(const std::string& url) {
    return std::make_unique<postgresql_shop>(url);
}

std::unique_ptr<points_book> open_postgresql_points_book(const std::string& url) {
    return std::make_unique<postgresql_points_book>(url);
}

} // namespace outbox::demo
