#pragma once
// Where the demo and the crash tests play: a database with the shop's and the outbox's tables, a
// broker, a watchdog, all of them real processes on ports of their own in one temporary folder, and
// all of them killable.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/mysql_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/temp_dir.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/database.hpp"
#include "tools/demo/points.hpp"
#include "tools/demo/shop.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outbox::demo {

enum class database_kind { sqlite, postgres, mariadb, mysql };
/// "sqlite", "postgres", "mariadb" or "mysql". Throws outbox::error (invalid_argument) for anything
/// else.
database_kind parse_database_kind(const std::string& name);

/// Where the points service keeps its books, if not in a database beside the shop's.
struct points_place {
    /// The program that runs it and its first arguments.
    std::vector<std::string> command{};
    std::function<std::unique_ptr<points_book>()> open{};
};

struct stage_options {
    database_kind database = database_kind::sqlite;
    /// "HOST:PORT" of a Kafka cluster to deliver to; empty: a broker of our own is started.
    std::string broker{};
    /// Where outbox, outbox-watchdog and outbox-broker are.
    std::filesystem::path programs{};
    /// How long the messages of a killed relay wait for the next one.
    std::chrono::milliseconds lease{3'000};
    /// How long the group of a frozen points service waits for it.
    std::chrono::milliseconds session{6'000};
    std::optional<points_place> points{};
    /// On: the watchdog numbers the messages, and the points service goes by their numbers.
    numbering numbers = numbering::off;
};

class stage {
public:
    explicit stage(stage_options options);
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;

    const std::string& database_url() const noexcept { return url_; }
    const std::string& topic() const noexcept { return topic_; }
    std::string broker_address() const;
    bool owns_broker() const noexcept { return broker_.has_value(); }
    /// Precondition: owns_broker().
    harness::broker_server& broker() { return *broker_; }
    /// True when the database is a process of its own, which can be killed.
    bool has_database_server() const noexcept { return postgres_ || mysql_family_ != nullptr; }
    /// SIGKILL, and started again on the same data. Precondition: has_database_server().
    void kill_database_server();

    std::unique_ptr<shop> open_books() const { return open_shop(url_); }
    store_status status();
    std::int64_t backlog() { return status().backlog; }

    enum class relaying { embedded, none };
    /// Starts a shop that places the orders from `first` to `last`, about `per_second` of them, 0
    /// for as many as it can.
    harness::child_process start_shop(
        std::uint64_t seed,
        std::int64_t first,
        std::int64_t last,
        int per_second,
        relaying how,
        std::map<std::string, std::string> env = {}
    );
    /// After shops were killed: a server may still be committing what they sent last. Waits until
    /// it is done.
    void await_shops_gone();
    harness::child_process start_watchdog(std::map<std::string, std::string> env = {});

    /// The points service's books: in a database of its own, on the server of the shop's if there
    /// is one.
    std::unique_ptr<points_book> open_points() const {
        return options_.points ? options_.points->open() : open_points_book(points_url_);
    }
    /// `instance` is the same for each start of the same one of several.
    harness::child_process
    start_points(std::size_t instance = 0, std::map<std::string, std::string> env = {});
    /// What a careless operator does: the points service reads the topic from its beginning again.
    /// Precondition: it does not run, and its sessions at the broker are over.
    void replay_topic();

private:
    std::string url_of_shops() const;

    stage_options options_;
    harness::temp_dir folder_;
    std::optional<harness::postgres_server> postgres_;
    std::optional<harness::mariadb_server> mariadb_;
    std::optional<harness::mysql_server> mysql_;
    /// One of the two, if any.
    harness::mysql_family_server* mysql_family_ = nullptr;
    std::optional<harness::broker_server> broker_;
    std::string url_;
    std::string points_url_;
    std::string topic_;
    std::unique_ptr<database> source_;
    std::unique_ptr<relay_store> watched_;
};

/// Runs the shop in this process; the other side of start_shop().
struct shop_run {
    std::string database_url{};
    std::string topic{};
    std::uint64_t seed = 0;
    std::int64_t first = 1;
    std::int64_t last = 0;
    int per_second = 0;
    /// Where an embedded relay delivers to; empty for none.
    std::string broker{};
    std::chrono::milliseconds lease{3'000};
};
int run_shop(const shop_run& run);

} // namespace outbox::demo
