#include "bench/pg.hpp"

#include "outbox/base/error.hpp"

#include <cstdlib>

namespace outbox::bench {

pg::pg(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) {
        const std::string words = PQerrorMessage(connection_);
        PQfinish(connection_);
        throw error{error_kind::unreachable, words};
    }
    PQsetNoticeProcessor(
        connection_,
        [](void*, const char*) {},
        nullptr
    );
}

pg_result pg::checked(PGresult* raw) {
    pg_result result{raw};
    const auto status = PQresultStatus(raw);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        throw error{error_kind::io, PQerrorMessage(connection_)};
    return result;
}

pg_result pg::execute(const std::string& sql) {
    return checked(PQexec(connection_, sql.c_str()));
}

void pg::prepare(const std::string& name, const std::string& sql) {
    checked(PQprepare(connection_, name.c_str(), sql.c_str(), 0, nullptr));
}

pg_result pg::run(const std::string& name, const std::vector<const char*>& values) {
    return checked(PQexecPrepared(
        connection_,
        name.c_str(),
        static_cast<int>(values.size()),
        values.data(),
        nullptr,
        nullptr,
        0
    ));
}

std::string pg::text(const std::string& sql) {
    const auto result = execute(sql);
    return PQgetvalue(result.get(), 0, 0);
}

double pg::number(const std::string& sql) {
    return std::strtod(text(sql).c_str(), nullptr);
}

} // namespace outbox::bench
