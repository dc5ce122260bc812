#pragma once
// The usual outbox of usual_outbox.hpp on MariaDB, with MariaDB's own type for the key, which is
// kinder to its tree than the char(36) that many have.

#include "outbox/store/mysql/connection.hpp"

namespace outbox::bench {

inline constexpr const char* mariadb_status_put_sql =
    "insert into outbox_status (id, topic, `key`, payload) values (uuid(), 'orders', ?, ?)";

class mariadb_status_outbox {
public:
    /// Makes the table. `db` must outlive this.
    explicit mariadb_status_outbox(mysql::connection& db);

    void clear();
    /// Claims and marks everything; returns how many.
    long drain();
    void remove_sent();

    static constexpr int batch = 100;

private:
    mysql::connection* db_;
};

} // namespace outbox::bench
