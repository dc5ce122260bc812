#include "harness/mysql_server.hpp"

#include "harness/free_port.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto start_within = 60s;
constexpr auto stop_within = 60s;

fs::path find_home() {
    const char* named = std::getenv("OUTBOX_MYSQL_HOME");
    const fs::path home{named ? named : OUTBOX_MYSQL_HOME};
    if (fs::exists(home / "bin" / "mysqld"))
        return home;
    throw error{
        error_kind::invalid_argument,
        "MySQL's server is not in " + home.string(),
        "`./run test` fetches it with Maven; or set OUTBOX_MYSQL_HOME to a folder with bin/mysqld"};
}

} // namespace

mysql_server::mysql_server(mysql_options options)
    : options_(std::move(options))
    , home_(find_home())
    , port_(free_port()) {
    auto argv = server_command();
    argv.emplace_back("--initialize-insecure");
    const auto made = run_to_end({.argv = std::move(argv), .working_directory = dir_.path()}, 120s);
    if (!made.status.ok())
        throw error{error_kind::io, "mysqld --initialize: " + made.stdout_text + made.stderr_text};
    start();
    // The one that is there may come through the socket alone.
    sql("create user root@'127.0.0.1'; grant all on *.* to root@'127.0.0.1' with grant option;"
        " create database test",
        "");
}

std::vector<std::string> mysql_server::server_command() const {
    std::vector<std::string> argv{
        (home_ / "bin" / "mysqld").string(),
        "--no-defaults",
        "--basedir=" + home_.string(),
        "--lc-messages-dir=" + (home_ / "share").string(),
        "--datadir=" + (dir_ / "data").string(),
    };
    if (::geteuid() == 0)
        argv.emplace_back("--user=root"); // it insists on being told so
    return argv;
}

void mysql_server::start() {
    if (server_)
        throw usage_error{"mysql_server: start() while it runs"};
    auto argv = server_command();
    for (const std::string& setting :
         {"socket=" + socket().string(),
          "pid-file=" + (dir_ / "pid").string(),
          "port=" + std::to_string(port_),
          std::string{"bind-address=127.0.0.1"},
          std::string{"skip-name-resolve"},
          std::string{"mysqlx=OFF"},
          std::string{"innodb-buffer-pool-size=64M"}})
        argv.push_back("--" + setting);
    for (const std::string& setting : options_.settings)
        argv.push_back("--" + setting);
    server_.emplace(child_options{
        .argv = std::move(argv),
        .working_directory = dir_.path(),
        .stdout_file = dir_ / "log",
        .stderr_file = dir_ / "log",
    });
    poll_timer timer{start_within, "MySQL to answer"};
    while (!client("select 1", "").status.ok()) {
        if (!server_->running()) {
            server_.reset();
            throw error{error_kind::io, "MySQL did not start: " + log_text()};
        }
        timer.pause();
    }
}

void mysql_server::stop() {
    if (!server_)
        throw usage_error{"mysql_server: stop() while it does not run"};
    server_->stop(SIGTERM, stop_within);
    server_.reset();
}

void mysql_server::kill() {
    if (!server_)
        throw usage_error{"mysql_server: kill() while it does not run"};
    server_->stop(SIGKILL, stop_within);
    server_.reset();
}

std::string mysql_server::url(const std::string& database) const {
    return "mysql://root@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string mysql_server::log_text() const {
    std::ifstream in{dir_ / "log"};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

run_result mysql_server::client(const std::string& statements, const std::string& database) const {
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

std::string mysql_server::sql(const std::string& statements, const std::string& database) const {
    const auto result = client(statements, database);
    if (!result.status.ok())
        throw error{error_kind::rejected, "mariadb: " + result.stderr_text};
    return result.stdout_text;
}

} // namespace outbox::harness
