// A complete small service. It takes orders as lines, keeps them in a database, and tells the world
// of each through a relay of its own.
//
//   outbox-broker --data-dir data --listen 127.0.0.1:9092 &
//   ./10_order_service sqlite:shop.db 127.0.0.1:9092
//   ./10_order_service postgresql://shop@127.0.0.1:5432/shop 127.0.0.1:9092
//   ./10_order_service mysql://shop@127.0.0.1:3306/shop 127.0.0.1:9092
//   place 42 3
//   pay 42
//
// Without a broker nothing is delivered by this process; an outbox-watchdog does it. The same
// watchdog, or the next start, goes on when this process is killed. On SIGTERM it ends in good
// order: the messages that are out are waited for, progress is recorded, the lease is given back.
#include "outbox/producer/producer.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/mysql/database.hpp"
#include "outbox/store/postgresql/database.hpp"
#include "outbox/store/soci/soci.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/target/kafka/kafka_target.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

const outbox::subject order_placed{"orders.placed"};
const outbox::subject order_paid{"orders.paid"};

/// The business. One thread, one session.
class shop {
public:
    shop(soci::session& db, outbox::producer& producer) : db_(&db), producer_(&producer) {
        db << "create table if not exists orders "
              "(id integer primary key, pieces integer not null, state varchar(20) not null)";
    }

    void place(int id, int pieces) {
        producer_->transact(*db_, [&](outbox::soci_transaction& tx, outbox::outgoing& out) {
            tx.session() << "insert into orders values (:id, :pieces, 'placed')", soci::use(id),
                soci::use(pieces);
            out.send(
                {.to = order_placed,
                 .body = {{"orderId", id}, {"pieces", pieces}},
                 .key = outbox::order_key{id}}
            );
        });
    }

    void pay(int id) {
        producer_->transact(*db_, [&](outbox::soci_transaction& tx, outbox::outgoing& out) {
            soci::statement update =
                (tx.session().prepare
                     << "update orders set state = 'paid' where id = :id and state = 'placed'",
                 soci::use(id));
            update.execute(true);
            // Thrown through transact(): all is rolled back, and nobody hears of it.
            if (update.get_affected_rows() != 1)
                throw std::runtime_error{"no such order waits to be paid"};
            out.send({.to = order_paid, .body = {{"orderId", id}}, .key = outbox::order_key{id}});
        });
    }

private:
    soci::session* db_;
    outbox::producer* producer_;
};

void carry_out(shop& orders, const std::string& line) {
    std::istringstream words{line};
    std::string what;
    int id = 0;
    int pieces = 0;
    words >> what >> id;
    try {
        if (what == "place" && words >> pieces)
            orders.place(id, pieces);
        else if (what == "pay" && words)
            orders.pay(id);
        else
            throw std::invalid_argument{"say: place ID PIECES, or pay ID"};
        std::printf("%s: done\n", line.c_str());
    } catch (const outbox::error& e) {
        // In doubt means: look whether the order is there. Its message needs no care.
        std::printf("%s: %s: %s\n", line.c_str(), e.in_doubt() ? "in doubt" : "not done", e.what());
    } catch (const std::exception& e) {
        std::printf("%s: not done: %s\n", line.c_str(), e.what());
    }
    std::fflush(stdout);
}

/// What the relay works on, and what makes the tables.
std::unique_ptr<outbox::database> open_outbox(const std::string& url) {
    if (auto found = outbox::sqlite::open_database(url))
        return found;
    if (auto found = outbox::postgresql::open_database(url))
        return found;
    if (auto found = outbox::mysql::open_database(url))
        return found;
    throw std::invalid_argument{"not the URL of a database: " + url};
}

/// The same URL in SOCI's words.
std::string soci_words(const std::string& url) {
    if (url.starts_with("sqlite:"))
        return "sqlite3://db=" + url.substr(7) + " timeout=5";
    static const std::regex parts{R"((\w+)://([^@:/]+)(:([^@]*))?@([^:/]+)(:(\d+))?/(\w+))"};
    std::smatch found;
    if (!std::regex_match(url, found, parts))
        throw std::invalid_argument{"say KIND://USER@HOST:PORT/NAME instead of " + url};
    std::string words = found.str(1) + "://user=" + found.str(2) + " host=" + found.str(5);
    if (found[4].matched)
        words += " password=" + found.str(4);
    if (found[7].matched)
        words += " port=" + found.str(7);
    return words + " dbname=" + found.str(8);
}

/// Calls `each` with every line of the standard input, until a signal arrives.
template <class Each>
void take_lines_until(int signal, Each each) {
    std::string unfinished;
    pollfd ready[] = {{signal, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    while (poll(ready, 2, -1) >= 0 && ready[0].revents == 0) {
        char bytes[4096];
        const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
        if (count <= 0)
            ready[1].fd = -1; // no more orders; what is committed is still delivered
        else
            unfinished.append(bytes, static_cast<std::size_t>(count));
        for (std::size_t end = 0; (end = unfinished.find('\n')) != std::string::npos;) {
            each(unfinished.substr(0, end));
            unfinished.erase(0, end + 1);
        }
        if (unfinished.size() > sizeof bytes) // no order is that long
            unfinished.clear();
    }
}

} // namespace

int main(int argc, char** argv) try {
    if (argc != 2 && argc != 3) {
        std::fprintf(stderr, "usage: 10_order_service URL [BROKER]\n");
        return 2;
    }
    // Before the first thread, so that every one of them leaves the signals to take_lines_until().
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const int stop = signalfd(-1, &signals, SFD_CLOEXEC);

    const auto database = open_outbox(argv[1]);
    database->open_migrator()->up();

    std::unique_ptr<outbox::relay> relay;
    std::jthread relaying;
    if (argc == 3) {
        auto broker =
            std::make_unique<outbox::kafka_target>(outbox::kafka_options{.brokers = argv[2]});
        outbox::relay_options options{.owner = "order-service"};
        relay = std::make_unique<outbox::relay>(*database, std::move(broker), options);
        relaying = std::jthread{[&] { relay->run(); }};
    }
    // Also when something below throws: the thread is told before it is joined.
    const std::unique_ptr<outbox::relay, void (*)(outbox::relay*)> stopping{
        relay.get(),
        [](outbox::relay* r) { r->request_stop(); }};

    soci::session session{soci_words(argv[1])};
    outbox::producer producer;
    shop orders{session, producer};
    take_lines_until(stop, [&](const std::string& line) { carry_out(orders, line); });
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "10_order_service: %s\n", e.what());
    return 1;
}
