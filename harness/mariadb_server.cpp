#include "harness/mariadb_server.hpp"

#include "harness/program_path.hpp"

#include <filesystem>
#include <utility>

namespace outbox::harness {
namespace {

// Debian keeps the server where only root's PATH looks.
std::string server_program() {
    const std::filesystem::path usual = "/usr/sbin/mariadbd";
    return exists(usual) ? usual : system_program("mariadbd");
}

} // namespace

mariadb_server::mariadb_server(mariadb_options options)
    : mysql_family_server("MariaDB", std::move(options.settings)) {
    make_data_directory({
        system_program("mariadb-install-db"),
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        // Of this throw-away installation alone; what is started afterwards is durable.
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
    });
    set_command({server_program(), "--no-defaults"});
    start();
    sql("create database test", "");
}

} // namespace outbox::harness
