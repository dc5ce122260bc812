#include "bench/ours.hpp"

#include "bench/workload.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/store/any/open_database.hpp"
#include "outbox/target/kafka/kafka_target.hpp"

#include <thread>

namespace outbox::bench {

ours::ours(const std::string& url, std::string brokers)
    : database_(open_database(url))
    , brokers_(std::move(brokers)) {
    database_->open_migrator()->up();
}

void ours::migrate(const std::string& url) {
    open_database(url)->open_migrator()->up();
}

void ours::clear(pg& db) {
    db.execute("truncate outbox.message");
    db.execute("vacuum analyze outbox.message");
}

void ours::fill(pg& db, long count) {
    const auto with =
        encode_headers({{std::string{header_name::content_type}, "application/json"}});
    bench::fill(
        db,
        "insert into outbox.message (message_id, subject, order_key, headers, payload) select "
        "gen_random_uuid(), "
        "'orders', (i % 1000)::text::bytea, '\\x" +
            to_hex(with) + "', (" + payload_sql() + ")::bytea",
        count
    );
}

double ours::drain(long count, numbering numbers) {
    relay one{
        *database_,
        std::make_unique<kafka_target>(kafka_options{.brokers = brokers_}),
        {.owner = "bench", .numbers = numbers}};
    const auto& time = system_clock();
    const auto begin = time.ticks();
    std::thread thread{[&] { one.run(); }};
    const auto patience = begin + std::chrono::seconds{60} + std::chrono::milliseconds{count};
    while (one.stats().delivered < static_cast<std::uint64_t>(count) && time.ticks() < patience)
        std::this_thread::sleep_for(std::chrono::microseconds{500});
    one.request_stop();
    thread.join();
    const auto seconds = std::chrono::duration<double>(time.ticks() - begin).count();
    if (one.stats().delivered != static_cast<std::uint64_t>(count))
        throw error{
            error_kind::io,
            "the relay delivered " + std::to_string(one.stats().delivered) + " of " +
                std::to_string(count) + " messages"};
    return seconds;
}

void ours::remove_delivered() {
    const auto store = database_->open_relay_store();
    const auto answer = store->acquire(0, "bench-remover", std::chrono::seconds{10}, "");
    if (!answer.granted)
        throw error{error_kind::conflict, "the lease is held by " + answer.holder};
    while (store->remove_delivered(0, answer.granted->epoch)) {
    }
    store->release(0, answer.granted->epoch);
}

} // namespace outbox::bench
