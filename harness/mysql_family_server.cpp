#include "harness/mysql_family_server.hpp"

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

constexpr auto make_within = 120s;
constexpr auto start_within = 60s;
constexpr auto stop_within = 60s;

} // namespace

mysql_family_server::mysql_family_server(std::string product, std::vector<std::string> settings)
    : product_(std::move(product))
    , settings_(std::move(settings))
    , port_(free_port()) {}

void mysql_family_server::add_common_arguments(std::vector<std::string>& argv) const {
    argv.push_back("--datadir=" + data_dir().string());
    // A server that starts removes what looks like temporary tables there, also another one's.
    argv.push_back("--tmpdir=" + dir_.path().string());
    if (::geteuid() == 0)
        argv.emplace_back("--user=root"); // it insists on being told so
}

void mysql_family_server::make_data_directory(std::vector<std::string> argv) const {
    add_common_arguments(argv);
    const std::string program = argv.front();
    const auto made =
        run_to_end({.argv = std::move(argv), .working_directory = dir_.path()}, make_within);
    if (!made.status.ok())
        throw error{error_kind::io, program + ": " + made.stdout_text + made.stderr_text};
}

void mysql_family_server::start() {
    if (server_)
        throw usage_error{product_ + ": start() while it runs"};
    auto argv = command_;
    add_common_arguments(argv);
    for (const std::string& setting :
         {"socket=" + socket().string(),
          "pid-file=" + (dir_ / "pid").string(),
          "port=" + std::to_string(port_),
          std::string{"bind-address=127.0.0.1"},
          std::string{"skip-name-resolve"},
          // A small machine runs several of these at once.
          std::string{"innodb-buffer-pool-size=64M"}})
        argv.push_back("--" + setting);
    for (const std::string& setting : settings_)
        argv.push_back("--" + setting);
    server_.emplace(child_options{
        .argv = std::move(argv),
        .working_directory = dir_.path(),
        .stdout_file = dir_ / "log",
        .stderr_file = dir_ / "log",
    });
    poll_timer timer{start_within, product_ + " to answer"};
    while (!client("select 1", "").status.ok()) {
        if (!server_->running()) {
            server_.reset();
            throw error{error_kind::io, product_ + " did not start: " + log_text()};
        }
        timer.pause();
    }
}

void mysql_family_server::end(int signal) {
    if (!server_)
        throw usage_error{product_ + ": stop() or kill() while it does not run"};
    server_->stop(signal, stop_within);
    server_.reset();
}

void mysql_family_server::stop() {
    end(SIGTERM);
}

void mysql_family_server::kill() {
    end(SIGKILL);
}

std::string mysql_family_server::url(const std::string& database) const {
    return "mysql://root@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string mysql_family_server::log_text() const {
    std::ifstream in{dir_ / "log"};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

run_result
mysql_family_server::client(const std::string& statements, const std::string& database) const {
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

std::string
mysql_family_server::sql(const std::string& statements, const std::string& database) const {
    const auto result = client(statements, database);
    if (!result.status.ok())
        throw error{error_kind::rejected, "mariadb: " + result.stderr_text};
    return result.stdout_text;
}

} // namespace outbox::harness
