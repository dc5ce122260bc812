// The intent book on MariaDB and MySQL.

#include "outbox/store/mysql/relay_store.hpp"

#include "outbox/base/hex.hpp"

namespace outbox::mysql {
namespace {

std::string number(std::int64_t value) {
    return std::to_string(value);
}

} // namespace

// A refused lock ends a statement and not its transaction.
template <class Work>
write_result relay_store::in_transaction(const char* failure, const Work& work) {
    try {
        db_.execute("start transaction", failure);
        const write_result result = work();
        db_.execute(result == write_result::done ? "commit" : "rollback", failure);
        return result;
    } catch (const sql_error& e) {
        if (!is_lock_refusal(e.code()))
            throw; // and the relay opens another session
        db_.execute("rollback", "cannot roll back");
        return write_result::busy;
    }
}

claim_answer relay_store::claim(int shard, std::int64_t epoch, const std::string& source) {
    if (!has_table("outbox_numbering"))
        throw error(
            error_kind::schema_mismatch,
            db_.server() + ": there are no tables for numbered messages",
            db_.name().migrate_hint() + ", or switch numbers off"
        );
    const char* failure = "cannot claim the numbers of the outbox";
    const std::string of_shard = " where shard = " + std::to_string(shard);
    claim_answer answer;
    answer.result = in_transaction(failure, [&] {
        // Waits for a bind that has changed the row and not yet committed; one that comes later
        // finds another source.
        db_.execute(
            "insert ignore into outbox_numbering (shard, epoch, source) values (" +
                std::to_string(shard) + ", 0, '')",
            failure
        );
        {
            rows row = db_.query(
                "select epoch, next_place from outbox_numbering" + of_shard + " for update",
                failure
            );
            if (!row.next() || row.number(0) > epoch)
                return write_result::lease_lost;
            answer.next_place = row.number(1);
        }
        db_.execute(
            "update outbox_numbering set epoch = " + number(epoch) +
                ", source = " + quoted(source) + of_shard,
            failure
        );
        return write_result::done;
    });
    return answer;
}

std::vector<intent> relay_store::load(int shard) {
    rows found = db_.query(
        "select place, source, first_number, messages from outbox_intent where shard = " +
            std::to_string(shard) + " order by place",
        "cannot read the intents of the outbox"
    );
    std::vector<intent> all;
    while (found.next())
        all.push_back(
            {.place = found.number(0),
             .source = found.text(1),
             .first_number = found.number(2),
             .messages = decode_bound(found.bytes(3))}
        );
    return all;
}

write_result relay_store::bind(int shard, const intent& what) {
    const char* failure = "cannot write an intent of the outbox";
    const write_result result = in_transaction(failure, [&] {
        const std::uint64_t claimed = db_.execute(
            "update outbox_numbering set next_place = next_place + 1 where shard = " +
                std::to_string(shard) + " and next_place = " + number(what.place) +
                " and source = " + quoted(what.source),
            failure
        );
        if (claimed != 1)
            return write_result::lease_lost;
        db_.execute(
            "insert into outbox_intent (shard, place, source, first_number, messages) values (" +
                std::to_string(shard) + ", " + number(what.place) + ", " + quoted(what.source) +
                ", " + number(what.first_number) + ", x'" + to_hex(encode_bound(what.messages)) +
                "')",
            failure
        );
        return write_result::done;
    });
    if (result == write_result::done)
        make_durable(shard);
    return result;
}

write_result relay_store::advance_and_forget(
    int shard,
    std::int64_t epoch,
    const cursor& to,
    std::span<const std::int64_t> places
) {
    const char* failure = "cannot record the relay's progress";
    return in_transaction(failure, [&] {
        const write_result recorded = advance(shard, epoch, to);
        std::string all;
        for (const std::int64_t place : places)
            all += (all.empty() ? "" : ",") + number(place);
        if (recorded == write_result::done && !all.empty())
            db_.execute(
                "delete from outbox_intent where shard = " + std::to_string(shard) +
                    " and place in (" + all + ")",
                failure
            );
        return recorded;
    });
}

} // namespace outbox::mysql
