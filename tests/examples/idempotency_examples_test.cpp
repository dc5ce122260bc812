// The examples that apply each message once, in three languages and in Redis, as a reader runs
// them: given the same message again, and one that somebody else has applied or is at work on.

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <mysql_driver.h>

#include "harness/mariadb_server.hpp"
#include "harness/redis_server.hpp"
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/any/open_database.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "tests/examples/consumer_stage.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <memory>

namespace outbox::examples {
namespace {

using harness::child_process;
using ::testing::ElementsAre;

/// Runs a points service on messages of which some come twice, and one that this program applies
/// itself, in C++ and in the same group. `first_time_here` does that, and commits.
void expect_each_applied_once(
    const broker& kafka,
    harness::child_options service,
    const std::function<bool(char id)>& first_time_here,
    const std::function<std::string()>& points_of_ann
) {
    const auto send = [&](char id, int points) {
        kafka.send(
            "orders.paid",
            id,
            R"({"customer":"ann","points":)" + std::to_string(points) + "}"
        );
    };
    send('a', 10);
    send('a', 10);
    send('b', 5);
    child_process running{std::move(service)};
    running.wait_for_line(id_of('b') + ": ", patience);

    EXPECT_FALSE(first_time_here('a')) << "what the service has applied is known to us";
    EXPECT_TRUE(first_time_here('c'));
    send('c', 100);
    send('b', 5);
    send('d', 1);
    running.wait_for_line(id_of('d') + ": ", patience);
    EXPECT_THAT(
        lines_of(running.stdout_text()),
        ElementsAre(
            id_of('a') + ": applied",
            id_of('a') + ": known",
            id_of('b') + ": applied",
            id_of('c') + ": known", // what we have applied is known to the service
            id_of('b') + ": known",
            id_of('d') + ": applied"
        )
    );
    EXPECT_EQ(points_of_ann(), "16");
    EXPECT_TRUE(running.stop().ok()) << running.stderr_text();
}

const group_name points{"points"};

bool first_time_on_postgresql(const shop& at, char id) {
    pqxx::connection db{at.url()};
    pqxx::work tx{db};
    const bool is_new = first_time(tx, points, parsed_id_of(id));
    tx.commit();
    return is_new;
}

void expect_points_service_on_postgresql(
    const std::vector<std::string>& program,
    const std::map<std::string, std::string>& env = {}
) {
    const shop at;
    const broker kafka;
    auto argv = program;
    argv.insert(argv.end(), {at.url(), kafka.address()});
    expect_each_applied_once(
        kafka,
        {.argv = std::move(argv), .env = env},
        [&](char id) { return first_time_on_postgresql(at, id); },
        [&] { return ask(at, "select points from public.points where customer = 'ann'"); }
    );
}

TEST(idempotency_examples, points_service) {
    expect_points_service_on_postgresql({example("13_points_service")});
}

TEST(idempotency_examples, points_service_in_javascript) {
    ASSERT_TRUE(std::filesystem::exists(OUTBOX_NODE_MODULES "/kafkajs"))
        << OUTBOX_NODE_MODULES " lacks kafkajs; ./run test fetches it with npm";
    expect_points_service_on_postgresql(
        {harness::system_program("node"), script("17_points_service.js")},
        {{"NODE_PATH", OUTBOX_NODE_MODULES}}
    );
}

TEST(idempotency_examples, points_service_in_python) {
    const harness::mariadb_server server;
    open_database(server.url())->open_migrator()->up();
    const broker kafka;
    const auto first_time_here = [&](char id) {
        const std::unique_ptr<sql::Connection> db{sql::mysql::get_driver_instance()->connect(
            "tcp://127.0.0.1:" + std::to_string(server.port()) + "/test",
            "root",
            ""
        )};
        producer here;
        return here.transact(*db, [&](connector_cpp_transaction& tx, outgoing&) {
            return first_time(tx, points, parsed_id_of(id));
        });
    };
    expect_each_applied_once(
        kafka,
        // Debian's own interpreter: its packages are not there for another.
        {.argv =
             {"/usr/bin/python3", script("16_points_service.py"), server.url(), kafka.address()}},
        first_time_here,
        [&] {
            return lines_of(server.sql("select points from points where customer = 'ann'")).at(0);
        }
    );
}

TEST(idempotency_examples, payment) {
    const broker kafka;
    const harness::redis_server redis;
    const harness::temp_dir folder;
    const auto bank = folder / "bank" / "account";
    const auto start = [&] {
        return child_process{
            {.argv = {example("14_payment"), kafka.address(), std::to_string(redis.port()), bank}}};
    };
    const auto charges = [&] { return lines_of(bank); };
    const auto order = [&](char id) { kafka.send("orders.placed", id, R"({"cents":990})"); };

    order('a');
    order('a');
    {
        auto service = start();
        service.wait_for_line(id_of('a') + ": the bank does not answer", patience);
        std::filesystem::create_directory(bank.parent_path());
        service.wait_for_line(id_of('a') + ": charged before", patience);
        EXPECT_THAT(service.stdout_text(), ::testing::Not(::testing::HasSubstr("in progress")))
            << "who could not charge has given its lease back";
        EXPECT_THAT(charges(), ElementsAre(id_of('a') + " 990"));

        // Somebody else is at work on the next one, fails, and gives it back.
        idempotency_checker elsewhere{group_name{"payments"}, [&] {
                                          return open_redis_claims(
                                              connect_hiredis({.port = redis.port()}),
                                              {24h, redelivery_horizon{24h}}
                                          );
                                      }};
        {
            const claim_lease held{elsewhere, parsed_id_of('b'), 10min};
            ASSERT_TRUE(held.is_fresh());
            order('b');
            service.wait_for_line(id_of('b') + ": in progress", patience);
        }
        EXPECT_TRUE(service.stop().ok()) << service.stderr_text();
    }
    EXPECT_THAT(charges(), ElementsAre(id_of('a') + " 990")) << "put off, not charged";
    auto service = start();
    service.wait_for_line(id_of('b') + ": charged$", patience);
    EXPECT_THAT(charges(), ElementsAre(id_of('a') + " 990", id_of('b') + " 990"));
    EXPECT_TRUE(service.stop().ok()) << service.stderr_text();
}

} // namespace
} // namespace outbox::examples
