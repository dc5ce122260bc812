#include "bench/pgq.hpp"

#include "bench/workload.hpp"

#include <algorithm>

namespace outbox::bench {

pgq::pgq(pg& db) : db_(&db) {
    db.execute("create extension if not exists pgq");
    db.execute("do $$ begin if not exists (select from pgq.queue where queue_name = 'peer') then "
               "perform pgq.create_queue('peer'); end if; end $$");
    clear();
    db.prepare("pgq_put", pgq_put_sql);
    db.prepare("pgq_next", "select pgq.next_batch('peer', 'relay')");
    db.prepare(
        "pgq_events",
        "select ev_id, ev_type, ev_data, ev_extra1 from pgq.get_batch_events($1)"
    );
    db.prepare("pgq_finish", "select pgq.finish_batch($1)");
}

void pgq::clear() {
    db_->execute("select pgq.drop_queue('peer', true)");
    db_->execute("select pgq.create_queue('peer')");
    db_->execute("select pgq.set_queue_config('peer', 'ticker_max_count', '1')");
    db_->execute("select pgq.set_queue_config('peer', 'ticker_max_lag', '1 milliseconds')");
    db_->execute("select pgq.register_consumer('peer', 'relay')");
    tick();
}

void pgq::fill(long count) {
    for (long done = 0; done < count; done += tick_messages) {
        bench::fill(
            *db_,
            "perform pgq.insert_event('peer', 'orders', " + payload_sql() +
                ", (i % 1000)::text, null, null, null)",
            std::min(tick_messages, count - done)
        );
        tick();
    }
}

void pgq::put(const char* payload) {
    db_->run("pgq_put", {"1", payload});
}

void pgq::tick() {
    db_->execute("select pgq.ticker('peer')");
}

long pgq::drain(const std::function<void(PGresult*)>& publish) {
    long taken = 0;
    while (true) {
        const auto batch = db_->run("pgq_next");
        if (PQgetisnull(batch.get(), 0, 0) != 0)
            return taken;
        const char* const id = PQgetvalue(batch.get(), 0, 0);
        const auto events = db_->run("pgq_events", {id});
        taken += PQntuples(events.get());
        if (publish)
            publish(events.get());
        db_->run("pgq_finish", {id});
    }
}

void pgq::rotate() {
    db_->execute("select pgq.maint_rotate_tables_step1('peer')");
    db_->execute("select pgq.maint_rotate_tables_step2()");
}

} // namespace outbox::bench
