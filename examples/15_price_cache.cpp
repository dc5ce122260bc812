// Every instance keeps all prices in memory and hears of every change: each reads all messages
// instead of sharing them with the others.
//
//   ./15_price_cache postgresql://shop@127.0.0.1/shop 127.0.0.1:9092
//
// Table price (article integer primary key, cents bigint not null) is changed by somebody else, who
// sends {"article": 7} in the same transaction.
#include "outbox/base/clock.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"

#include <pqxx/pqxx>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>

using namespace std::chrono_literals;

namespace {

const outbox::subject price_changed{"prices.changed"};

outbox::consumer* running = nullptr;

} // namespace

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::fprintf(stderr, "usage: 15_price_cache URL BROKER\n");
        return 2;
    }
    // First where to begin, then the prices: what changes in between is heard of. A message keeps
    // the time at which it was written, however late it is delivered; a minute is for transactions
    // that were open then.
    const auto begin = outbox::system_clock().now() - 1min;
    pqxx::connection db{argv[1]};
    std::map<std::int64_t, std::int64_t> cents; // what your service reads; lock it there
    for (const auto& row : pqxx::work{db}.exec("select article, cents from price"))
        cents[row[0].as<std::int64_t>()] = row[1].as<std::int64_t>();
    std::printf("%zu prices\n", cents.size());
    std::fflush(stdout);

    outbox::kafka_consumer consumer{
        {.brokers = argv[2]},
        {.group = outbox::group_name{"price-cache"},
         .subjects = {price_changed},
         .audience = outbox::consume_audience::everyone,
         .start = outbox::start_point::at(begin),
         .handlers = 1}}; // there is one connection
    running = &consumer;
    std::signal(SIGTERM, [](int) { running->request_stop(); });
    consumer.run([&](const outbox::delivery& d) {
        const auto article = d.body().integer("article");
        // Read again, not taken from the message: so one that comes twice, or late, does no harm.
        const pqxx::result now =
            pqxx::work{db}.exec_params("select cents from price where article = $1", article);
        if (now.empty())
            cents.erase(article);
        else
            cents[article] = now[0][0].as<std::int64_t>();
        std::printf(
            "article %lld: %lld\n",
            static_cast<long long>(article),
            static_cast<long long>(now.empty() ? -1 : cents[article])
        );
        std::fflush(stdout);
        return outbox::outcome::ack();
    });
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "15_price_cache: %s\n", e.what());
    return 1;
}
