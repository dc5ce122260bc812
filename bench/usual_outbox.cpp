#include "bench/usual_outbox.hpp"

#include "outbox/base/clock.hpp"

#include "bench/workload.hpp"

namespace outbox::bench {

delete_loop::delete_loop(pg& db) : db_(&db) {
    db.execute("create table if not exists outbox_delete (id bigserial primary key, topic text not "
               "null, key text, "
               "payload text not null)");
    db.prepare(
        "delete_put",
        "insert into outbox_delete (topic, key, payload) values ('orders', $1, $2)"
    );
    db.prepare(
        "delete_take",
        "delete from outbox_delete where id = any (array(select id from outbox_delete order by id "
        "limit " +
            std::to_string(batch) + " for update skip locked)) returning id, topic, key, payload"
    );
}

void delete_loop::clear() {
    db_->execute("truncate outbox_delete");
    db_->execute("vacuum analyze outbox_delete");
}

void delete_loop::fill(long count) {
    bench::fill(
        *db_,
        "insert into outbox_delete (topic, key, payload) select 'orders', (i % 1000)::text, " +
            payload_sql(),
        count
    );
    db_->execute("analyze outbox_delete");
}

long delete_loop::drain() {
    return drain_for(std::chrono::hours{1});
}

long delete_loop::drain_for(std::chrono::seconds patience) {
    const auto end = system_clock().ticks() + patience;
    long taken = 0;
    while (system_clock().ticks() < end) {
        const auto rows = db_->run("delete_take");
        const auto count = PQntuples(rows.get());
        if (count == 0)
            break;
        taken += count;
    }
    return taken;
}

void delete_loop::remove_rest() {
    db_->execute("delete from outbox_delete");
}

void delete_loop::put(const char* payload) {
    db_->run("delete_put", {"1", payload});
}

status_outbox::status_outbox(pg& db) : db_(&db) {
    db.execute("create table if not exists outbox_status (id uuid primary key, topic text not "
               "null, key text, payload "
               "text not null, status text not null default 'NEW', created_at timestamptz not null "
               "default "
               "clock_timestamp(), sent_at timestamptz);"
               "create index if not exists outbox_status_due on outbox_status (status, created_at)"
    );
    db.prepare(
        "status_take",
        "select id, topic, key, payload from outbox_status where status = 'NEW' order by "
        "created_at "
        "limit " +
            std::to_string(batch) + " for update skip locked"
    );
    db.prepare(
        "status_mark",
        "update outbox_status set status = 'SENT', sent_at = now() where id = any ($1::uuid[])"
    );
}

void status_outbox::clear() {
    db_->execute("truncate outbox_status");
    db_->execute("vacuum analyze outbox_status");
}

long status_outbox::drain() {
    long taken = 0;
    while (true) {
        db_->execute("begin");
        const auto rows = db_->run("status_take");
        const auto count = PQntuples(rows.get());
        std::string ids = "{";
        for (int row = 0; row < count; ++row) {
            ids += row == 0 ? "" : ",";
            ids += PQgetvalue(rows.get(), row, 0);
        }
        ids += "}";
        if (count > 0)
            db_->run("status_mark", {ids.c_str()});
        db_->execute("commit");
        if (count == 0)
            return taken;
        taken += count;
    }
}

void status_outbox::remove_sent() {
    db_->execute("delete from outbox_status where status = 'SENT'");
}

} // namespace outbox::bench
