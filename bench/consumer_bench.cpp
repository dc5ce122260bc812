// What it costs to apply each message once, and to have messages brought to a handler. All on one
// machine, one connection each; "done" is on disk before the next message begins.

#include "bench/application.hpp"
#include "bench/benches.hpp"
#include "bench/consume_rate.hpp"
#include "bench/contest.hpp"
#include "bench/places.hpp"
#include "bench/transaction_contest.hpp"
#include "bench/workload.hpp"
#include "harness/redis_server.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/store/any/open_database.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace outbox::bench {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr milliseconds measured{600};
constexpr int warm_up = 20;
constexpr long topic_messages = 200'000;
constexpr std::size_t batch_messages = 100;

/// How often `work` can be done in a second, by one that does nothing else.
double rate_of(const std::function<void(long number)>& work) {
    long count = 0;
    const auto begin = system_clock().ticks();
    const auto end = begin + measured;
    auto now = begin;
    for (; now < end; now = system_clock().ticks())
        work(count++);
    return static_cast<double>(count) / std::chrono::duration<double>(now - begin).count();
}

contestant worker(const std::string& name, const std::function<void(long number)>& work) {
    return {
        .name = name,
        .prepare =
            [work] {
                for (int i = 0; i < warm_up; ++i)
                    work(i);
            },
        .measure = [work] { return rate_of(work); }};
}

/// A database in which a message may be noted as done, by its name in figures.
struct checking_database {
    std::string name{};
    /// Where a handler's transaction runs.
    std::function<door(places&)> open{};
    std::function<std::string(places&)> url{};
};

std::vector<checking_database> databases(const std::string& sqlite_file) {
    return {
        {.name = "postgresql",
         .open = [](places& at
                 ) { return door{.server_port = at.postgresql().port(), .connect = connect_pqxx}; },
         .url = [](places& at) { return at.postgresql().url(); }},
        {.name = "mariadb",
         .open =
             [](places& at) {
                 return door{.server_port = at.mariadb().port(), .connect = connect_connector_cpp};
             },
         .url = [](places& at) { return at.mariadb().url(); }},
        {.name = "sqlite",
         .open =
             [sqlite_file](places&) {
                 return door{.connect = [sqlite_file](std::uint16_t) {
                     return connect_sqlite(sqlite_file);
                 }};
             },
         .url = [sqlite_file](places&) { return "sqlite:" + sqlite_file; }},
    };
}

/// A way to apply each message once, and the handler's transaction with it and without.
struct way_to_apply {
    std::string name{};
    std::function<void(application&, long number)> run{};
    std::function<void(application&, long number)> without{};
};

std::vector<way_to_apply> ways_to_apply() {
    const auto key = [ids = std::make_shared<message_id_generator>()] {
        return message_key{ids->next()};
    };
    // What a relay has numbered, in order: the row has no gap.
    const auto which = [last = std::make_shared<delivery_number>(
                            delivery_number{.source = message_id_generator{}.next().text()}
                        )]() -> const delivery_number& {
        ++last->number;
        return *last;
    };
    const auto plain = [](application& a, long i) { a.handle(i, std::nullopt); };
    return {
        {.name = "first_time",
         .run = [key](application& a, long i) { a.handle(i, key()); },
         .without = plain},
        {.name = "first_time_numbered",
         .run = [which](application& a, long i) { a.handle_numbered(i, which()); },
         .without = plain},
        {.name = "once",
         .run = [key](application& a, long i) { a.handle_in_transact(i, key()); },
         .without = [](application& a, long i) { a.handle_in_transact(i, std::nullopt); }},
    };
}

void measure_once(
    machine& where,
    places& at,
    const checking_database& one,
    const way_to_apply& way,
    const settings& how,
    std::vector<figure>& figures
) {
    const circumstances delayed{.delay = std::chrono::microseconds{500}};
    const transaction_variant checked{
        .title = way.name,
        .run = way.run,
        .figure = "consumer." + way.name + "." + one.name,
    };
    if (!how.wants(checked.figure_name("extra_round_trips", {})) &&
        !how.wants(checked.figure_name("latency", {})) &&
        !how.wants(checked.figure_name("latency", delayed)))
        return;
    door handler = one.open(at);
    handler.name = checked.figure;
    handler.variants = {{.title = "without", .run = way.without}, checked};
    count_round_trips(handler, how, figures);
    measure_latency(where, handler, {}, how, figures);
    if (handler.server_port)
        measure_latency(where, handler, delayed, how, figures);
}

using open_store = idempotency_checker::open_store;

/// A claim and its completion, around no work at all, beside a handler's whole transaction with
/// first_time() and its change.
void measure_checkers(
    machine& where,
    places& at,
    const std::vector<checking_database>& all,
    const settings& how,
    std::vector<figure>& figures
) {
    std::vector<std::pair<std::string, open_store>> stores;
    std::vector<std::unique_ptr<database>> opened;
    std::optional<harness::redis_server> redis;
    for (const auto& one : all) {
        if (!how.wants("consumer.checker." + one.name))
            continue;
        opened.push_back(open_database(one.url(at)));
        stores.emplace_back(one.name, [db = opened.back().get()] {
            return db->open_claim_store();
        });
    }
    if (how.wants("consumer.checker.redis")) {
        redis.emplace(); // which writes to disk before it answers, as the others do
        stores.emplace_back("redis", [port = redis->port()] {
            return open_redis_claims(
                connect_hiredis({.port = port}),
                {24h, redelivery_horizon{24h}}
            );
        });
    }
    if (stores.empty())
        return;
    constexpr const char* in_transaction = "postgresql: first_time";
    message_id_generator ids;
    const auto session = connect_pqxx(at.postgresql().port());
    std::vector<std::unique_ptr<idempotency_checker>> checkers;
    contest race{where, "messages noted as done, one after another", "per s"};
    race.add(worker(in_transaction, [&](long number) {
        session->handle(number, message_key{ids.next()});
    }));
    for (const auto& [name, open] : stores) {
        auto& checker =
            *checkers.emplace_back(std::make_unique<idempotency_checker>(consumers, open));
        race.add(worker(name + ": claim, complete", [&](long) {
            claim_lease lease{checker, message_key{ids.next()}, 30s};
            if (!lease.is_fresh() || !lease.complete())
                throw error{error_kind::io, "a new message was not fresh"};
        }));
    }
    race.run(how.rounds_or(5));
    for (const auto& [name, open] : stores)
        figures.push_back(
            race.compare("consumer.checker." + name, name + ": claim, complete", in_transaction)
        );
}

void measure_rates(machine& where, const settings& how, std::vector<figure>& figures) {
    constexpr const char* bare = "librdkafka alone";
    struct way {
        std::string name{};
        consume_order order{};
        std::size_t batch = 1;
    };
    std::vector<way> ways{
        {"by_key", consume_order::by_key},
        {"none", consume_order::none},
        {"batch", consume_order::by_key, batch_messages},
    };
    std::erase_if(ways, [&](const way& each) { return !how.wants("consumer.rate." + each.name); });
    if (ways.empty())
        return;
    full_topic topic{topic_messages};
    contest race{
        where,
        std::to_string(topic_messages) + " messages of " + std::to_string(payload_bytes) +
            " bytes to a handler that does nothing",
        "per s"};
    race.add({.name = bare, .measure = [&] { return topic.read_by_librdkafka(); }});
    for (const auto& each : ways)
        race.add({.name = each.name, .measure = [&] {
                      return topic.read_by_consumer(each.order, each.batch);
                  }});
    race.run(how.rounds_or(3));
    for (const auto& each : ways)
        figures.push_back(race.compare("consumer.rate." + each.name, each.name, bare));
}

} // namespace

std::vector<figure> consumer_bench(machine& where, const settings& how) {
    places at;
    std::vector<figure> figures;
    const auto all = databases(at.sqlite_file("consumer.db"));
    for (const auto& one : all)
        for (const auto& way : ways_to_apply())
            measure_once(where, at, one, way, how, figures);
    measure_checkers(where, at, all, how, figures);
    measure_rates(where, how, figures);
    return figures;
}

} // namespace outbox::bench
