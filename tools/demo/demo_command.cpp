// `outbox demo`: the product in twenty seconds, with nothing faked. Real processes, killed with
// SIGKILL; the account at the end is drawn from the shop's own tables and from what the consumer
// really received.

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "tools/commands.hpp"
#include "tools/demo/audience.hpp"
#include "tools/demo/audit.hpp"
#include "tools/demo/stage.hpp"

#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

namespace outbox::tools {
namespace {

using namespace std::chrono_literals;
using demo::stage;

struct demo_options {
    std::string database = "sqlite";
    std::string broker{};
    std::int64_t orders = 1'000;
    std::uint64_t seed = 0;
    std::string json_file{};
};

class story {
public:
    explicit story(const demo_options& options)
        : options_(options)
        , began_(system_clock().ticks())
        , stage_({
              .database = demo::parse_database_kind(options.database),
              .broker = options.broker,
              .programs = std::filesystem::read_symlink("/proc/self/exe").parent_path(),
          })
        , audience_(stage_.broker_address(), stage_.topic())
        , points_(stage_.open_points()) {}

    int tell() {
        per_second_ = static_cast<int>(std::max<std::int64_t>(50, options_.orders / 8));
        say("database   %s", stage_.database_url().c_str());
        say("broker     %s%s",
            stage_.broker_address().c_str(),
            stage_.owns_broker() ? "" : " (yours, it will not be killed)");
        say("seed       %llu", static_cast<unsigned long long>(options_.seed));
        chapter("1. A shop takes orders. Each order and its message are one transaction; the shop "
                "delivers by itself.\n"
                "   A points service gives the customers a point for each order.");
        points_service_ = std::make_unique<harness::child_process>(stage_.start_points());
        kill_the_shop();
        chapter("2. The watchdog starts, finds what the dead shop left, and delivers it.");
        auto watchdog = std::make_unique<harness::child_process>(stage_.start_watchdog());
        heal();
        chapter(
            stage_.owns_broker()
                ? "3. The shop opens again. The broker is killed and stays away for two seconds."
                : "3. The shop opens again."
        );
        auto shop = start_shop(two_thirds(), stage::relaying::none);
        if (stage_.owns_broker())
            kill_the_broker();
        finish(shop);
        kill_the_points_service();
        heal();
        chapter("4. More orders, and now the watchdog itself is killed in the middle of its work.");
        shop = start_shop(options_.orders, stage::relaying::none);
        kill_the_watchdog(watchdog);
        finish(shop);
        heal();
        watchdog->stop();
        chapter(
            "5. A careless operator sets the points service back to the beginning: all comes again."
        );
        storm();
        return close_the_books();
    }

private:
    std::int64_t third() const { return options_.orders / 3; }
    std::int64_t two_thirds() const { return options_.orders * 2 / 3; }

    harness::child_process start_shop(std::int64_t last, stage::relaying how) {
        const std::int64_t first = stage_.open_books()->last_placed(1, options_.orders) + 1;
        return stage_.start_shop(options_.seed, first, last, per_second_, how);
    }

    // Killed while messages are committed and not yet delivered: frozen first, looked at, and only
    // then shot.
    void kill_the_shop() {
        auto shop = start_shop(third(), stage::relaying::embedded);
        const std::size_t committed = freeze_between_commit_and_delivery(shop);
        shop.stop(SIGKILL);
        stage_.await_shops_gone();
        ++kills_;
        say("   killed    the shop, pid %d, by SIGKILL between COMMIT and delivery", shop.pid());
        const std::size_t arrived = audience_.distinct_count();
        say("   committed %zu, arrived %zu, left behind %zu",
            committed,
            arrived,
            committed - arrived);
    }

    // How many orders it has committed by then.
    std::size_t freeze_between_commit_and_delivery(harness::child_process& shop) {
        const auto enough = static_cast<std::size_t>(third() / 3);
        const auto deadline = system_clock().ticks() + 60s;
        while (shop.running() && system_clock().ticks() < deadline) {
            progress();
            std::this_thread::sleep_for(3ms); // a moment later it is at another point of its work
            if (audience_.distinct_count() < enough)
                continue;
            shop.signal(SIGSTOP);
            std::this_thread::sleep_for(50ms); // what it had sent before arrives now
            const std::size_t committed = stage_.open_books()->placed().size();
            if (committed > audience_.distinct_count())
                return committed;
            shop.signal(SIGCONT);
        }
        throw error(
            error_kind::io,
            shop.describe("the shop was never seen between COMMIT and delivery"),
            "run it again with more --orders"
        );
    }

    void kill_the_broker() {
        await_progress(static_cast<std::size_t>(third() / 6));
        stage_.broker().kill();
        ++kills_;
        say("   killed    the broker by SIGKILL");
        const auto back = system_clock().ticks() + 2s;
        while (system_clock().ticks() < back) {
            progress();
            std::this_thread::sleep_for(50ms);
        }
        say("   waiting   %lld messages; no attempt was counted against them",
            static_cast<long long>(stage_.backlog()));
        stage_.broker().start();
        say("   started   the broker on the same data");
    }

    void kill_the_watchdog(std::unique_ptr<harness::child_process>& watchdog) {
        await_progress(static_cast<std::size_t>(third() / 6));
        watchdog->stop(SIGKILL);
        ++kills_;
        say("   killed    the watchdog, pid %d, by SIGKILL", watchdog->pid());
        watchdog = std::make_unique<harness::child_process>(stage_.start_watchdog());
        say("   started   another watchdog, pid %d; it waits for the dead one's lease to run out",
            watchdog->pid());
    }

    void kill_the_points_service() {
        points_service_->stop(SIGKILL);
        ++kills_;
        say("   killed    the points service, pid %d, by SIGKILL", points_service_->pid());
        points_service_ = std::make_unique<harness::child_process>(stage_.start_points());
        say("   started   another, pid %d; it begins where the dead one had committed last",
            points_service_->pid());
    }

    // Every message is delivered to the points service once more, and must change nothing.
    void storm() {
        points_service_->stop();
        const auto suppressed = points_->suppressed();
        const auto copies = static_cast<std::int64_t>(audience_.arrival_count());
        stage_.replay_topic();
        points_service_ = std::make_unique<harness::child_process>(stage_.start_points());
        await(60s, [&] { return points_->suppressed() >= suppressed + copies; });
        const auto came = points_->suppressed() - suppressed;
        say("   replayed  %lld messages, suppressed %lld",
            static_cast<long long>(copies),
            static_cast<long long>(came));
        if (came < copies) // then the ledger would prove nothing
            throw error(
                error_kind::io,
                points_service_->describe("not all messages came again within a minute")
            );
        points_service_->stop();
    }

    template <class Condition>
    void await(std::chrono::seconds patience, const Condition& condition) {
        const auto deadline = system_clock().ticks() + patience;
        while (!condition() && system_clock().ticks() < deadline) {
            progress();
            std::this_thread::sleep_for(10ms);
        }
    }

    void finish(harness::child_process& shop) {
        while (shop.running()) {
            progress();
            std::this_thread::sleep_for(20ms);
        }
        if (const auto ended = shop.wait(1s); !ended.ok())
            throw error(
                error_kind::io,
                shop.describe("the shop ended with " + harness::to_string(ended))
            );
    }

    void await_progress(std::size_t count) {
        const std::size_t from = audience_.distinct_count();
        await(60s, [&] { return audience_.distinct_count() >= from + count; });
    }

    // Until everything that is committed has arrived and had its effect.
    void heal() {
        const auto from = system_clock().ticks();
        const std::size_t committed = stage_.open_books()->placed().size();
        const auto expected = static_cast<std::int64_t>(committed);
        await(60s, [&] {
            return audience_.distinct_count() >= committed && points_->effect_count() >= expected;
        });
        const std::chrono::duration<double> took = system_clock().ticks() - from;
        say("   healed    committed %zu, arrived %zu, applied %lld, after %.1f s",
            committed,
            audience_.distinct_count(),
            static_cast<long long>(points_->effect_count()),
            took.count());
    }

    int close_the_books() {
        // What the target has but the last watchdog had no time to record may arrive once more; let
        // it.
        audience_.stop();
        const auto books = stage_.open_books()->placed();
        const demo::account account = demo::audit(books, audience_, *points_);
        const harness::verdict& verdict = account.messages;
        const std::chrono::duration<double> took = system_clock().ticks() - began_;
        const auto rolled_back = options_.orders - static_cast<std::int64_t>(books.size());
        chapter(
            "6. The ledger: the shop's orders against what arrived and the points that were given."
        );
        const nlohmann::ordered_json result{
            {"orders", options_.orders},
            {"committed", books.size()},
            {"rolled_back", rolled_back},
            {"delivered", verdict.arrived - verdict.duplicate_delivery_count},
            {"lost", verdict.lost.size()},
            {"phantom", verdict.phantom.size()},
            {"duplicate_deliveries", verdict.duplicate_delivery_count},
            {"duplicate_effects", account.duplicate_effects()},
            {"order_breaks", account.order_breaks()},
            {"copies_suppressed", points_->suppressed()},
            {"kills", kills_},
            {"seconds", took.count()},
        };
        for (const auto& [name, value] : result.items())
            std::printf("   %-22s %s\n", name.c_str(), value.dump().c_str());
        if (!account.ok())
            std::printf("%s\n", harness::to_text(verdict).c_str());
        if (!options_.json_file.empty()) {
            std::ofstream out{options_.json_file};
            out << result.dump(2) << '\n';
            if (!out.flush())
                throw error(error_kind::io, "cannot write " + options_.json_file);
        }
        std::printf(
            "\n%s\n",
            account.ok() ? "Nothing lost, nothing invented, nothing applied twice."
                         : "THE LEDGER DOES NOT HOLD."
        );
        return account.ok() ? exit_done : exit_check;
    }

    void chapter(const char* title) {
        clear_progress();
        std::printf("\n%s\n", title);
        std::fflush(stdout);
    }

    template <class... Arguments>
    void say(const char* format, const Arguments&... arguments) {
        clear_progress();
        if constexpr (sizeof...(arguments) == 0)
            std::fputs(format, stdout);
        else
            std::printf(format, arguments...);
        std::putchar('\n');
        std::fflush(stdout);
    }

    void progress() {
        if (!on_terminal_)
            return;
        const auto arrived = static_cast<std::int64_t>(audience_.distinct_count());
        const auto width = 40 * arrived / std::max<std::int64_t>(1, options_.orders);
        std::printf(
            "\r   [%-40s] %lld arrived ",
            std::string(static_cast<std::size_t>(width), '#').c_str(),
            static_cast<long long>(arrived)
        );
        std::fflush(stdout);
    }
    void clear_progress() {
        if (on_terminal_)
            std::printf("\r%60s\r", "");
    }

    demo_options options_;
    tick_point began_;
    stage stage_;
    demo::audience audience_;
    std::unique_ptr<demo::points_book> points_;
    std::unique_ptr<harness::child_process> points_service_;
    int per_second_ = 0;
    int kills_ = 0;
    bool on_terminal_ = ::isatty(STDOUT_FILENO) == 1;
};

} // namespace

void add_demo_command(CLI::App& app, action& chosen) {
    auto options = std::make_shared<demo_options>();
    options->seed = system_random().below(1'000'000);
    CLI::App* command = app.add_subcommand(
        "demo",
        "See it work: orders, kills, a watchdog, and a ledger at the end"
    );
    command->add_option("--db", options->database, "sqlite (default), postgres or mariadb")
        ->check(CLI::IsMember({"sqlite", "postgres", "mariadb"}));
    command->add_option(
        "--broker",
        options->broker,
        "HOST:PORT of a Kafka cluster, instead of a broker of our own"
    );
    command->add_option("--orders", options->orders, "how many orders")
        ->check(CLI::Range(30, 1'000'000));
    command->add_option("--seed", options->seed, "which orders; printed at the start");
    command->add_option("--json", options->json_file, "write the ledger to this file");
    command->callback([options, &chosen] { chosen = [options] { return story{*options}.tell(); }; }
    );

    auto run = std::make_shared<demo::shop_run>();
    auto lease_ms = std::make_shared<int>(3'000);
    CLI::App* shop = app.add_subcommand("demo-shop", "The shop of the demo")->group("");
    shop->add_option("--db", run->database_url)->required();
    shop->add_option("--topic", run->topic)->required();
    shop->add_option("--seed", run->seed);
    shop->add_option("--first", run->first);
    shop->add_option("--last", run->last);
    shop->add_option("--per-second", run->per_second);
    shop->add_option("--broker", run->broker);
    shop->add_option("--lease-ms", *lease_ms);
    shop->callback([run, lease_ms, &chosen] {
        run->lease = std::chrono::milliseconds{*lease_ms};
        chosen = [run] { return demo::run_shop(*run); };
    });

    auto service = std::make_shared<demo::points_run>();
    CLI::App* points =
        app.add_subcommand("demo-points", "The points service of the demo")->group("");
    points->add_option("--db", service->database_url)->required();
    points->add_option("--broker", service->broker)->required();
    points->add_option("--topic", service->topic)->required();
    points->add_option("--instance", service->instance);
    auto session_ms = std::make_shared<int>(6'000);
    points->add_option("--session-ms", *session_ms);
    points->callback([service, session_ms, &chosen] {
        service->session = std::chrono::milliseconds{*session_ms};
        chosen = [service] { return demo::run_points(*service); };
    });
}

} // namespace outbox::tools
