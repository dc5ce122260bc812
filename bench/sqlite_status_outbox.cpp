#include "bench/sqlite_status_outbox.hpp"

namespace outbox::bench {

sqlite_status_outbox::sqlite_status_outbox(lite& db) : db_(&db) {
    db.execute(
        "create table if not exists outbox_status (id blob not null primary key, topic text not "
        "null, key text, payload text not null, status text not null default 'NEW', created_at "
        "real not null default (julianday('now')), sent_at real) without rowid;"
        "create index if not exists outbox_status_due on outbox_status (status, created_at)"
    );
}

long sqlite_status_outbox::drain() {
    const auto batch_text = std::to_string(batch);
    long taken = 0;
    while (true) {
        db_->execute(
            "update outbox_status set status = 'SENT', sent_at = julianday('now') where id in "
            "(select id from outbox_status where status = 'NEW' order by created_at limit " +
            batch_text + ")"
        );
        const auto count = db_->number("select changes()");
        if (count == 0)
            return taken;
        taken += count;
    }
}

void sqlite_status_outbox::remove_sent() {
    db_->execute("delete from outbox_status where status = 'SENT'");
}

} // namespace outbox::bench
