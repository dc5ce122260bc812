// The intent book on SQLite.

#include "outbox/store/sqlite/relay_store.hpp"

namespace outbox::sqlite {
namespace {

write_result result_of(bool done, bool ours) {
    if (!done)
        return write_result::busy;
    return ours ? write_result::done : write_result::lease_lost;
}

} // namespace

claim_answer relay_store::claim(int shard, std::int64_t epoch, const std::string& source) {
    const std::string doing = "cannot claim the numbers of the outbox";
    if (!has_table("outbox_numbering"))
        throw error(
            error_kind::schema_mismatch,
            path_ + ": there are no tables for numbered messages",
            db_.name().migrate_hint() + ", or switch numbers off"
        );
    claim_answer answer;
    bool ours = false;
    const bool done = in_write_transaction(db_.get(), doing, [&] {
        statement claim = db_.prepare(
            "insert into outbox_numbering (shard, epoch, source) values (?1, ?2, ?3)"
            " on conflict (shard) do update set epoch = excluded.epoch, source = excluded.source"
            " where outbox_numbering.epoch <= excluded.epoch returning next_place",
            doing
        );
        ours = claim.bind(1, shard).bind(2, epoch).bind_text(3, source).step();
        if (ours)
            answer.next_place = claim.number(0);
    });
    answer.result = result_of(done, ours);
    return answer;
}

std::vector<intent> relay_store::load(int shard) {
    statement find = db_.prepare(
        "select place, source, first_number, messages from outbox_intent where shard = ?1"
        " order by place",
        "cannot read the intents of the outbox"
    );
    find.bind(1, shard);
    std::vector<intent> all;
    while (find.step())
        all.push_back(
            {.place = find.number(0),
             .source = find.blob(1),
             .first_number = find.number(2),
             .messages = decode_bound(find.blob(3))}
        );
    return all;
}

write_result relay_store::bind(int shard, const intent& what) {
    const std::string doing = "cannot write an intent of the outbox";
    bool ours = false;
    const bool done = in_write_transaction(db_.get(), doing, [&] {
        statement claim = db_.prepare(
            "update outbox_numbering set next_place = next_place + 1"
            " where shard = ?1 and next_place = ?2 and source = ?3",
            doing
        );
        claim.bind(1, shard).bind(2, what.place).bind_text(3, what.source).step();
        ours = sqlite3_changes(db_.get()) == 1;
        if (!ours)
            return;
        statement put = db_.prepare(
            "insert into outbox_intent (shard, place, source, first_number, messages)"
            " values (?1, ?2, ?3, ?4, ?5)",
            doing
        );
        put.bind(1, shard)
            .bind(2, what.place)
            .bind_text(3, what.source)
            .bind(4, what.first_number)
            .bind_blob(5, encode_bound(what.messages))
            .step();
    });
    if (done && ours)
        make_durable();
    return result_of(done, ours);
}

write_result relay_store::advance_and_forget(
    int shard,
    std::int64_t epoch,
    const cursor& to,
    std::span<const std::int64_t> places
) {
    const std::string doing = "cannot record the relay's progress";
    write_result recorded = write_result::busy;
    const bool done = in_write_transaction(db_.get(), doing, [&] {
        recorded = advance(shard, epoch, to);
        if (recorded != write_result::done)
            return;
        statement forget =
            db_.prepare("delete from outbox_intent where shard = ?1 and place = ?2", doing);
        for (const std::int64_t place : places) {
            forget.bind(1, shard).bind(2, place).step();
            forget.reset();
        }
    });
    return done ? recorded : write_result::busy;
}

} // namespace outbox::sqlite
