#include "harness/mariadb_server.hpp"

#include "harness/free_port.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto start_within = 60s;
constexpr auto stop_within = 60s;

// Debian keeps the server where only root's PATH looks.
fs::path server_program() {
    const fs::path usual = "/usr/sbin/mariadbd";
    return fs::exists(usual) ? usual : system_program("mariadbd");
}

// As root it insists on being told so.
std::vector<std::string> user_argument() {
    if (::geteuid() == 0)
        return {"--user=root"};
    return {};
}

} // namespace

mariadb_server::mariadb_server(mariadb_options options)
    : options_(std::move(options))
    , port_(free_port()) {
    std::vector<std::string> argv{
        system_program("mariadb-install-db"),
        "--no-defaults",
        "--datadir=" + data_dir().string(),
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        // Of this throw-away installation alone; what is started afterwards is durable.
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
    };
    for (auto& argument : user_argument())
        argv.push_back(std::move(argument));
    const auto made = run_to_end({.argv = std::move(argv), .working_directory = dir_.path()});
    if (!made.status.ok())
        throw error{error_kind::io, "mariadb-install-db: " + made.stdout_text + made.stderr_text};
    start();
    client("create database test", "");
}

void mariadb_server::start() {
    if (server_)
        throw usage_error{"mariadb_server: start() while it runs"};
    std::vector<std::string> argv{
        server_program(),
        "--no-defaults",
        "--datadir=" + data_dir().string(),
        "--socket=" + socket().string(),
        "--pid-file=" + (dir_ / "pid").string(),
        "--port=" + std::to_string(port_),
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        // A small machine runs several of these at once.
        "--innodb-buffer-pool-size=64M",
    };
    for (auto& argument : user_argument())
        argv.push_back(std::move(argument));
    for (const auto& setting : options_.settings)
        argv.push_back("--" + setting);
    server_.emplace(child_options{
        .argv = std::move(argv),
        .working_directory = dir_.path(),
        .stdout_file = dir_ / "log",
        .stderr_file = dir_ / "log",
    });
    poll_timer timer{start_within, "MariaDB to answer"};
    while (!answers()) {
        if (!server_->running()) {
            server_.reset();
            throw error{error_kind::io, "MariaDB did not start: " + log_text()};
        }
        timer.pause();
    }
}

void mariadb_server::stop() {
    if (!server_)
        throw usage_error{"mariadb_server: stop() while it does not run"};
    server_->stop(SIGTERM, stop_within);
    server_.reset();
}

void mariadb_server::kill() {
    if (!server_)
        throw usage_error{"mariadb_server: kill() while it does not run"};
    server_->stop(SIGKILL, stop_within);
    server_.reset();
}

std::string mariadb_server::url(const std::string& database) const {
    return "mysql://root@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string mariadb_server::log_text() const {
    std::ifstream in{dir_ / "log"};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

run_result
mariadb_server::client(const std::string& statements, const std::string& database) const {
    return run_to_end(
        {.argv =
             {
                 system_program("mariadb"),
                 "--no-defaults",
                 "--protocol=socket",
                 "--socket=" + socket().string(),
                 "--user=root",
                 "--batch",
                 "--skip-column-names",
                 "--database=" + database,
                 "--execute=" + statements,
             }}
    );
}

bool mariadb_server::answers() const {
    return client("select 1", "").status.ok();
}

std::string mariadb_server::sql(const std::string& statements, const std::string& database) const {
    const auto result = client(statements, database);
    if (!result.status.ok())
        throw error{error_kind::rejected, "mariadb: " + result.stderr_text};
    return result.stdout_text;
}

} // namespace outbox::harness
