#include "outbox/store/sqlite/transaction_sql.hpp"

#include "outbox/store/sqlite/applied_sql.hpp"
#include "outbox/store/sqlite/consumed_sql.hpp"
#include "outbox/store/sqlite/put.hpp"

namespace outbox::sqlite {
namespace {

constexpr const char* savepoint = "savepoint outbox_begin";
constexpr const char* still_open = "release outbox_begin";

class commands final : public transaction_sql {
public:
    explicit commands(const outbox_name& to)
        : to_(to)
        , ask_(to.in("select coalesce((select doorbell from outbox_relay where shard = 0), ''),"
                     " sqlite_version()")) {}

    std::string ask() const override { return ask_; }

    // Immediate: a transaction that will write never fails half-way because another writer was
    // faster. The savepoint is gone when SQLite has rolled back by itself (a full disk).
    std::vector<std::string> begin() const override { return {"begin immediate", savepoint}; }

    std::string probe() const override { return "begin"; }

    std::vector<std::string> insert(std::span<const envelope> rows) const override {
        return put::insert(to_, rows);
    }

    std::vector<std::string> commit(std::span<const envelope> rows) const override {
        std::vector<std::string> texts{still_open};
        for (std::string& text : put::insert(to_, rows))
            texts.push_back(std::move(text));
        texts.emplace_back("commit");
        return texts;
    }

    std::vector<std::string> cancel(const message_id& id) const override {
        return put::cancel(to_, id);
    }

    std::vector<std::string> replace(const envelope& row) const override {
        return put::replace(to_, row);
    }

    std::vector<std::string> note_consumed(const consumed_batch& batch) const override {
        return {consumed_sql::note(to_, batch)};
    }

    std::vector<std::string>
    forget_consumed(std::chrono::seconds age, std::size_t rows_max) const override {
        return consumed_sql::forget(to_, age, rows_max);
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

} // namespace outbox::sqlite
