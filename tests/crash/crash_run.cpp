// The nemesis. Two shops, two watchdogs, two points services and a broker (and PostgreSQL, MariaDB
// or MySQL) at work; again and again one of them is killed with SIGKILL, at a random moment or at a
// named point of its code, and started again, or a watchdog or a points service is frozen for
// longer than its lease or session and comes back; at the end everything that was committed must
// have arrived, in order, and must have had its effect in the points service's database, once.
// Everything is drawn from the seed that is printed.
//
//   crash_run --db sqlite|postgres|mariadb|mysql --cycles N [--seed S] [--json FILE]
//             [--numbered | --redis]
//
// With --numbered the watchdogs number the messages and the points service goes by their numbers.
// With --redis the points service has its effects in a file and a lease in Redis, which is killed
// as well: no effect may be missing then, and those that happened twice are counted.

#include "harness/redis_server.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"
#include "tests/crash/redis_points.hpp"
#include "tools/demo/audience.hpp"
#include "tools/demo/audit.hpp"
#include "tools/demo/stage.hpp"

#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace outbox::demo {
namespace {

using namespace std::chrono_literals;

struct crash_options {
    std::string database = "sqlite";
    int cycles = 300;
    std::uint64_t seed = 0;
    std::string json_file{};
    bool numbered = false;
    bool redis = false;
    std::filesystem::path programs{};
};

constexpr std::array shop_points{"producer.before_commit", "producer.committed"};
constexpr std::array watchdog_points{
    "relay.read",
    "relay.sent",
    "relay.delivered",
    "relay.recorded",
    "relay.removed",
    "numbered.claimed",
    "numbered.bound"};
constexpr std::size_t watchdog_points_without_numbers = watchdog_points.size() - 2;
constexpr std::array service_points{
    "points.claimed",
    "points.applied",
    "points.committed",
    "consumer.handled",
    "consumer.committed"};
constexpr std::array broker_points{"broker.appended", "broker.synced", "broker.acked"};
/// A point at which nobody has died in so many tries is none: renamed, or not compiled in.
constexpr int tries_of_a_point_max = 6;
/// A watchdog comes there with its lease and in idle moments, which a busy machine may not have; to
/// the others with every message.
constexpr std::array<std::string_view, 2> rare_points{"numbered.claimed", "relay.removed"};
bool is_rare(std::string_view point) {
    return std::ranges::find(rare_points, point) != rare_points.end();
}
constexpr std::int64_t orders_per_shop_max = 1'000'000'000;
// What the points services keep up with on a busy machine of two cores, though they share one
// database.
constexpr int orders_per_second = 200;

/// Whether it came to that within the time.
template <class Predicate>
bool comes_true(Predicate&& predicate, std::chrono::milliseconds within) {
    try {
        harness::wait_until(std::forward<Predicate>(predicate), within, "it");
        return true;
    } catch (const harness::timed_out&) {
        return false;
    }
}

class nemesis {
public:
    explicit nemesis(const crash_options& options)
        : options_(options)
        , random_(options.seed)
        , stage_({
              .database = parse_database_kind(options.database),
              .broker = {},
              .programs = options.programs,
              .lease = 500ms,
              .session = 1500ms, // a busy machine may let nobody run for longer than a short one
              .points = place_points(),
              .numbers = options.numbered ? numbering::on : numbering::off,
          })
        , books_(stage_.open_books())
        , points_(stage_.open_points())
        , audience_(stage_.broker_address(), stage_.topic()) {}

    int run() {
        for (std::size_t i = 0; i < shops_.size(); ++i)
            open_shop(i);
        for (process& watchdog : watchdogs_)
            watchdog = start_watchdog({});
        for (std::size_t i = 0; i < services_.size(); ++i)
            services_[i] = start_points(i, {});
        for (cycle_ = 0; cycle_ < options_.cycles; ++cycle_) {
            await_progress();
            kill_somebody();
            if (cycle_ % 50 == 49)
                report();
        }
        return close_the_books();
    }

private:
    using process = std::unique_ptr<harness::child_process>;

    std::optional<points_place> place_points() {
        if (!options_.redis)
            return std::nullopt;
        redis_.emplace(harness::redis_options{.settings = {"appendfsync everysec"}});
        const std::filesystem::path file = redis_folder_ / "points";
        return points_place{
            .command =
                {std::filesystem::read_symlink("/proc/self/exe").string(),
                 "redis-points",
                 "--redis-port",
                 std::to_string(redis_->port()),
                 "--file",
                 file.string()},
            .open = [port = redis_->port(), file] { return open_redis_points_book(port, file); },
        };
    }

    void open_shop(std::size_t i, std::map<std::string, std::string> env = {}) {
        const auto begin = static_cast<std::int64_t>(i) * orders_per_shop_max + 1;
        const auto end = begin + orders_per_shop_max - 1;
        const std::int64_t first = books_->last_placed(begin, end) + 1;
        shops_[i] = std::make_unique<harness::child_process>(stage_.start_shop(
            options_.seed,
            first,
            end,
            orders_per_second / 2,
            stage::relaying::none,
            std::move(env)
        ));
    }

    process start_watchdog(std::map<std::string, std::string> env) {
        return std::make_unique<harness::child_process>(stage_.start_watchdog(std::move(env)));
    }

    process start_points(std::size_t i, std::map<std::string, std::string> env) {
        return std::make_unique<harness::child_process>(stage_.start_points(i, std::move(env)));
    }

    // Without progress between two kills the second would prove nothing.
    void await_progress() {
        const std::size_t from = audience_.distinct_count();
        const std::int64_t applied_from = applied();
        const auto goes_on = [&] {
            for (std::size_t i = 0; i < shops_.size(); ++i) {
                if (!shops_[i]->running()) // its database was killed under it
                    open_shop(i);
            }
            for (const process& watchdog : watchdogs_) {
                if (!watchdog->running())
                    throw error(error_kind::io, watchdog->describe("a watchdog ended by itself"));
            }
            for (const process& service : services_) {
                if (!service->running())
                    throw error(
                        error_kind::io,
                        service->describe("a points service ended by itself")
                    );
            }
            return audience_.distinct_count() > from && applied() > applied_from;
        };
        if (!comes_true(goes_on, 60s))
            throw error(error_kind::io, describe_standstill(from, applied_from));
    }

    std::string describe_standstill(std::size_t arrived_from, std::int64_t applied_from) {
        std::string text = "nothing goes on after kill " + std::to_string(cycle_) + " (" + last_ +
                           "): " + std::to_string(audience_.distinct_count() - arrived_from) +
                           " messages arrived, " + std::to_string(applied() - applied_from) +
                           " were applied";
        for (const process& watchdog : watchdogs_)
            text += watchdog->describe("\nwatchdog:");
        for (const process& service : services_)
            text += service->describe("\npoints service:");
        return text + stage_.broker().process().describe("\nbroker:");
    }

    void kill_somebody() {
        const bool has_server = stage_.has_database_server();
        const auto die = random_.below(100);
        std::this_thread::sleep_for(std::chrono::microseconds(random_.below(40'000))
        ); // the random moment
        if (die < 20)
            kill_shop(random_.below(shops_.size()));
        else if (die < 40)
            kill_watchdog(watchdogs_[random_.below(watchdogs_.size())]);
        else if (die < 47)
            freeze("watchdog", *watchdogs_[random_.below(watchdogs_.size())], 1'200);
        else if (die < 70)
            kill_service(random_.below(services_.size()));
        else if (die < 77)
            freeze("points service", *services_[random_.below(services_.size())], 2'500);
        else if (die < 85 && redis_)
            kill_redis();
        else if (die < 95 || !has_server)
            kill_broker();
        else
            kill_database_server();
    }

    void kill_shop(std::size_t i) {
        last_ = "shop";
        ++kills_["shop"];
        if (random_.below(2) == 0) {
            shops_[i]->stop(SIGKILL);
        } else {
            shops_[i]->stop(SIGKILL);
            open_shop(i, point(shop_points[random_.below(shop_points.size())]));
            await_death(*shops_[i]);
        }
        open_shop(i);
    }

    void kill_watchdog(process& watchdog) {
        last_ = "watchdog";
        ++kills_["watchdog"];
        watchdog->stop(SIGKILL);
        if (random_.below(2) == 0) {
            watchdog = start_watchdog({});
            return;
        }
        // Only who has the lease comes to these points, so the doomed one must be alone.
        for (const process& other : watchdogs_)
            other->stop(SIGKILL);
        const std::size_t points =
            options_.numbered ? watchdog_points.size() : watchdog_points_without_numbers;
        watchdog = start_watchdog(point(watchdog_points[random_.below(points)]));
        await_death(*watchdog);
        for (process& each : watchdogs_)
            each = start_watchdog({});
    }

    void kill_service(std::size_t i) {
        last_ = "points service";
        ++kills_["points"];
        services_[i]->stop(SIGKILL);
        if (random_.below(2) == 0) {
            services_[i] =
                start_points(i, point(service_points[random_.below(service_points.size())]));
            await_death(*services_[i]);
        }
        services_[i] = start_points(i, {});
    }

    // As a long pause of the machine does: it comes back and does not know that its lease or its
    // session is gone.
    void freeze(const char* who, harness::child_process& victim, std::uint64_t ms_max) {
        last_ = std::string{"frozen "} + who;
        ++kills_[last_];
        victim.signal(SIGSTOP);
        std::this_thread::sleep_for(std::chrono::milliseconds(random_.below(ms_max)));
        victim.signal(SIGCONT);
    }

    /// Of a named point: how often somebody died there, and how often nobody came by.
    struct tries {
        int struck = 0;
        int missed = 0;
    };
    int sum(int tries::*of) const {
        int all = 0;
        for (const auto& [name, each] : points_tried_)
            all += each.*of;
        return all;
    }

    std::int64_t applied() { return points_->effect_count(); }

    void kill_broker() {
        last_ = "broker";
        ++kills_["broker"];
        stage_.broker().kill();
        if (random_.below(2) == 0) {
            stage_.broker().start(point(broker_points[random_.below(broker_points.size())]));
            await_death(stage_.broker().process());
            stage_.broker().kill();
        }
        stage_.broker().start();
    }

    void kill_redis() {
        last_ = "redis";
        ++kills_["redis"];
        redis_->kill();
        redis_->start();
    }

    void kill_database_server() {
        last_ = options_.database;
        ++kills_[options_.database];
        stage_.kill_database_server();
        books_ = stage_.open_books();
        points_ = stage_.open_points();
    }

    std::map<std::string, std::string> point(const char* name) {
        last_ += std::string{" at "} + name;
        point_ = name;
        const auto nth = 1 + random_.below(is_rare(name) ? 1 : 8);
        return {{"OUTBOX_FAULT", std::string{name} + ":" + std::to_string(nth)}};
    }

    // It kills itself when it comes to its point; if its work never takes it there, it is killed
    // all the same.
    void await_death(harness::child_process& doomed) {
        tries& of = points_tried_[point_];
        ++(comes_true([&] { return !doomed.running(); }, 3s) ? of.struck : of.missed);
        doomed.stop(SIGKILL);
        if (of.struck == 0 && of.missed >= tries_of_a_point_max && !is_rare(point_))
            throw error(error_kind::io, "nobody ever dies at " + point_);
    }

    void report() const {
        std::printf("  %4d kills, %zu messages arrived\n", cycle_ + 1, audience_.distinct_count());
        std::fflush(stdout);
    }

    // How long it takes is the machine's affair, as long as it goes on. No more comes in: a
    // partition that is read by nobody ends the progress.
    bool await_effects(std::int64_t count) {
        for (std::int64_t now = applied(); now < count;) {
            const std::int64_t before = now;
            if (!comes_true([&] { return (now = applied()) > before; }, 60s))
                return false;
        }
        return true;
    }

    int close_the_books() {
        for (const process& shop : shops_)
            shop->stop(SIGKILL);
        stage_.await_shops_gone();
        const auto placed = books_->placed();
        audience_.await_distinct(
            placed.size(),
            60'000
        ); // what is missing then is lost, and the account says so
        for (const process& watchdog : watchdogs_)
            watchdog->stop(SIGTERM);
        const auto arrived = static_cast<std::int64_t>(audience_.distinct_count());
        if (!await_effects(arrived)) {
            for (const process& service : services_)
                std::printf(
                    "%s\n",
                    service->describe("not everything was applied; this points service said")
                        .c_str()
                );
        }
        for (const process& service : services_)
            service->stop(SIGTERM);
        audience_.stop();
        const account found = audit(placed, audience_, *points_);
        const harness::verdict& verdict = found.messages;

        nlohmann::ordered_json out{
            {"db", options_.database},
            {"numbered", options_.numbered},
            {"seed", options_.seed},
            {"cycles", cycle_},
            {"kills", kills_},
            {"points", {{"struck", sum(&tries::struck)}, {"missed", sum(&tries::missed)}}},
            {"committed", placed.size()},
            {"delivered", verdict.arrived - verdict.duplicate_delivery_count},
            {"lost", verdict.lost.size()},
            {"phantom", verdict.phantom.size()},
            {"duplicate_deliveries", verdict.duplicate_delivery_count},
            {"duplicate_effects", found.duplicate_effects()},
            {"copies_suppressed", points_->suppressed()},
            {"order_breaks", found.order_breaks()},
            {"points_unaccounted", found.points_unaccounted},
        };
        std::printf("%s\n", out.dump().c_str());
        if (!found.ok())
            std::printf("%s\n", harness::to_text(verdict).c_str());
        if (!options_.json_file.empty())
            std::ofstream{options_.json_file} << out.dump(2) << '\n';
        return found.ok() ? 0 : 1;
    }

    crash_options options_;
    harness::temp_dir redis_folder_;
    std::optional<harness::redis_server> redis_;
    seeded_random random_;
    stage stage_;
    std::unique_ptr<shop> books_;
    std::unique_ptr<points_book> points_;
    audience audience_;
    std::array<process, 2> shops_;
    std::array<process, 2> watchdogs_;
    std::array<process, 2> services_;
    int cycle_ = 0;
    std::map<std::string, int> kills_;
    std::string point_;
    std::map<std::string, tries> points_tried_;
    std::string last_ = "start";
};

} // namespace
} // namespace outbox::demo

int main(int argc, char** argv) {
    outbox::demo::crash_options options;
    options.seed = outbox::system_random().below(1'000'000);
    options.programs =
        std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin";
    CLI::App app{
        "Kills everything, again and again, and looks whether anything got lost.",
        "crash_run"};
    app.add_option("--db", options.database)
        ->check(CLI::IsMember({"sqlite", "postgres", "mariadb", "mysql"}));
    app.add_option("--cycles", options.cycles);
    app.add_option("--seed", options.seed);
    app.add_option("--json", options.json_file);
    CLI::Option* numbered = app.add_flag("--numbered", options.numbered);
    app.add_flag("--redis", options.redis)->excludes(numbered);
    outbox::demo::points_run service;
    std::uint16_t redis_port = 0;
    int session_ms = 0;
    std::string file;
    CLI::App* points = app.add_subcommand("redis-points", "The points service on Redis")->group("");
    points->add_option("--redis-port", redis_port);
    points->add_option("--file", file);
    points->add_option("--broker", service.broker);
    points->add_option("--topic", service.topic);
    points->add_option("--instance", service.instance);
    points->add_option("--session-ms", session_ms);
    CLI11_PARSE(app, argc, argv);
    if (points->parsed()) {
        service.session = std::chrono::milliseconds{session_ms};
        return outbox::demo::run_points(service, [&] {
            return outbox::demo::open_redis_points_book(redis_port, file);
        });
    }
    std::printf(
        "crash_run --db %s --cycles %d%s --seed %llu\n",
        options.database.c_str(),
        options.cycles,
        options.numbered ? " --numbered"
        : options.redis  ? " --redis"
                         : "",
        static_cast<unsigned long long>(options.seed)
    );
    std::fflush(stdout);
    try {
        return outbox::demo::nemesis{options}.run();
    } catch (const std::exception& e) {
        std::printf("failed: %s\n", e.what());
        return 1;
    }
}
