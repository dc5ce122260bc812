#include "bench/application.hpp"
#include "bench/mariadb_status_outbox.hpp"
#include "bench/workload.hpp"
#include "outbox/consumer/idempotency/first_time_numbered.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <mysql_driver.h>

namespace outbox::bench {

namespace {

std::unique_ptr<sql::Connection> open(std::uint16_t port) {
    return std::unique_ptr<sql::Connection>{
        sql::mysql::get_driver_instance()
            ->connect("tcp://127.0.0.1:" + std::to_string(port) + "/test", "root", "")};
}

class connector_cpp_application final : public application {
public:
    explicit connector_cpp_application(std::uint16_t port)
        : db_(open(port))
        , business_(db_->prepareStatement(business_sql_with("?")))
        , points_(db_->prepareStatement(mariadb_points_sql))
        , put_(db_->prepareStatement(mariadb_status_put_sql)) {}

    void plain(long number) override {
        run("start transaction");
        change(number);
        run("commit");
    }

    void handle(long number, const std::optional<message_key>& key) override {
        handle_if(number, [&] { return !key || first_time(*db_, consumers, *key); });
    }

    void handle_numbered(long number, const delivery_number& which) override {
        handle_if(number, [&] { return first_time_numbered(*db_, consumers, which); });
    }

    void handle_in_transact(long number, const std::optional<message_key>& key) override {
        const auto work = [&](auto&, outgoing&) { add_points(number); };
        if (key)
            producer_.transact(*db_, once{consumers, *key}, work);
        else
            producer_.transact(*db_, work);
    }

    void with_outbox(long number, int messages) override {
        producer_.transact(*db_, [&](auto&, outgoing& out) {
            change(number);
            send_messages(out, number, messages);
        });
    }

    void with_peer(peer which, long number, int messages) override {
        if (which != peer::usual_outbox)
            return application::with_peer(which, number, messages);
        run("start transaction");
        change(number);
        for (int i = 0; i < messages; ++i) {
            put_->setString(1, std::to_string(number % key_count));
            put_->setString(2, payload(number));
            put_->executeUpdate();
        }
        run("commit");
    }

private:
    template <class IsNew>
    void handle_if(long number, const IsNew& is_new) {
        if (db_->getAutoCommit())
            db_->setAutoCommit(false);
        if (is_new())
            add_points(number);
        run("commit");
    }
    void run(const char* sql) {
        const std::unique_ptr<sql::Statement> statement{db_->createStatement()};
        statement->executeUpdate(sql);
    }
    void add_points(long number) {
        points_->setInt64(1, account_of(number));
        points_->executeUpdate();
    }
    void change(long number) {
        business_->setInt64(1, account_of(number));
        business_->executeUpdate();
    }

    std::unique_ptr<sql::Connection> db_;
    std::unique_ptr<sql::PreparedStatement> business_;
    std::unique_ptr<sql::PreparedStatement> points_;
    std::unique_ptr<sql::PreparedStatement> put_;
    producer producer_{};
};

} // namespace

std::unique_ptr<application> connect_connector_cpp(std::uint16_t port) {
    return std::make_unique<connector_cpp_application>(port);
}

} // namespace outbox::bench
