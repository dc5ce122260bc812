#pragma once
// A session on PostgreSQL for the baselines: libpq with as little around it as can be, so that
// nobody can say that the others were slowed down.

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox::bench {

struct result_deleter {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using pg_result = std::unique_ptr<PGresult, result_deleter>;

class pg {
public:
    explicit pg(const std::string& url);
    ~pg() { PQfinish(connection_); }
    pg(const pg&) = delete;
    pg& operator=(const pg&) = delete;

    /// One or more statements. These all throw outbox::error with the server's words.
    pg_result execute(const std::string& sql);
    void prepare(const std::string& name, const std::string& sql);
    pg_result run(const std::string& name, const std::vector<const char*>& values = {});
    /// The first column of the first row.
    std::string text(const std::string& sql);
    double number(const std::string& sql);

    /// Bytes of WAL written so far, by everybody.
    double wal_bytes() {
        return number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')");
    }

private:
    pg_result checked(PGresult* raw);

    PGconn* connection_;
};

} // namespace outbox::bench
