#pragma once
// The usual outbox of usual_outbox.hpp in a SQLite file, which has neither uuids nor locks on rows.

#include "bench/lite.hpp"

namespace outbox::bench {

inline constexpr const char* sqlite_status_put_sql =
    "insert into outbox_status (id, topic, key, payload) values (randomblob(16), 'orders', ?, ?)";

class sqlite_status_outbox {
public:
    /// Makes the table. `db` must outlive this.
    explicit sqlite_status_outbox(lite& db);

    /// Claims and marks everything; returns how many.
    long drain();
    void remove_sent();

    static constexpr int batch = 100;

private:
    lite* db_;
};

} // namespace outbox::bench
