#pragma once
// What a door's exam knows of a database apart from the door: it looks and meddles through the
// program that belongs to the server (psql, mariadb, sqlite3), never through a library that the
// door might use. One server for the whole test program, a fresh database with the outbox and a
// table `orders (id, state)` in it for each object.

#include "harness/mariadb_server.hpp"
#include "harness/mysql_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/temp_dir.hpp"
#include "outbox/message/envelope.hpp"
#include "outbox/store/outbox_name.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace outbox::doors {

/// The outbox that the exam is about: the usual one, or what OUTBOX_EXAM_NAME in the environment
/// says. Then the usual one stands beside it in every database, and nothing may come into it.
outbox_name name_under_exam();

/// What the table says of one message, its bytes in upper-case hexadecimal.
struct raw_row {
    std::string subject{};
    std::string key{};
    std::string headers{};
    std::string payload{};

    bool operator==(const raw_row&) const = default;
};

class raw_database {
public:
    virtual ~raw_database() = default;

    /// Lines of columns; the columns are apart by one tab.
    virtual std::string run(const std::string& sql) const = 0;
    /// In the order of seq.
    std::vector<raw_row> rows() const;
    std::vector<std::string> payloads() const;
    std::string state(int order) const;
    void set_doorbell(const std::string& address) const;
    std::string doorbell() const;
    /// Ends every session of this database but its own.
    virtual void kill_sessions() const = 0;
    /// What makes that a message with the payload `refused` cannot be written, in each way that a
    /// trigger has; then what ends that.
    virtual std::vector<std::string> refusing_triggers() const {
        return {
            "delimiter //\ncreate trigger guard before insert on " + table("message") +
            " for each row if new.payload = 'refused' then signal sqlstate '45000' set"
            " message_text = 'the guard refuses'; end if//"};
    }
    virtual std::string remove_trigger() const { return "drop trigger guard"; }
    /// Of the outbox's own tables, as SQL of this database names it.
    std::string table(const std::string& name) const { return name_under_exam().in(usual(name)); }
    /// The same of the usual one.
    virtual std::string usual(const std::string& name) const { return "outbox_" + name; }
    /// True unless something came into the usual outbox that belongs into another.
    bool nothing_crossed() const;
    /// A time, as the outbox's columns hold it.
    virtual std::string ten_days_ago() const { return "now(6) - interval 10 day"; }

    // Of databases with a server.
    /// Makes that the sessions which are opened from now on are at `level`, unless the transaction
    /// says by itself what this returns.
    virtual std::string isolate(const std::string& level) const {
        run("set global transaction isolation level " + level);
        return "do 0";
    }
    /// Said in a transaction at REPEATABLE READ: until that ends, nobody else can write a message.
    /// A row's lock, on all that is behind the last row.
    virtual std::string keep_messages_out() const { return "delete from " + table("message"); }
    /// Said in a transaction: it gives up soon when it meets a lock. These servers wait for a
    /// second anyway, and know nothing shorter.
    virtual std::string wait_briefly() const { return "do 0"; }
    /// A session of any database of this server waits for a lock.
    virtual bool somebody_waits() const {
        return run("show global status like 'innodb_row_lock_current_waits'").find("\t0") ==
               std::string::npos;
    }
    /// Above READ COMMITTED a transaction cannot go on beside what another has committed.
    virtual bool snapshots_conflict() const { return false; }

protected:
    virtual std::string hex(const std::string& column) const { return "hex(" + column + ")"; }
    static constexpr const char* make_orders =
        "create table orders (id integer primary key, state varchar(20));"
        "insert into orders values (1,'new'),(2,'new'),(3,'new'),(4,'new')";
};

class postgres_database final : public raw_database {
public:
    postgres_database();
    ~postgres_database() override;

    static harness::postgres_server& server();
    const std::string& name() const noexcept { return name_; }
    std::string run(const std::string& sql) const override;
    void kill_sessions() const override;
    std::string usual(const std::string& name) const override { return "outbox." + name; }
    std::vector<std::string> refusing_triggers() const override {
        return {
            "create function guard() returns trigger language plpgsql as $$ begin raise exception "
            "'the guard refuses'; end $$; create trigger guard before insert on " +
            table("message") +
            " for each row when (new.payload = 'refused'::bytea) execute function guard()"};
    }
    std::string remove_trigger() const override { return "drop function guard() cascade"; }
    std::string ten_days_ago() const override { return "now() - interval '10 days'"; }
    std::string isolate(const std::string& level) const override {
        return "set transaction isolation level " + level;
    }
    std::string keep_messages_out() const override {
        return "lock table " + table("message") + " in exclusive mode";
    }
    std::string wait_briefly() const override { return "set local lock_timeout = '50ms'"; }
    bool somebody_waits() const override {
        return run("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")[0] !=
               '0';
    }
    bool snapshots_conflict() const override { return true; }

private:
    std::string hex(const std::string& column) const override;
    std::string name_;
};

template <class Server>
class mysql_family_database final : public raw_database {
public:
    mysql_family_database();
    ~mysql_family_database() override;

    static Server& server();
    const std::string& name() const noexcept { return name_; }
    std::string run(const std::string& sql) const override;
    void kill_sessions() const override;

private:
    std::string name_;
};

using mariadb_database = mysql_family_database<harness::mariadb_server>;
using mysql_database = mysql_family_database<harness::mysql_server>;

class sqlite_database final : public raw_database {
public:
    sqlite_database();

    std::string path() const { return (folder_.path() / "shop.db").string(); }
    std::string run(const std::string& sql) const override;
    void kill_sessions() const override {}
    std::vector<std::string> refusing_triggers() const override {
        std::vector<std::string> all;
        for (const char* how : {"abort", "fail", "rollback"})
            all.push_back(
                "create trigger guard before insert on " + table("message") +
                " when new.payload = cast('refused' as blob) begin select raise(" + how +
                ", 'the guard refuses'); end"
            );
        return all;
    }
    std::string ten_days_ago() const override {
        return "cast((julianday('now') - 2440597.5) * 86400000000.0 as integer)";
    }

private:
    harness::temp_dir folder_;
};

/// `data` as raw_row has it.
std::string upper_hex(const std::string& data);

} // namespace outbox::doors
