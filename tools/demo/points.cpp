#include "tools/demo/points.hpp"

#include "outbox/base/log.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "tools/demo/open_by_url.hpp"

#include <csignal>
#include <exception>

namespace outbox::demo {
namespace {

kafka_consumer* running = nullptr; // for the signal handler

void stop_running(int) {
    running->request_stop();
}

kafka_source_options source_of(const points_run& run) {
    kafka_source_options where{
        .brokers = run.broker,
        .client_id = "outbox-points",
        .session = run.session,
        .properties = {{"fetch.wait.max.ms", "100"}, {"reconnect.backoff.max.ms", "500"}},
    };
    if (!run.instance.empty())
        where.properties["group.instance.id"] = "points-" + run.instance;
    return where;
}

} // namespace

const group_name& points_group() {
    static const group_name name{"points"};
    return name;
}

std::unique_ptr<points_book> open_points_book(const std::string& url) {
    return open_by_url(
        url,
        openers<points_book>{
            .sqlite = open_sqlite_points_book,
#ifdef OUTBOX_WITH_POSTGRESQL
            .postgresql = open_postgresql_points_book,
#endif
#ifdef OUTBOX_WITH_MYSQL
            .mysql = open_mysql_points_book,
#endif
        }
    );
}

int run_points(const points_run& run) {
    return run_points(run, [&run] { return open_points_book(run.database_url); });
}

int run_points(const points_run& run, const std::function<std::unique_ptr<points_book>()>& open) {
    kafka_consumer consumer{
        source_of(run),
        {.group = points_group(), .subjects = {subject::parse(run.topic)}},
    };
    running = &consumer;
    std::signal(SIGTERM, stop_running);
    consumer.run([&open](const delivery& d) {
        // One connection for each of the consumer's threads; one that failed is not used again.
        thread_local std::unique_ptr<points_book> book;
        try {
            if (!book)
                book = open();
            book->give_point(points_group(), d);
            return outcome::ack();
        } catch (const std::exception& e) {
            book.reset();
            return outcome::unavailable(e.what()
            ); // the database is away, or chose us as a deadlock's victim
        }
    });
    std::signal(SIGTERM, SIG_DFL);
    running = nullptr;
    return 0;
}

} // namespace outbox::demo
