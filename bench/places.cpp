#include "bench/places.hpp"

#include "bench/lite.hpp"
#include "bench/mariadb_status_outbox.hpp"
#include "bench/ours.hpp"
#include "bench/pgq.hpp"
#include "bench/sqlite_status_outbox.hpp"
#include "bench/usual_outbox.hpp"
#include "bench/workload.hpp"

namespace outbox::bench {

const harness::postgres_server& places::postgresql() {
    if (!postgresql_) {
        postgresql_.emplace(harness::postgres_options{.settings = server_settings()});
        pg db{postgresql_->url()};
        make_accounts(db);
        status_outbox{db}.clear();
        const pgq made{db};
        ours::migrate(postgresql_->url());
    }
    return *postgresql_;
}

const harness::mariadb_server& places::mariadb() {
    if (!mariadb_) {
        mariadb_.emplace(harness::mariadb_options{
            .settings = {
                "innodb-buffer-pool-size=1G",
                "innodb-log-file-size=1G",
                "log-bin=bin",
                "binlog-format=ROW",
                "sync-binlog=1",
            }});
        mysql::connection db{mysql::parse_url(mariadb_->url()), {}};
        db.execute(make_accounts_sql(), "cannot make the accounts");
        const mariadb_status_outbox made{db};
        ours::migrate(mariadb_->url());
    }
    return *mariadb_;
}

std::filesystem::path places::sqlite_file(const std::string& name) {
    const auto file = dir_ / name;
    lite db{file.string()};
    db.execute(make_accounts_sql());
    const sqlite_status_outbox made{db};
    ours::migrate("sqlite:" + file.string());
    return file;
}

} // namespace outbox::bench
