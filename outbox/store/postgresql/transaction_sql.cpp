#include "outbox/store/postgresql/transaction_sql.hpp"

#include "outbox/store/postgresql/applied_sql.hpp"
#include "outbox/store/postgresql/consumed_sql.hpp"
#include "outbox/store/postgresql/put.hpp"

namespace outbox::postgresql {
namespace {

class commands final : public transaction_sql {
public:
    explicit commands(const outbox_name& to)
        : to_(to)
        , ask_(put::ask_doorbell(to) + ", pg_catalog.version()") {}

    std::string ask() const override { return ask_; }

    // BEGIN within a transaction only warns; but the time of a transaction is that of the text that
    // began it. Begun once more, so that the user can still choose an isolation level.
    std::vector<std::string> begin() const override {
        return {"begin; "
                "select cast(case when pg_catalog.now() = pg_catalog.statement_timestamp()"
                " then '0' else 'a transaction is open already' end as integer); "
                "rollback; begin"};
    }

    std::vector<std::string> begin_and_note(const consumed_batch& batch) const override {
        using namespace consumed_sql;
        return {begin().front() + "; " + note(to_, batch, where_asked::at_begin)};
    }

    // SAVEPOINT fails where no transaction is open or a failed one, in which COMMIT would quietly
    // roll back. An empty savepoint costs the server no transaction number.
    static constexpr const char* require_open =
        "savepoint outbox_open; release savepoint outbox_open; ";

    std::vector<std::string> insert(std::span<const envelope> rows) const override {
        return {require_open + put::insert(to_, rows)};
    }

    std::vector<std::string> commit(std::span<const envelope> rows) const override {
        return {require_open + (rows.empty() ? "" : put::insert(to_, rows) + "; ") + "commit"};
    }

    std::vector<std::string> cancel(const message_id& id) const override {
        return {put::cancel(to_, id)};
    }

    std::vector<std::string> replace(const envelope& row) const override {
        return {put::replace(to_, row)};
    }

    std::vector<std::string> note_consumed(const consumed_batch& batch) const override {
        return {consumed_sql::note(to_, batch)};
    }

    std::vector<std::string>
    forget_consumed(std::chrono::seconds age, std::size_t rows_max) const override {
        return {consumed_sql::forget(to_, age, rows_max)};
    }

    std::vector<std::string> ask_applied(const applied_question& about) const override {
        return applied_sql::texts(to_, about);
    }

    std::vector<std::string> rollback() const override { return {"rollback"}; }

private:
    outbox_name to_;
    std::string ask_;
};

} // namespace

const transaction_sql& text_commands(const outbox_name& to) {
    return made_for<commands>(to);
}

} // namespace outbox::postgresql
