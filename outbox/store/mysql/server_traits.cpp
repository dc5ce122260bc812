#include "outbox/store/mysql/server_traits.hpp"

#include <charconv>
#include <string_view>

namespace outbox::mysql {
namespace {

constexpr const char* asking = "cannot ask the server about itself";

bool has_process_privilege(connection& db) {
    try {
        db.query("select 1 from information_schema.innodb_trx limit 1", asking);
        return true;
    } catch (const sql_error& e) {
        if (e.kind() != error_kind::rejected)
            throw;
        return false;
    }
}

// The number that follows `words`.
std::int64_t number_after(std::string_view text, std::string_view words) {
    std::int64_t value = 0;
    auto at = text.find(words);
    if (at == std::string_view::npos)
        return 0;
    at = text.find_first_of("0123456789", at + words.size());
    if (at != std::string_view::npos)
        std::from_chars(text.data() + at, text.data() + text.size(), value);
    return value;
}

} // namespace

server_traits ask_traits(connection& db) {
    server_traits traits;
    traits.is_mariadb = db.is_mariadb();
    traits.share_nowait = traits.is_mariadb ? "lock in share mode nowait" : "for share nowait";
    rows galera = db.query("show variables like 'wsrep_on'", asking);
    if (galera.next() && galera.text(1) == "ON")
        traits.why_not = "rows may be numbered by another node of the cluster";
    else if (!has_process_privilege(db))
        traits.why_not = "its user lacks the privilege PROCESS";
    traits.sees_all_statements = traits.why_not.empty();
    rows flush = db.query("select @@global.innodb_flush_log_at_trx_commit", asking);
    traits.flushes_each_commit = flush.next() && flush.number(0) == 1;
    return traits;
}

std::optional<log_position> ask_log_position(connection& db, const server_traits& traits) {
    constexpr const char* failure = "cannot ask how far the log is on the disk";
    log_position found;
    if (traits.is_mariadb) {
        rows status = db.query(
            "show global status where variable_name in"
            " ('Innodb_lsn_current', 'Innodb_lsn_flushed')",
            failure
        );
        while (status.next())
            (status.bytes(0) == "Innodb_lsn_current" ? found.current : found.flushed) =
                status.number(1);
    } else {
        try {
            rows status = db.query("show engine innodb status", failure);
            if (status.next()) {
                found.current = number_after(status.bytes(2), "Log sequence number");
                found.flushed = number_after(status.bytes(2), "Log flushed up to");
            }
        } catch (const sql_error& e) {
            if (e.kind() != error_kind::rejected)
                throw;
        }
    }
    if (found.current == 0 || found.flushed == 0)
        return std::nullopt;
    return found;
}

} // namespace outbox::mysql
