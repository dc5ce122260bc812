#include "bench/log_bytes.hpp"

#include "bench/lite.hpp"
#include "bench/mariadb_status_outbox.hpp"
#include "bench/ours.hpp"
#include "bench/pgq.hpp"
#include "bench/sqlite_status_outbox.hpp"
#include "bench/statistics.hpp"
#include "bench/usual_outbox.hpp"
#include "bench/workload.hpp"
#include "harness/broker_server.hpp"
#include "outbox/base/error.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>

namespace outbox::bench {

namespace {

harness::broker_options durable() {
    return {.arguments = {"--flush", "sync"}};
}

/// What a life consists of.
struct life {
    std::string name{};
    std::function<void(long number)> transaction{}; // with one message
    std::function<void()> deliver{};
    std::function<void()> clean{};
};

class log_meter {
public:
    /// `position` counts bytes since whenever.
    log_meter(const char* what, long count, std::function<double()> position)
        : count_(count)
        , position_(std::move(position)) {
        std::printf(
            "\n%s bytes per message of %zu bytes, over its whole life, business transaction "
            "subtracted\n",
            what,
            payload_bytes
        );
    }

    /// Comes before the lives of what `one` writes.
    void measure_business(const std::string& door, application& one) {
        const auto all = [&] {
            for (long i = 0; i < count_; ++i)
                one.plain(i);
        };
        all(); // every page has been touched
        // InnoDB takes more or less of its undo log into use, as its purge is behind or not.
        std::vector<double> passes;
        for (int pass = 0; pass < 5; ++pass)
            passes.push_back(per_message(all));
        business_ = median(passes);
        std::printf(
            "  business transaction through %s %.0f, %.0f to %.0f\n",
            door.c_str(),
            business_,
            *std::min_element(passes.begin(), passes.end()),
            *std::max_element(passes.begin(), passes.end())
        );
    }

    double measure(const life& one) {
        const auto insert = per_message([&] {
                                for (long i = 0; i < count_; ++i)
                                    one.transaction(i);
                            }) -
                            business_;
        const auto deliver = per_message(one.deliver);
        const auto clean = per_message(one.clean);
        std::printf(
            "  %-30s insert %6.0f  deliver %6.0f  clean %6.0f  life %6.0f\n",
            one.name.c_str(),
            insert,
            deliver,
            clean,
            insert + deliver + clean
        );
        std::fflush(stdout);
        return insert + deliver + clean;
    }

private:
    double per_message(const std::function<void()>& work) {
        const auto begin = position_();
        work();
        return (position_() - begin) / static_cast<double>(count_);
    }

    long count_;
    std::function<double()> position_;
    double business_ = 0;
};

figure compared(const std::string& name, double ours, double theirs, const std::string& who) {
    return {
        .name = name,
        .value = ours,
        .unit = "bytes",
        .baseline = theirs,
        .baseline_name = who,
        .ratio = ours / theirs,
        .spread = 0,
        .rounds = 1,
    };
}

constexpr const char* usual_name = "uuid + status outbox";

void require_empty(long left) {
    if (left != 0)
        throw error{
            error_kind::io,
            std::to_string(left) + " messages are left after the removal: the count is too low"};
}

long messages_in(mysql::connection& db) {
    auto counted = db.query("select count(*) from outbox_message", "cannot count the messages");
    counted.next();
    return static_cast<long>(counted.number(0));
}

/// Of a session that may wait until InnoDB has nothing to clear up any more: what it does in the
/// background belongs to those who caused it.
double innodb_and_binlog_bytes(mysql::connection& db) {
    db.execute("set global innodb_max_purge_lag_wait = 0", "cannot wait for InnoDB");
    auto redo = db.query("show global status like 'Innodb_lsn_current'", "cannot see the redo log");
    if (!redo.next())
        throw error{error_kind::io, "the server does not say how much it has logged"};
    auto bytes = static_cast<double>(redo.number(1));
    auto files = db.query("show binary logs", "cannot see the binlog");
    while (files.next())
        bytes += static_cast<double>(files.number(1));
    return bytes;
}

} // namespace

void count_postgresql_wal(
    const harness::postgres_server& server,
    const std::vector<logged_door>& doors,
    std::vector<figure>& figures
) {
    constexpr long count = 5'000;
    const harness::broker_server broker{durable()};
    pg db{server.url()};
    status_outbox status{db};
    pgq queue{db};
    ours relay{server.url(), broker.address()};
    db.execute("alter table outbox_status set (autovacuum_enabled = off)");
    log_meter wal{"WAL", count, [&] { return db.wal_bytes(); }};
    const auto peers = connect_pqxx(server.port());
    wal.measure_business("libpqxx", *peers);

    status.clear();
    const auto usual = wal.measure({
        .name = usual_name,
        .transaction = [&](long i) { peers->with_peer(peer::usual_outbox, i, 1); },
        .deliver = [&] { status.drain(); },
        .clean = [&] { status.remove_sent(); },
    });
    queue.clear();
    const auto pgq_life = wal.measure({
        .name = "PgQ",
        .transaction = [&](long i) { peers->with_peer(peer::pgq, i, 1); },
        .deliver =
            [&] {
                queue.tick();
                queue.drain();
            },
        .clean = [&] { queue.rotate(); },
    });
    long boundary = 0;
    for (const auto& each : doors) {
        const auto one = each.connect(server.port());
        wal.measure_business(each.name, *one);
        // Half of the messages fall into one partition of the ring and half into the next, so that
        // emptying a partition is paid for, too.
        relay.clear(db);
        boundary += 262'144;
        db.execute(
            "select setval('outbox.message_seq', " + std::to_string(boundary - count / 2) + ")"
        );
        const auto life = wal.measure({
            .name = each.name,
            .transaction = [&](long i) { one->with_outbox(i, 1); },
            .deliver = [&] { relay.drain(count); },
            .clean = [&] { relay.remove_delivered(); },
        });
        figures.push_back(compared(log_figure(each.name), life, usual, usual_name));
        figures.push_back(compared(log_figure(each.name) + ".against_pgq", life, pgq_life, "PgQ"));
    }
}

void count_mariadb_log(
    const harness::mariadb_server& server,
    const std::vector<logged_door>& doors,
    std::vector<figure>& figures
) {
    constexpr long count = 2'000;
    const harness::broker_server broker{durable()};
    ours relay{server.url(), broker.address()};
    // By default the binlog holds the text of each statement beside the rows.
    for (const bool with_texts : {true, false}) {
        mysql::connection{mysql::parse_url(server.url()), {}}.execute(
            with_texts ? "set global binlog_annotate_row_events = on"
                       : "set global binlog_annotate_row_events = off",
            "cannot choose what the binlog holds"
        );
        mysql::connection db{mysql::parse_url(server.url()), {}};
        mariadb_status_outbox status{db};
        // What others have left is not counted.
        status.clear();
        relay.drain(messages_in(db));
        relay.remove_delivered();
        log_meter log{
            with_texts ? "redo and binlog" : "redo and binlog without annotations",
            count,
            [&] { return innodb_and_binlog_bytes(db); }};
        const auto peers = connect_connector_cpp(server.port());
        log.measure_business("Connector/C++", *peers);
        const auto usual = log.measure({
            .name = usual_name,
            .transaction = [&](long i) { peers->with_peer(peer::usual_outbox, i, 1); },
            .deliver = [&] { status.drain(); },
            .clean = [&] { status.remove_sent(); },
        });
        for (const auto& each : doors) {
            const auto one = each.connect(server.port());
            log.measure_business(each.name, *one);
            const auto life = log.measure({
                .name = each.name,
                .transaction = [&](long i) { one->with_outbox(i, 1); },
                .deliver = [&] { relay.drain(count); },
                .clean = [&] { relay.remove_delivered(); },
            });
            require_empty(messages_in(db));
            figures.push_back(compared(
                log_figure(each.name) + (with_texts ? "" : ".without_annotations"),
                life,
                usual,
                usual_name
            ));
        }
    }
}

void count_sqlite_wal(const std::filesystem::path& file, std::vector<figure>& figures) {
    constexpr long count = 2'000;
    const harness::broker_server broker{durable()};
    lite db{file.string()};
    sqlite_status_outbox status{db};
    ours relay{"sqlite:" + file.string(), broker.address()};
    const auto one = connect_sqlite(file.string());
    // The log begins anew whenever nobody reads what was before; so somebody does.
    lite reader{file.string()};
    one->plain(1);
    reader.execute("begin; select * from account limit 1");
    log_meter log{"WAL", count, [&] {
                      return static_cast<double>(std::filesystem::file_size(file.string() + "-wal")
                      );
                  }};
    log.measure_business("sqlite", *one);
    const auto usual = log.measure({
        .name = usual_name,
        .transaction = [&](long i) { one->with_peer(peer::usual_outbox, i, 1); },
        .deliver = [&] { status.drain(); },
        .clean = [&] { status.remove_sent(); },
    });
    const auto life = log.measure({
        .name = "outbox",
        .transaction = [&](long i) { one->with_outbox(i, 1); },
        .deliver = [&] { relay.drain(count); },
        .clean = [&] { relay.remove_delivered(); },
    });
    require_empty(db.number("select count(*) from outbox_message"));
    figures.push_back(compared(log_figure("sqlite"), life, usual, usual_name));
}

} // namespace outbox::bench
