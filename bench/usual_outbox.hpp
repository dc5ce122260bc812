#pragma once
// The outbox that everybody writes by hand, in its two usual shapes.

#include "bench/pg.hpp"

#include <string>

#include <chrono>

namespace outbox::bench {

/// bigserial key; one statement claims, returns and deletes. The raw speed of the database, nothing
/// published. In the form that PostgreSQL plans well: `= any (array(select …))` with the limit as a
/// literal.
class delete_loop {
public:
    explicit delete_loop(pg& db);

    void clear();
    void fill(long count);
    /// Takes everything; returns how many.
    long drain();
    /// Takes for at most `patience`; returns how many.
    long drain_for(std::chrono::seconds patience);
    /// What a drain_for() left, in one statement.
    void remove_rest();
    void put(const char* payload);

    static constexpr int batch = 1'000;

private:
    pg* db_;
};

inline constexpr const char* status_put_sql = "insert into outbox_status (id, topic, key, payload) "
                                              "values (gen_random_uuid(), 'orders', $1, $2)";

/// uuid key, a status column and an index on (status, created_at), as the well-known libraries have
/// it: claimed with FOR UPDATE SKIP LOCKED, marked by UPDATE, later deleted.
class status_outbox {
public:
    explicit status_outbox(pg& db);

    void clear();
    /// Claims and marks everything; returns how many.
    long drain();
    void remove_sent();

    static constexpr int batch = 100;

private:
    pg* db_;
};

} // namespace outbox::bench
