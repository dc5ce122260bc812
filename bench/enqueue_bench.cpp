// What an outbox adds to a business transaction, at every door. Round trips and bytes of log are
// counted, so these figures hold on any machine; of the latency only the ratio does.

#include "bench/benches.hpp"
#include "bench/log_bytes.hpp"
#include "bench/places.hpp"
#include "bench/transaction_contest.hpp"

#include <algorithm>

namespace outbox::bench {

namespace {

/// Transactions with 0, 1 and 10 messages, and with those of the peers.
std::vector<transaction_variant>
variants_of(const std::string& name, const std::vector<std::pair<peer, std::string>>& peers) {
    std::vector<transaction_variant> all{
        {.title = "plain", .run = [](application& a, long i) { a.plain(i); }}};
    const auto add = [&](const std::string& who, int messages, auto run) {
        all.push_back({
            .title = who + " " + std::to_string(messages),
            .run = run,
            .figure = "enqueue." + who,
            .detail = std::to_string(messages),
        });
    };
    for (const int messages : {0, 1, 10})
        add(name, messages, [messages](application& a, long i) { a.with_outbox(i, messages); });
    for (const auto& [which, who] : peers)
        for (const int messages : {1, 10})
            add(who, messages, [which = which, messages](application& a, long i) {
                a.with_peer(which, i, messages);
            });
    return all;
}

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

/// Those of `doors` of which a figure is wanted; `other` is the end of a second one.
std::vector<logged_door>
of_wanted_log(const settings& how, const std::string& other, std::vector<logged_door> doors) {
    std::erase_if(doors, [&](const logged_door& each) {
        const auto name = log_figure(each.name);
        return !how.wants(name) && !how.wants(name + other);
    });
    return doors;
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
        one.variants = variants_of(each.name, how.with_peers ? each.peers : decltype(each.peers){});
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
    const auto on_postgresql = of_wanted_log(
        how,
        ".against_pgq",
        {{"postgresql", connect_pqxx}, {"soci_postgresql", connect_soci_postgresql}}
    );
    if (!on_postgresql.empty())
        count_postgresql_wal(at.postgresql(), on_postgresql, figures);
    const auto on_mariadb = of_wanted_log(
        how,
        ".without_annotations",
        {{"mariadb", connect_connector_cpp}, {"soci_mariadb", connect_soci_mariadb}}
    );
    if (!on_mariadb.empty())
        count_mariadb_log(at.mariadb(), on_mariadb, figures);
    if (how.wants(log_figure("sqlite")))
        count_sqlite_wal(at.sqlite_file("log.db"), figures);
    std::erase_if(figures, [&](const figure& each) { return !how.wants(each.name); });
    return figures;
}

} // namespace outbox::bench
