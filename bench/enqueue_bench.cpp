// What an outbox adds to a business transaction: begin, one update by primary key, commit. All
// contestants use libpqxx and prepared statements. Round trips and bytes of WAL are counted, so
// these figures hold on any machine; of the latency only the ratio does.

#include "bench/benches.hpp"
#include "bench/ours.hpp"
#include "bench/pgq.hpp"
#include "bench/statistics.hpp"
#include "bench/usual_outbox.hpp"
#include "bench/workload.hpp"
#include "harness/broker_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/tcp_proxy.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <random>

namespace outbox::bench {

namespace {

const outbox::subject orders{"orders"};

/// One session of an application, and the transaction that it runs all day.
class application {
public:
    explicit application(const std::string& url) : db_(url) {
        db_.prepare("business", business_sql);
        db_.prepare("status_put", status_put_sql);
    }

    void plain(long number) {
        pqxx::work tx{db_};
        change(tx, number);
        tx.commit();
    }

    void with_usual_outbox(long number, int messages) {
        pqxx::work tx{db_};
        change(tx, number);
        for (int i = 0; i < messages; ++i)
            tx.exec_prepared("status_put", number % key_count, payload(number));
        tx.commit();
    }

    void with_outbox(long number, int messages) {
        producer_.transact(db_, [&](auto& tx, outgoing& out) {
            change(tx, number);
            for (int i = 0; i < messages; ++i)
                out.send({
                    .to = orders,
                    .body = body::raw(payload(number), "application/json"),
                    .key = order_key{number % key_count},
                });
        });
    }

private:
    static void change(pqxx::transaction_base& tx, long number) {
        tx.exec_prepared("business", number % 1'000 + 1);
    }

    pqxx::connection db_;
    producer producer_;
};

struct variant {
    std::string name;
    std::function<void(application&, long)> transaction;
};

std::vector<variant> variants() {
    return {
        {"plain", [](application& a, long i) { a.plain(i); }},
        {"plain again", [](application& a, long i) { a.plain(i); }},
        {"outbox, 1 message", [](application& a, long i) { a.with_outbox(i, 1); }},
        {"outbox, 10 messages", [](application& a, long i) { a.with_outbox(i, 10); }},
        {"usual outbox, 1 message", [](application& a, long i) { a.with_usual_outbox(i, 1); }},
        {"usual outbox, 10 messages", [](application& a, long i) { a.with_usual_outbox(i, 10); }},
    };
}

constexpr std::size_t plain = 0;
constexpr std::size_t plain_again = 1;
constexpr std::array<std::pair<std::size_t, const char*>, 4> compared{{
    {2, "enqueue.postgresql.%s.1"},
    {3, "enqueue.postgresql.%s.10"},
    {4, "enqueue.usual_outbox.%s.1"},
    {5, "enqueue.usual_outbox.%s.10"},
}};

std::string name_of(const char* pattern, const std::string& what) {
    std::string name = pattern;
    return name.replace(name.find("%s"), 2, what);
}

void count_round_trips(const harness::postgres_server& server, std::vector<figure>& figures) {
    constexpr int count = 200;
    const harness::tcp_proxy proxy{server.port()};
    auto url = server.url();
    const auto port = std::to_string(server.port());
    url.replace(url.find(port), port.size(), std::to_string(proxy.port()));
    application one{url};
    std::vector<double> trips;
    std::printf(
        "\nround trips per transaction, counted between client and server over %d\n",
        count
    );
    for (const auto& each : variants()) {
        for (int i = 0; i < 5; ++i) // prepares what it needs
            each.transaction(one, i);
        const auto before = proxy.turns();
        for (int i = 0; i < count; ++i)
            each.transaction(one, i);
        trips.push_back(static_cast<double>(proxy.turns() - before) / count);
        std::printf("  %-30s %6.2f\n", each.name.c_str(), trips.back());
    }
    for (const auto& [which, pattern] : compared)
        figures.push_back({
            .name = name_of(pattern, "extra_round_trips"),
            .value = trips[which] - trips[plain],
            .unit = "trips/tx",
            .baseline = trips[plain],
            .baseline_name = "trips of the plain transaction",
            .ratio = trips[which] / trips[plain],
            .spread = 0,
            .rounds = 1,
        });
}

void measure_latency(
    machine& where,
    const harness::postgres_server& server,
    int rounds,
    std::vector<figure>& figures
) {
    constexpr int count = 800;
    constexpr int warm_up = 100;
    const auto all = variants();
    application one{server.url()};
    std::mt19937 random{1};
    std::vector<std::vector<double>> p50(all.size());
    std::vector<std::vector<double>> ratios(all.size());
    std::printf("\nlatency of a transaction, p50 in us; ratio to the plain one of the same round\n"
    );
    for (int round = 1; round <= rounds; ++round) {
        std::vector<std::vector<double>> times(all.size());
        std::vector<std::size_t> order(all.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        where.begin();
        for (int i = -warm_up; i < count; ++i) {
            std::shuffle(order.begin(), order.end(), random);
            for (const auto which : order) {
                const auto begin = system_clock().ticks();
                all[which].transaction(one, i + warm_up);
                const auto time = system_clock().ticks() - begin;
                if (i >= 0)
                    times[which].push_back(std::chrono::duration<double, std::micro>(time).count());
            }
        }
        const auto around = where.end();
        std::printf("  %-5d", round);
        for (std::size_t which = 0; which < all.size(); ++which) {
            p50[which].push_back(median(times[which]));
            ratios[which].push_back(p50[which].back() / p50[plain].back());
            if (which != plain)
                std::printf("  %s %.2f", all[which].name.c_str(), ratios[which].back());
        }
        std::printf(
            "  (plain %.0f us, other cpu %.0f %%, steal %.0f %%, fdatasync %.0f/s)\n",
            p50[plain].back(),
            around.other_cpu * 100,
            around.steal * 100,
            around.syncs_per_s
        );
        std::fflush(stdout);
    }
    std::printf("  A/A ratio %.2f\n", median(ratios[plain_again]));
    for (const auto& [which, pattern] : compared)
        figures.push_back({
            .name = name_of(pattern, "latency"),
            .value = median(p50[which]),
            .unit = "us",
            .baseline = median(p50[plain]),
            .baseline_name = "the plain transaction",
            .ratio = median(ratios[which]),
            .spread = spread(ratios[which]),
            .rounds = rounds,
        });
}

/// From the business transaction to the moment when nothing is left of the message.
void count_wal(const harness::postgres_server& server, std::vector<figure>& figures) {
    constexpr long count = 5'000;
    const harness::broker_server broker{{.arguments = {"--flush", "sync"}}};
    pg db{server.url()};
    status_outbox status{db};
    pgq peer{db};
    ours relay{server.url(), broker.address()};
    application one{server.url()};
    db.execute("alter table outbox_status set (autovacuum_enabled = off)");
    const auto wal_of = [&](const std::function<void()>& work) {
        const auto begin = db.wal_bytes();
        work();
        return (db.wal_bytes() - begin) / count;
    };
    const auto each = [&](const std::function<void(long)>& transaction) {
        return wal_of([&] {
            for (long i = 0; i < count; ++i)
                transaction(i);
        });
    };
    std::printf(
        "\nWAL bytes per message of %zu bytes, over its whole life, business transaction "
        "subtracted\n",
        payload_bytes
    );
    const auto say = [](const char* name, double insert, double work, double clean) {
        std::printf(
            "  %-30s insert %5.0f  deliver %5.0f  clean %5.0f  life %5.0f\n",
            name,
            insert,
            work,
            clean,
            insert + work + clean
        );
        return insert + work + clean;
    };
    each([&](long i) { one.plain(i); }); // every page has been touched
    const auto business = each([&](long i) { one.plain(i); });

    status.clear();
    auto insert = each([&](long i) { one.with_usual_outbox(i, 1); }) - business;
    auto work = wal_of([&] { status.drain(); });
    auto clean = wal_of([&] { status.remove_sent(); });
    const auto usual = say("uuid + status outbox", insert, work, clean);

    peer.clear();
    db.prepare("business", business_sql);
    const auto text = payload(1);
    insert = each([&](long i) {
                 db.execute("begin");
                 db.run("business", {std::to_string(i % 1'000 + 1).c_str()});
                 peer.put(text.c_str());
                 db.execute("commit");
             }) -
             business;
    work = wal_of([&] {
        peer.tick();
        peer.drain();
    });
    clean = wal_of([&] { peer.rotate(); });
    const auto pgq_life = say("PgQ", insert, work, clean);

    // Half of the messages fall into one partition of the ring and half into the next, so that
    // emptying a partition is paid for, too.
    relay.clear(db);
    db.execute("select setval('outbox.message_seq', 262144 - " + std::to_string(count / 2) + ")");
    insert = each([&](long i) { one.with_outbox(i, 1); }) - business;
    work = wal_of([&] { relay.drain(count); });
    clean = wal_of([&] { relay.remove_delivered(); });
    const auto life = say("outbox", insert, work, clean);

    const auto add = [&](const std::string& name, double baseline, const std::string& of) {
        figures.push_back({
            .name = name,
            .value = life,
            .unit = "bytes",
            .baseline = baseline,
            .baseline_name = of,
            .ratio = life / baseline,
            .spread = 0,
            .rounds = 1,
        });
    };
    add("enqueue.postgresql.wal_bytes_per_message", usual, "uuid + status outbox");
    add("enqueue.postgresql.wal_bytes_per_message.against_pgq", pgq_life, "PgQ");
}

} // namespace

std::vector<figure> enqueue_bench(machine& where, const settings& how) {
    const harness::postgres_server server{{.settings = server_settings()}};
    {
        pg db{server.url()};
        make_accounts(db);
        status_outbox{db}.clear();
        ours::migrate(server.url());
    }
    std::vector<figure> figures;
    if (how.wants("enqueue.postgresql.extra_round_trips"))
        count_round_trips(server, figures);
    if (how.wants("enqueue.postgresql.latency"))
        measure_latency(where, server, how.rounds_or(7), figures);
    if (how.wants("enqueue.postgresql.wal_bytes_per_message"))
        count_wal(server, figures);
    return figures;
}

} // namespace outbox::bench
