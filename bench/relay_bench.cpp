// How fast a backlog goes out. Ours publishes every message to a durable broker and waits for its
// acknowledgement; the others only take theirs out of the database. The comparison favours them, on
// purpose; one more, PgQ with a consumer that publishes as we do, shows what is left of that.

#include "bench/benches.hpp"
#include "bench/contest.hpp"
#include "bench/ours.hpp"
#include "bench/pgq.hpp"
#include "bench/publish_wave.hpp"
#include "bench/usual_outbox.hpp"
#include "bench/workload.hpp"
#include "harness/broker_server.hpp"
#include "harness/postgres_server.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/target/kafka/kafka_target.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace outbox::bench {

namespace {

/// Messages that came and went behind the held snapshot before the first round.
constexpr long dead_messages = 300'000;

/// Behind a held snapshot the delete loop would need minutes for a million: its rate is taken from
/// what it does in this time, which flatters it, because it slows down with every row.
constexpr std::chrono::seconds loop_patience{15};

void require_all(long taken, long wanted) {
    if (taken != wanted)
        throw error{
            error_kind::io,
            std::to_string(taken) + " of " + std::to_string(wanted) + " messages came"};
}

double rate_of(long count, const std::function<void()>& work) {
    const auto begin = system_clock().ticks();
    work();
    return static_cast<double>(count) /
           std::chrono::duration<double>(system_clock().ticks() - begin).count();
}

/// What a consumer of PgQ would do in order to be a relay: waves as large as ours, through our way
/// to the broker, each acknowledged before the next.
void publish(PGresult* rows, kafka_target& to, message_id_generator& ids) {
    const auto bytes_of = [&](int row, int column) {
        return bytes{
            PQgetvalue(rows, row, column),
            static_cast<std::size_t>(PQgetlength(rows, row, column))};
    };
    std::vector<stored_message> messages;
    for (int begin = 0; begin < PQntuples(rows); begin += wave_size) {
        const int end = std::min(begin + wave_size, PQntuples(rows));
        messages.clear();
        for (int row = begin; row < end; ++row) {
            auto& made = messages.emplace_back();
            made.created_at = system_clock().now();
            made.content.id = ids.next();
            made.content.subject = bytes_of(row, 1);
            made.content.payload = bytes_of(row, 2);
            made.content.key = bytes_of(row, 3);
        }
        publish_wave(to, messages);
    }
}

void drain_contest(
    machine& where,
    const settings& how,
    long count,
    bool held,
    int rounds,
    std::vector<figure>& figures
) {
    const auto name =
        "relay.postgresql.drain." + std::to_string(count) + (held ? ".held_snapshot" : "");
    if (!how.wants(name))
        return;
    harness::postgres_server server{{.settings = server_settings()}};
    harness::broker_server broker{{.arguments = {"--flush", "sync"}}};
    pg db{server.url()};
    make_accounts(db);
    delete_loop raw{db};
    pgq peer{db};
    ours relay{server.url(), broker.address()};
    relay.fill(db, 1); // makes the topic
    relay.drain(1);

    std::unique_ptr<pg> holder;
    if (held) {
        holder = std::make_unique<pg>(server.url());
        holder->execute("begin isolation level repeatable read; select count(*) from account");
        raw.fill(dead_messages);
        raw.drain();
        peer.fill(dead_messages);
        peer.drain();
        relay.fill(db, dead_messages);
        relay.drain(dead_messages);
    }
    contest drain{
        where,
        std::to_string(count) + " messages of " + std::to_string(payload_bytes) + " bytes, " +
            (held ? "an old snapshot held while " + std::to_string(dead_messages) +
                        " others came and went"
                  : "nobody in the way"),
        "messages/s"};
    drain.add({
        .name = "delete loop, nothing published",
        .prepare =
            [&] {
                if (held)
                    raw.remove_rest();
                else
                    raw.clear();
                raw.fill(count);
                db.execute("checkpoint");
            },
        .measure =
            [&] {
                const auto begin = system_clock().ticks();
                const auto taken = static_cast<double>(raw.drain_for(loop_patience));
                return taken /
                       std::chrono::duration<double>(system_clock().ticks() - begin).count();
            },
    });
    drain.add({
        .name = "PgQ, nothing published",
        .prepare =
            [&] {
                if (!held)
                    peer.clear();
                peer.fill(count);
                db.execute("checkpoint");
            },
        .measure = [&] { return rate_of(count, [&] { require_all(peer.drain(), count); }); },
    });
    std::optional<kafka_target> way;
    message_id_generator ids;
    drain.add({
        .name = "PgQ, published and acked",
        .prepare =
            [&] {
                if (!held)
                    peer.clear();
                peer.fill(count);
                db.execute("checkpoint");
                way.emplace(kafka_options{.brokers = broker.address()});
            },
        .measure =
            [&] {
                return rate_of(count, [&] {
                    require_all(
                        peer.drain([&](PGresult* rows) { publish(rows, *way, ids); }),
                        count
                    );
                });
            },
    });
    for (const auto& [title, numbers] :
         {std::pair{"outbox, published and acked", numbering::off},
          std::pair{"outbox, numbered, published and acked", numbering::on}})
        drain.add({
            .name = title,
            .prepare =
                [&] {
                    if (!held)
                        relay.clear(db);
                    relay.fill(db, count);
                    db.execute("checkpoint");
                },
            .measure =
                [&, numbers = numbers] {
                    return static_cast<double>(count) / relay.drain(count, numbers);
                },
        });
    drain.run(rounds);
    figures.push_back(
        drain.compare(name, "outbox, published and acked", "delete loop, nothing published")
    );
    figures.push_back(drain.compare(
        name + ".against_pgq",
        "outbox, published and acked",
        "PgQ, nothing published"
    ));
    figures.push_back(drain.compare(
        name + ".against_pgq_published",
        "outbox, published and acked",
        "PgQ, published and acked"
    ));
    figures.push_back(drain.compare(
        name + ".numbered",
        "outbox, numbered, published and acked",
        "outbox, published and acked"
    ));
}

} // namespace

std::vector<figure> relay_bench(machine& where, const settings& how) {
    std::vector<figure> figures;
    for (const auto& [count, rounds] : {std::pair{10'000L, 7}, {100'000L, 5}, {1'000'000L, 3}}) {
        for (const bool held : {false, true})
            drain_contest(where, how, count, held, how.rounds_or(rounds), figures);
    }
    return figures;
}

} // namespace outbox::bench
