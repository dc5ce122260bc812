#include "tools/demo/stage.hpp"

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/base/random.hpp"
#include "outbox/store/any/open_database.hpp"
#include "outbox/target/kafka/kafka_target.hpp"

#include <fstream>
#include <thread>
#include <utility>

namespace outbox::demo {
namespace {

// A name of its own, so that an existing cluster may be used again and again.
std::string fresh_topic() {
    unsigned char unique[4];
    system_random().fill(unique);
    return "outbox-demo-" + to_hex({reinterpret_cast<const char*>(unique), sizeof unique});
}

std::optional<harness::broker_server>
start_broker(const stage_options& options, const std::filesystem::path& folder) {
    if (!options.broker.empty())
        return std::nullopt;
    const std::filesystem::path config = folder / "broker.toml";
    std::ofstream{config} << "[groups]\ninitial_rebalance_delay = \"0ms\"\nsession_min = \""
                          << options.session.count() << "ms\"\n";
    return std::optional<harness::broker_server>{
        std::in_place,
        harness::broker_options{
            .arguments = {"--config", config.string()},
            .program = options.programs / "outbox-broker",
        }};
}

// Runs a relay for as long as it lives.
class relay_thread {
public:
    explicit relay_thread(relay& r) : relay_(&r), thread_([&r] { r.run(); }) {}
    relay_thread(const relay_thread&) = delete;
    relay_thread& operator=(const relay_thread&) = delete;
    ~relay_thread() {
        relay_->request_stop();
        thread_.join();
    }

private:
    relay* relay_;
    std::thread thread_;
};

relay_timing timing_for(std::chrono::milliseconds lease) {
    return {.lease = lease, .lease_renewal = lease / 4};
}

} // namespace

stage::stage(stage_options options)
    : options_(std::move(options))
    , broker_(start_broker(options_, folder_.path()))
    , topic_(fresh_topic()) {
    if (options_.database == database_kind::postgres) {
        postgres_.emplace();
        postgres_->psql("create database points");
        url_ = postgres_->url();
        points_url_ = postgres_->url("points");
    } else if (options_.database == database_kind::sqlite) {
        url_ = "sqlite:" + (folder_.path() / "shop.db").string();
        points_url_ = "sqlite:" + (folder_.path() / "points.db").string();
    } else {
        if (options_.database == database_kind::mariadb)
            mysql_family_ = &mariadb_.emplace();
        else
            mysql_family_ = &mysql_.emplace();
        mysql_family_->sql(
            "create user shop; grant all on test.* to shop; grant process on *.* to shop;"
            " create database points"
        );
        url_ = mysql_family_->url();
        points_url_ = mysql_family_->url("points");
    }
    source_ = open_database(url_);
    source_->open_migrator()->up();
    open_books()->open_for_business();
    open_database(points_url_)->open_migrator()->up();
    open_points()->open_for_business();

    std::ofstream config{folder_.path() / "watchdog.toml"};
    config << "[watchdog]\nname = \"demo\"\nlog_level = \"warning\"\n\n"
           << "[[target]]\nname = \"broker\"\nkind = \"kafka\"\nbrokers = \"" << broker_address()
           << "\"\n\n"
           << "[[database]]\nname = \"shop\"\nurl = \"" << url_ << "\"\ntarget = \"broker\"\n"
           << "lease = \"" << options_.lease.count() << "ms\"\n"
           << "lease_renewal = \"" << options_.lease.count() / 4 << "ms\"\n"
           << "numbered = " << (options_.numbers == numbering::on ? "true" : "false") << "\n";
}

database_kind parse_database_kind(const std::string& name) {
    if (name == "sqlite")
        return database_kind::sqlite;
    if (name == "postgres")
        return database_kind::postgres;
    if (name == "mariadb")
        return database_kind::mariadb;
    if (name == "mysql")
        return database_kind::mysql;
    throw error(
        error_kind::invalid_argument,
        "no database is called \"" + name + "\"",
        "there are sqlite, postgres, mariadb and mysql"
    );
}

std::string stage::broker_address() const {
    return broker_ ? broker_->address() : options_.broker;
}

store_status stage::status() {
    if (!watched_)
        watched_ = source_->open_relay_store();
    try {
        return watched_->status(0);
    } catch (const error&) {
        watched_.reset(
        ); // the server may have been killed; the next question opens a new connection
        throw;
    }
}

// So that the server can tell when they are gone.
std::string stage::url_of_shops() const {
    if (postgres_)
        return url_ + "?application_name=shop";
    if (mysql_family_ != nullptr)
        return "mysql://shop" + url_.substr(url_.find('@'));
    return url_;
}

harness::child_process stage::start_shop(
    std::uint64_t seed,
    std::int64_t first,
    std::int64_t last,
    int per_second,
    relaying how,
    std::map<std::string, std::string> env
) {
    std::vector<std::string> argv{
        (options_.programs / "outbox").string(),
        "demo-shop",
        "--db",
        url_of_shops(),
        "--topic",
        topic_,
        "--seed",
        std::to_string(seed),
        "--first",
        std::to_string(first),
        "--last",
        std::to_string(last),
        "--per-second",
        std::to_string(per_second),
        "--lease-ms",
        std::to_string(options_.lease.count()),
    };
    if (how == relaying::embedded) {
        argv.emplace_back("--broker");
        argv.push_back(broker_address());
    }
    return harness::child_process{{.argv = std::move(argv), .env = std::move(env)}};
}

void stage::kill_database_server() {
    if (postgres_) {
        postgres_->kill();
        postgres_->start();
    } else {
        mysql_family_->kill();
        mysql_family_->start();
    }
}

void stage::await_shops_gone() {
    if (!has_database_server())
        return;
    harness::wait_until(
        [&] {
            if (postgres_)
                return postgres_
                    ->psql("select 1 from pg_stat_activity where application_name = 'shop'")
                    .empty();
            return mysql_family_
                ->sql("select 1 from information_schema.processlist where user = 'shop'")
                .empty();
        },
        std::chrono::seconds{30},
        "the sessions of the killed shops to end"
    );
}

harness::child_process stage::start_watchdog(std::map<std::string, std::string> env) {
    return harness::child_process{
        {.argv =
             {(options_.programs / "outbox-watchdog").string(),
              "--config",
              (folder_.path() / "watchdog.toml").string()},
         .env = std::move(env)}};
}

harness::child_process
stage::start_points(std::size_t instance, std::map<std::string, std::string> env) {
    std::vector<std::string> argv{
        (options_.programs / "outbox").string(),
        "demo-points",
        "--db",
        points_url_};
    if (options_.points)
        argv = options_.points->command;
    for (const std::string& argument :
         {std::string{"--broker"},
          broker_address(),
          std::string{"--topic"},
          topic_,
          std::string{"--instance"},
          std::to_string(instance),
          std::string{"--session-ms"},
          std::to_string(options_.session.count())})
        argv.push_back(argument);
    return harness::child_process{{.argv = std::move(argv), .env = std::move(env)}};
}

int run_shop(const shop_run& run) {
    const auto books = open_shop(run.database_url);
    std::unique_ptr<database> source;
    std::unique_ptr<relay> embedded;
    std::optional<relay_thread> relaying;
    if (!run.broker.empty()) {
        source = open_database(run.database_url);
        embedded = std::make_unique<relay>(
            *source,
            std::make_unique<kafka_target>(
                kafka_options{.brokers = run.broker, .client_id = "outbox-shop"}
            ),
            relay_options{.owner = "shop", .timing = timing_for(run.lease)}
        );
        relaying.emplace(*embedded);
    }
    const auto pause =
        std::chrono::microseconds{run.per_second > 0 ? 1'000'000 / run.per_second : 0};
    auto next = system_clock().ticks();
    for (std::int64_t id = run.first; id <= run.last; ++id) {
        books->place(decide_order(run.seed, id), run.topic, is_taken_back(run.seed, id));
        std::this_thread::sleep_until(next += pause); // customers do not come all at once
    }
    return 0;
}

} // namespace outbox::demo
