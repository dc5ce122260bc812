// What an outbox adds to a business transaction, at every door. Round trips and bytes of log are
// counted, so these figures hold on any machine; of the latency only the ratio does.

#include "bench/benches.hpp"
#include "bench/log_bytes.hpp"
#include "bench/mariadb_status_outbox.hpp"
#include "bench/ours.hpp"
#include "bench/pgq.hpp"
#include "bench/sqlite_status_outbox.hpp"
#include "bench/transaction_contest.hpp"
#include "bench/usual_outbox.hpp"
#include "bench/workload.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/temp_dir.hpp"

#include <algorithm>
#include <optional>

namespace outbox::bench {

namespace {

constexpr const char* postgresql_wal = "enqueue.postgresql.wal_bytes_per_message";
constexpr const char* mariadb_log = "enqueue.mariadb.log_bytes_per_message";
constexpr const char* sqlite_wal = "enqueue.sqlite.wal_bytes_per_message";

/// The servers, each started when something first needs it.
class places {
public:
    const harness::postgres_server& postgresql() {
        if (!postgresql_) {
            postgresql_.emplace(harness::postgres_options{.settings = server_settings()});
            pg db{postgresql_->url()};
            make_accounts(db);
            status_outbox{db}.clear();
            const pgq made{db};
            ours::migrate(postgresql_->url());
        }
        return *postgresql_;
    }

    /// As a primary is run whose commits must survive: each is flushed twice.
    const harness::mariadb_server& mariadb() {
        if (!mariadb_) {
            mariadb_.emplace(harness::mariadb_options{
                .settings = {
                    "innodb-buffer-pool-size=1G",
                    "innodb-log-file-size=1G",
                    "log-bin=bin",
                    "binlog-format=ROW",
                    "sync-binlog=1",
                }});
            mysql::connection db{mysql::parse_url(mariadb_->url()), {}};
            db.execute(make_accounts_sql(), "cannot make the accounts");
            const mariadb_status_outbox made{db};
            ours::migrate(mariadb_->url());
        }
        return *mariadb_;
    }

    /// A new file with the tables.
    std::filesystem::path sqlite_file(const std::string& name) {
        const auto file = dir_ / name;
        lite db{file.string()};
        db.execute(make_accounts_sql());
        const sqlite_status_outbox made{db};
        ours::migrate("sqlite:" + file.string());
        return file;
    }

private:
    harness::temp_dir dir_;
    std::optional<harness::postgres_server> postgresql_;
    std::optional<harness::mariadb_server> mariadb_;
};

/// A door, made when a figure of it is wanted.
struct entry {
    std::string name{};
    std::vector<std::pair<peer, std::string>> peers{};
    std::function<door(places&)> open{};
};

std::vector<entry> doors() {
    using connect = std::unique_ptr<application> (*)(std::uint16_t);
    const auto on_postgresql = [](connect how) {
        return [how](places& at) {
            return door{.server_port = at.postgresql().port(), .connect = how};
        };
    };
    const auto on_mariadb = [](connect how) {
        return
            [how](places& at) { return door{.server_port = at.mariadb().port(), .connect = how}; };
    };
    return {
        {.name = "postgresql",
         .peers = {{peer::usual_outbox, "usual_outbox"}, {peer::pgq, "pgq"}},
         .open = on_postgresql(connect_pqxx)},
        {.name = "soci_postgresql", .open = on_postgresql(connect_soci_postgresql)},
        {.name = "mariadb",
         .peers = {{peer::usual_outbox, "usual_outbox_mariadb"}},
         .open = on_mariadb(connect_connector_cpp)},
        {.name = "soci_mariadb", .open = on_mariadb(connect_soci_mariadb)},
        {.name = "sqlite",
         .peers = {{peer::usual_outbox, "usual_outbox_sqlite"}},
         .open =
             [](places& at) {
                 return door{.connect = [file = at.sqlite_file("door.db").string()](std::uint16_t) {
                     return connect_sqlite(file);
                 }};
             }},
    };
}

/// Whether anything that begins like this may be wanted: then it is worth a server.
bool may_want(const settings& how, const entry& one) {
    if (how.only.empty())
        return true;
    const auto names = [&](const std::string& who) {
        for (const auto* const messages : {"0", "1", "10"})
            for (const auto* const rest :
                 {"", ".16_connections", ".delay_500us", ".16_connections.delay_500us"})
                for (const auto* const what : {"extra_round_trips", "latency"})
                    if (how.wants("enqueue." + who + "." + what + "." + messages + rest))
                        return true;
        return false;
    };
    return names(one.name) ||
           (how.with_peers &&
            std::any_of(one.peers.begin(), one.peers.end(), [&](const auto& each) {
                return names(each.second);
            }));
}

} // namespace

std::vector<figure> enqueue_bench(machine& where, const settings& how) {
    using namespace std::chrono_literals;
    places at;
    std::vector<figure> figures;
    for (const auto& each : doors()) {
        if (!may_want(how, each))
            continue;
        auto one = each.open(at);
        one.name = each.name;
        if (how.with_peers)
            one.peers = each.peers;
        count_round_trips(one, how, figures);
        for (const auto delay : {0us, 500us})
            for (const int connections : {1, 16})
                if (delay == 0us || one.server_port)
                    measure_latency(
                        where,
                        one,
                        {.connections = connections, .delay = delay},
                        how,
                        figures
                    );
    }
    if (how.wants(postgresql_wal) || how.wants(std::string{postgresql_wal} + ".against_pgq"))
        count_postgresql_wal(at.postgresql(), figures);
    if (how.wants(mariadb_log) || how.wants(std::string{mariadb_log} + ".without_annotations"))
        count_mariadb_log(at.mariadb(), figures);
    if (how.wants(sqlite_wal))
        count_sqlite_wal(at.sqlite_file("log.db"), figures);
    std::erase_if(figures, [&](const figure& each) { return !how.wants(each.name); });
    return figures;
}

} // namespace outbox::bench
