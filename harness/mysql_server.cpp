#include "harness/mysql_server.hpp"

#include "outbox/base/error.hpp"

#include <cstdlib>
#include <filesystem>
#include <utility>

namespace outbox::harness {
namespace {

namespace fs = std::filesystem;

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
    : mysql_family_server("MySQL", std::move(options.settings)) {
    const fs::path home = find_home();
    std::vector<std::string> command{
        (home / "bin" / "mysqld").string(),
        "--no-defaults",
        "--basedir=" + home.string(),
        "--lc-messages-dir=" + (home / "share").string(),
    };
    auto initialize = command;
    initialize.emplace_back("--initialize-insecure");
    make_data_directory(std::move(initialize));
    command.emplace_back("--mysqlx=OFF");
    set_command(std::move(command));
    start();
    // The one that is there may come through the socket alone.
    sql("create user root@'127.0.0.1'; grant all on *.* to root@'127.0.0.1' with grant option;"
        " create database test",
        "");
}

} // namespace outbox::harness
