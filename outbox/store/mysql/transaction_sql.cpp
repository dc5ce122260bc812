#include "outbox/store/mysql/transaction_sql.hpp"

#include "outbox/store/mysql/applied_sql.hpp"
#include "outbox/store/mysql/consumed_sql.hpp"
#include "outbox/store/mysql/put.hpp"

#include <cstddef>

namespace outbox::mysql {
namespace {

constexpr const char* still_open = "release savepoint outbox_begin";

// Autocommit mode that comes back commits what is open. In a session that a driver has opened
// meanwhile the variable is null, and that is an error; a plain COMMIT would succeed there, and
// commit nothing.
constexpr const char* commit_and_restore = "set autocommit = 1, autocommit = @outbox_autocommit";

class commands : public transaction_sql {
public:
    explicit commands(const outbox_name& to)
        : to_(to)
        , ask_(put::ask_doorbell(to) + ", version()") {}

    std::string ask() const override { return ask_; }

    std::vector<std::string> insert(std::span<const envelope> rows) const override {
        return put::insert(to_, rows, binding::autocommit_off);
    }

    std::vector<std::string> cancel(const message_id& id) const override {
        return put::cancel(to_, id, binding::autocommit_off);
    }

    std::vector<std::string> replace(const envelope& row) const override {
        return put::replace(to_, row, binding::autocommit_off);
    }

    std::vector<std::string>
    forget_consumed(std::chrono::seconds age, std::size_t rows_max) const override {
        return consumed_sql::forget(to_, age, rows_max);
    }

    std::vector<std::string> ask_applied(const applied_question& about) const override {
        return applied_sql::texts(to_, about, binding::autocommit_off);
    }

    std::vector<std::string> rollback() const override {
        return {"rollback", "set autocommit = @outbox_autocommit"};
    }

protected:
    outbox_name to_;

private:
    std::string ask_;
};

class singles final : public commands {
public:
    using commands::commands;

    // The access mode of the next transaction cannot be set within one: error 1568. Each server
    // knows the variable by a name of its own, and skips the other's comment.
    std::vector<std::string> begin() const override {
        return {
            "set /*M!100000 @@tx_read_only = 0,*//*!80000 @@transaction_read_only = 0,*/"
            " @outbox_autocommit = @@autocommit, autocommit = 0",
            "savepoint outbox_begin"};
    }

    std::vector<std::string> note_consumed(const consumed_batch& batch) const override {
        return consumed_sql::note(
            to_,
            batch,
            consumed_sql::answer::asked_for,
            binding::autocommit_off
        );
    }

    std::vector<std::string> commit(std::span<const envelope> rows) const override {
        std::vector<std::string> texts{still_open};
        for (std::string& text : put::insert(to_, rows, binding::autocommit_off))
            texts.push_back(std::move(text));
        texts.emplace_back(commit_and_restore);
        return texts;
    }
};

class compounds final : public commands {
public:
    using commands::commands;

    std::vector<std::string> begin() const override { return {begin_with("")}; }

    std::vector<std::string> begin_and_note(const consumed_batch& batch) const override {
        return {begin_with(
            consumed_sql::note(to_, batch, consumed_sql::answer::returned).front() + "; "
        )};
    }

    std::vector<std::string> note_consumed(const consumed_batch& batch) const override {
        return consumed_sql::note(
            to_,
            batch,
            consumed_sql::answer::returned,
            binding::autocommit_off
        );
    }

    std::vector<std::string> commit(std::span<const envelope> rows) const override {
        const std::vector<std::string> singly = single_commands(to_).commit(rows);
        std::string together = "begin not atomic ";
        for (const std::string& text : singly)
            together += text + "; ";
        together += "end";
        // What is longer than the server takes would be lost together with COMMIT: in doubt.
        if (together.size() > put::statement_bytes_max)
            return singly;
        return {together};
    }

private:
    static std::string begin_with(const std::string& more) {
        return "begin not atomic"
               " if @@in_transaction then signal sqlstate '25001' set mysql_errno = 1568,"
               " message_text = 'a transaction is open already'; end if;"
               " set @outbox_autocommit = @@autocommit, autocommit = 0;"
               " savepoint outbox_begin; " +
               more + "end";
    }
};

} // namespace

const transaction_sql& compound_commands(const outbox_name& to) {
    return made_for<compounds>(to);
}

const transaction_sql& single_commands(const outbox_name& to) {
    return made_for<singles>(to);
}

const transaction_sql& text_commands(const outbox_name& to, const std::string& server_version) {
    return server_version.find("MariaDB") != std::string::npos ? compound_commands(to)
                                                               : single_commands(to);
}

} // namespace outbox::mysql
