// Q3: the commit of a handler's transaction fails, nobody notices, and the message is acknowledged.
// Here a consumer reads a log that shows what was acknowledged, and the commit fails in every way.
#include "harness/tcp_proxy.hpp"
#include "harness/wait_until.hpp"
#include "outbox/consumer/consumer.hpp"
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "tests/consumer/memory_source.hpp"
#include "tests/store/doors/raw_database.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const group_name billing{"billing"};
const subject order_paid{"orders.paid"};

enum class way { first_time, once };

class failed_commit : public testing::TestWithParam<way> {
protected:
    failed_commit() {
        raw.run("create table account (id integer primary key);"
                // Looked at by COMMIT, not before.
                "create table booking (account integer references account deferrable initially "
                "deferred)");
        log.add("orders.paid", "k", "v");
    }
    ~failed_commit() override {
        consumer_.request_stop();
        if (thread_.joinable())
            thread_.join();
    }

    /// In the way under test: a booking for account 7, unless this message has made one; then
    /// `before_commit`, then the commit.
    void book(
        const delivery& d,
        const std::function<void()>& before_commit = [] {}
    ) {
        proxy.lose_answers(false);
        pqxx::connection db{
            "postgresql://postgres@127.0.0.1:" + std::to_string(proxy.port()) + "/" + raw.name()};
        const char* booking = "insert into booking values (7)";
        if (GetParam() == way::once) {
            producer_.transact(db, once{billing, d.id}, [&](auto& tx, outgoing&) {
                tx.exec(booking);
                before_commit();
            });
        } else {
            pqxx::work tx{db};
            if (first_time(tx, billing, d.id))
                tx.exec(booking);
            before_commit();
            tx.commit();
        }
    }
    void consume(std::function<void(const delivery&)> handle) {
        thread_ = std::thread{[this, handle = std::move(handle)] {
            consumer_.run([&](const delivery& d) {
                handle(d);
                return outcome::ack();
            });
        }};
    }
    bool is_acknowledged() const { return log.committed("orders.paid") == 1; }
    int bookings() const { return std::stoi(raw.run("select count(*) from booking")); }

    doors::postgres_database raw;
    harness::tcp_proxy proxy{doors::postgres_database::server().port()};
    memory_log log;

private:
    producer producer_;
    consumer consumer_{
        std::make_unique<memory_source>(log),
        {.group = billing,
         .subjects = {order_paid},
         .retries =
             {.delays = std::vector<std::chrono::milliseconds>(retry_delay_count_max, 200ms)},
         .commit_interval = 1ms}};
    std::thread thread_;
};

TEST_P(failed_commit, qmq_mistake_q3_what_the_database_refuses_comes_again) {
    std::atomic<int> tries{0};
    consume([&](const delivery& d) {
        ++tries;
        book(d);
    });
    harness::wait_until([&] { return tries == 3 || is_acknowledged(); }, 20s, "three tries");
    EXPECT_FALSE(is_acknowledged());
    EXPECT_EQ(bookings(), 0);
    raw.run("insert into account values (7)");
    harness::wait_until([&] { return is_acknowledged(); }, 20s, "the message to be acknowledged");
    EXPECT_EQ(bookings(), 1);
    EXPECT_TRUE(log.sent().empty()) << "it was given up";
}

// The first COMMIT does not arrive, the answer to the second is lost, the third is told that the
// second was done.
TEST_P(failed_commit, qmq_mistake_q3_what_the_connection_loses_comes_again) {
    raw.run("insert into account values (7)");
    std::vector<int> bookings_before_try;
    consume([&](const delivery& d) {
        EXPECT_FALSE(is_acknowledged());
        bookings_before_try.push_back(bookings());
        std::jthread cut;
        book(d, [&] {
            if (bookings_before_try.size() == 1)
                raw.kill_sessions();
            if (bookings_before_try.size() != 2)
                return;
            const auto before = proxy.lost_bytes();
            proxy.lose_answers(true);
            cut = std::jthread{[this, before] {
                try {
                    harness::wait_until(
                        [&] { return proxy.lost_bytes() > before; },
                        20s,
                        "the answer to COMMIT"
                    );
                } catch (const harness::timed_out& e) {
                    ADD_FAILURE() << e.what();
                }
                proxy.cut();
            }};
        });
    });
    harness::wait_until([&] { return is_acknowledged(); }, 60s, "the message to be acknowledged");
    EXPECT_EQ(bookings_before_try, (std::vector{0, 0, 1}));
    EXPECT_EQ(bookings(), 1);
    EXPECT_TRUE(log.sent().empty()) << "it was given up";
}

INSTANTIATE_TEST_SUITE_P(
    ways,
    failed_commit,
    testing::Values(way::first_time, way::once),
    [](const auto& chosen) {
        return std::string{chosen.param == way::once ? "once" : "first_time"};
    }
);

} // namespace
} // namespace outbox
