#include "outbox/store/sqlite/relay_store.hpp"

#include "outbox/store/sqlite/now.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace outbox::sqlite {
namespace {

constexpr std::int64_t removed_per_call_max = 1'000;
// How long a write of the relay may wait for the business's writer. Short: delivery goes on
// meanwhile.
constexpr int busy_timeout_ms = 50;

std::int64_t micros(std::chrono::milliseconds duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

connection open_for_relay(const std::string& path) {
    connection db = open(path, false);
    sqlite3_busy_timeout(db.get(), busy_timeout_ms);
    // The relay's own progress may be lost in a power cut: that sends again, so with a WAL it costs
    // no flush. Never less than NORMAL there, and nothing less than SQLite's own choice elsewhere:
    // the file is the business's, and a power cut could destroy it. The mode stays while we are
    // here.
    statement mode{db.get(), "pragma journal_mode", "cannot ask for the journal mode"};
    if (mode.step() && mode.blob(0) == "wal")
        execute(db.get(), "pragma synchronous = normal", "cannot set up the relay's connection");
    return db;
}

unique_fd open_file(const std::string& path, int flags) {
    unique_fd fd{::open(path.c_str(), flags | O_CLOEXEC)};
    if (!fd)
        throw error(
            error_kind::unreachable,
            "cannot open " + path + ": " + std::strerror(errno),
            "check its permissions"
        );
    return fd;
}

void flush(const unique_fd& fd, const std::string& path) {
    if (::fdatasync(fd.get()) != 0)
        throw error(
            error_kind::io,
            "cannot flush " + path + ": " + std::strerror(errno),
            "messages wait until the disk can be trusted again"
        );
}

// Through SQLite's own descriptor. One of ours would take the process's locks along when it is
// closed, also those of the business's connections, because POSIX locks belong to process and file:
// https://www.sqlite.org/howtocorrupt.html, 2.2.
void flush_database(sqlite3* db, const std::string& path) {
    sqlite3_file* file = nullptr;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK)
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    if (code != SQLITE_OK)
        throw error(
            error_kind::io,
            "cannot flush " + path + ": " + sqlite3_errstr(code),
            "messages wait until the disk can be trusted again"
        );
}

// Only what is not there needs no flush. Nobody locks these files themselves, so they may be opened
// and closed.
void flush_if_there(const std::string& path) {
    if (const unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)})
        flush(file, path);
    else if (errno != ENOENT)
        throw error(
            error_kind::io,
            "cannot open " + path + " to flush it: " + std::strerror(errno),
            "messages wait until it can be made sure that they are on the disk"
        );
}

} // namespace

// The names as SQLite has them: behind links, and as they were when it opened the file, wherever
// the process has gone since.
relay_store::relay_store(const std::string& path, const outbox_name& name)
    : db_(open_for_relay(path), name)
    , path_(sqlite3_db_filename(db_.get(), "main"))
    , wal_(sqlite3_filename_wal(sqlite3_db_filename(db_.get(), "main")))
    , journal_(sqlite3_filename_journal(sqlite3_db_filename(db_.get(), "main")))
    , folder_(open_file(std::filesystem::path(path_).parent_path().string(), O_RDONLY | O_DIRECTORY)
      )
    , read_(db_.prepare(
          "select seq, message_id, subject, order_key, headers, payload, created_at from "
          "outbox_message"
          " where seq > ?1 and shard = ?2 order by seq limit ?3",
          "cannot read the outbox"
      ))
    , advance_(db_.prepare(
          "update outbox_relay set cursor_seq = ?3 where shard = ?1 and epoch = ?2",
          "cannot record the relay's progress"
      ))
    , renew_(db_.prepare(
          "update outbox_relay set lease_until = " OUTBOX_SQLITE_NOW
          " + ?3 where shard = ?1 and epoch = ?2",
          "cannot renew the relay's lease"
      ))
    , remove_(db_.prepare(
          "delete from outbox_message where shard = ?1 and seq > ?3 and seq <= ?4"
          " and exists (select 1 from outbox_relay where shard = ?1 and epoch = ?2)",
          "cannot remove delivered messages"
      )) {}

lease_answer relay_store::acquire(
    int shard,
    const std::string& owner,
    std::chrono::milliseconds duration,
    const std::string& doorbell
) {
    statement take = db_.prepare(
        "update outbox_relay set epoch = epoch + 1, owner = ?2, doorbell = ?3,"
        " lease_until = " OUTBOX_SQLITE_NOW " + ?4"
        " where shard = ?1 and (owner = ?2 or lease_until <= " OUTBOX_SQLITE_NOW ")"
        " returning epoch, cursor_seq",
        "cannot take the relay's lease"
    );
    take.bind(1, shard).bind_text(2, owner).bind_text(3, doorbell).bind(4, micros(duration));
    const int code = take.try_step();
    if (code == SQLITE_ROW) {
        const lease granted{.epoch = take.number(0), .from = {.window = {}, .seq = take.number(1)}};
        take.step(); // the row is returned before the statement, and so the commit, is complete
        return {.granted = granted, .holder = owner, .held_for = duration};
    }
    if (code != SQLITE_DONE && !is_busy(code))
        throw make_error(db_.get(), code, "cannot take the relay's lease");
    take.reset();

    statement look = db_.prepare(
        "select owner, max(0, lease_until - " OUTBOX_SQLITE_NOW
        ") / 1000 from outbox_relay where shard = ?1",
        "cannot read the relay's lease"
    );
    look.bind(1, shard);
    if (!look.step())
        throw error(
            error_kind::schema_mismatch,
            db_.name().in("outbox_relay has no row for shard ") + std::to_string(shard),
            db_.name().migrate_hint()
        );
    return {
        .granted = std::nullopt,
        .holder = look.blob(0),
        .held_for = std::chrono::milliseconds{look.number(1)}};
}

write_result relay_store::write(statement& change) {
    const int code = change.try_step();
    const bool touched = sqlite3_changes(db_.get()) > 0;
    change.reset();
    if (is_busy(code))
        return write_result::busy;
    if (code != SQLITE_DONE)
        throw make_error(db_.get(), code, "cannot write the relay's row");
    return touched ? write_result::done : write_result::lease_lost;
}

write_result relay_store::renew(int shard, std::int64_t epoch, std::chrono::milliseconds duration) {
    return write(renew_.bind(1, shard).bind(2, epoch).bind(3, micros(duration)));
}

void relay_store::release(int shard, std::int64_t epoch) {
    statement give_back = db_.prepare(
        "update outbox_relay set lease_until = 0, owner = '', doorbell = '' where shard = ?1 and "
        "epoch = ?2",
        "cannot give back the relay's lease"
    );
    give_back.bind(1, shard).bind(2, epoch);
    // The last thing that this relay does: worth a little patience, or the next one waits for the
    // lease to run out.
    sqlite3_busy_timeout(db_.get(), 2'000);
    if (const int code = give_back.try_step(); code != SQLITE_DONE && !is_busy(code))
        throw make_error(db_.get(), code, "cannot give back the relay's lease");
}

slice relay_store::read(int shard, const cursor& from, const slice_limits& limits) {
    slice found{.messages = {}, .after = from, .more = false};
    std::size_t bytes = 0;
    read_.bind(1, from.seq)
        .bind(2, shard)
        .bind(3, static_cast<std::int64_t>(limits.message_count_max) + 1);
    while (read_.step()) {
        if (found.messages.size() == limits.message_count_max || bytes >= limits.bytes_max) {
            found.more = true;
            break;
        }
        stored_message m;
        m.seq = read_.number(0);
        m.content.id = message_id::from_bytes(read_.blob(1)).value_or(message_id{});
        m.content.subject = read_.blob(2);
        if (!read_.is_null(3))
            m.content.key = read_.blob(3);
        m.content.headers = read_.blob(4);
        m.content.payload = read_.blob(5);
        m.created_at = time_point{std::chrono::microseconds{read_.number(6)}};
        bytes += m.content.payload.size() + m.content.headers.size();
        found.after.seq = m.seq;
        found.messages.push_back(std::move(m));
    }
    read_.reset(); // also ends the read transaction, so that the WAL can be checkpointed
    if (!found.messages.empty())
        make_durable();
    return found;
}

void relay_store::make_durable() {
    // The log first: in WAL mode the commit is there. In rollback mode the pages are in the
    // database file, and must be there before the commit is: the end of the journal, which is
    // emptied, overwritten or removed, and then that is in the folder. Clean files cost a few
    // microseconds.
    flush_if_there(wal_);
    flush_database(db_.get(), path_);
    flush_if_there(journal_);
    flush(folder_, path_ + "'s folder");
}

write_result relay_store::advance(int shard, std::int64_t epoch, const cursor& to) {
    return write(advance_.bind(1, shard).bind(2, epoch).bind(3, to.seq));
}

bool relay_store::remove_delivered(int shard, std::int64_t epoch) {
    statement bounds = db_.prepare(
        "select (select min(seq) from outbox_message where seq > ?2 and shard = ?1),"
        " (select cursor_seq from outbox_relay where shard = ?1)",
        "cannot see what is delivered"
    );
    bounds.bind(1, shard).bind(2, removed_to_);
    if (!bounds.step() || bounds.is_null(0))
        return false;
    const std::int64_t first = bounds.number(0);
    const std::int64_t delivered_to = bounds.number(1);
    bounds.reset();
    if (first > delivered_to)
        return false;
    const std::int64_t last = std::min(delivered_to, first + removed_per_call_max - 1);
    if (write(remove_.bind(1, shard).bind(2, epoch).bind(3, first - 1).bind(4, last)) !=
        write_result::done)
        return false;
    removed_to_ = last;
    return last < delivered_to;
}

bool relay_store::can_schedule() {
    if (!can_schedule_)
        can_schedule_ = has_table("outbox_scheduled");
    return can_schedule_;
}

bool relay_store::has_table(const std::string& name) {
    return db_
        .prepare(
            ("select 1 from sqlite_schema where name = '" + name + "'").c_str(),
            "cannot read the schema"
        )
        .step();
}

bool relay_store::is_ours(int shard, std::int64_t epoch) {
    statement ours = db_.prepare(
        "select 1 from outbox_relay where shard = ?1 and epoch = ?2",
        "cannot read the relay's lease"
    );
    return ours.bind(1, shard).bind(2, epoch).step();
}

std::optional<std::chrono::milliseconds> relay_store::next_due(int shard) {
    statement look = db_.prepare(
        "select max(0, (due_at - " OUTBOX_SQLITE_NOW
        " + 999) / 1000) from outbox_scheduled where shard = ?1 order by due_at limit 1",
        "cannot read the scheduled messages"
    );
    look.bind(1, shard);
    if (!look.step())
        return std::nullopt;
    return std::chrono::milliseconds{look.number(0)};
}

release_answer relay_store::release_due(int shard, std::int64_t epoch, std::size_t count_max) {
    if (!can_schedule())
        return {};
    release_answer answer{.result = write_result::done, .released = 0, .next_due = next_due(shard)};
    if (answer.next_due != std::chrono::milliseconds{0})
        return answer;

    const bool done = in_write_transaction(db_.get(), "cannot release scheduled messages", [&] {
        if (!is_ours(shard, epoch)) {
            answer.result = write_result::lease_lost;
            return;
        }
        statement due = db_.prepare(
            "select seq from outbox_scheduled where shard = ?1 and due_at <= " OUTBOX_SQLITE_NOW
            " order by due_at, seq limit ?2",
            "cannot read the scheduled messages"
        );
        due.bind(1, shard).bind(2, static_cast<std::int64_t>(count_max));
        std::vector<std::int64_t> all;
        while (due.step())
            all.push_back(due.number(0));
        due.reset();
        statement put = db_.prepare(
            "insert into outbox_message (shard, message_id, subject, order_key, headers, payload)"
            " select shard, message_id, subject, order_key, headers, payload from outbox_scheduled"
            " where seq = ?1",
            "cannot release a scheduled message"
        );
        statement take = db_.prepare(
            "delete from outbox_scheduled where seq = ?1",
            "cannot release a scheduled message"
        );
        for (const std::int64_t seq : all) {
            put.bind(1, seq).step();
            put.reset();
            take.bind(1, seq).step();
            take.reset();
        }
        answer.released = all.size();
    });
    if (!done)
        return {.result = write_result::busy, .released = 0, .next_due = answer.next_due};
    answer.next_due = next_due(shard);
    return answer;
}

store_status relay_store::status(int shard) {
    statement look = db_.prepare(
        "select cursor_seq, owner, epoch, max(0, lease_until - " OUTBOX_SQLITE_NOW ") / 1000,"
        " (select count(*) from (select 1 from outbox_message where seq > cursor_seq and shard = "
        "?1 limit ?2)),"
        " (select max(0, " OUTBOX_SQLITE_NOW " - created_at) / 1000 from outbox_message"
        "   where seq > cursor_seq and shard = ?1 order by seq limit 1)"
        " from outbox_relay where shard = ?1",
        "cannot read the state of the outbox"
    );
    look.bind(1, shard).bind(2, store_status::backlog_counted_max);
    if (!look.step())
        throw error(
            error_kind::schema_mismatch,
            db_.name().in("outbox_relay has no row for shard ") + std::to_string(shard),
            db_.name().migrate_hint()
        );
    store_status state;
    state.at.seq = look.number(0);
    state.cursor_text = "seq " + std::to_string(state.at.seq);
    state.lease_holder = look.blob(1);
    state.lease_epoch = look.number(2);
    state.lease_left = std::chrono::milliseconds{look.number(3)};
    state.backlog = look.number(4);
    if (!look.is_null(5))
        state.oldest_age = std::chrono::milliseconds{look.number(5)};
    if (can_schedule()) {
        statement waiting = db_.prepare(
            "select count(*) from (select 1 from outbox_scheduled where shard = ?1 limit ?2)",
            "cannot count the scheduled messages"
        );
        waiting.bind(1, shard).bind(2, store_status::backlog_counted_max);
        if (waiting.step())
            state.scheduled = waiting.number(0);
    }
    return state;
}

} // namespace outbox::sqlite
