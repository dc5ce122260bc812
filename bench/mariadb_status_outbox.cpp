#include "bench/mariadb_status_outbox.hpp"

namespace outbox::bench {

mariadb_status_outbox::mariadb_status_outbox(mysql::connection& db) : db_(&db) {
    db.execute(
        "create table if not exists outbox_status (id uuid not null primary key, topic "
        "varchar(255) not null, `key` varchar(255), payload text not null, status varchar(8) not "
        "null default 'NEW', created_at timestamp(6) not null default current_timestamp(6), "
        "sent_at timestamp(6) null, key outbox_status_due (status, created_at)) engine = innodb",
        "cannot make the usual outbox"
    );
}

void mariadb_status_outbox::clear() {
    db_->execute("truncate table outbox_status", "cannot clear the usual outbox");
}

long mariadb_status_outbox::drain() {
    long taken = 0;
    while (true) {
        db_->execute("start transaction", "cannot begin");
        auto found = db_->query(
            "select id, topic, `key`, payload from outbox_status where status = 'NEW' order by "
            "created_at limit " +
                std::to_string(batch) + " for update skip locked",
            "cannot claim"
        );
        std::string ids;
        while (found.next())
            ids += (ids.empty() ? "'" : ",'") + found.text(0) + "'";
        if (!ids.empty())
            db_->execute(
                "update outbox_status set status = 'SENT', sent_at = now(6) where id in (" + ids +
                    ")",
                "cannot mark"
            );
        db_->execute("commit", "cannot commit");
        if (ids.empty())
            return taken;
        taken += static_cast<long>(found.count());
    }
}

void mariadb_status_outbox::remove_sent() {
    db_->execute("delete from outbox_status where status = 'SENT'", "cannot remove");
}

} // namespace outbox::bench
