// The intent book on PostgreSQL. One statement each, so one transaction each.

#include "outbox/store/postgresql/relay_store.hpp"

namespace outbox::postgresql {
namespace {

constexpr statement find_numbering{
    "outbox_find_numbering",
    "select (to_regclass('outbox.numbering') is not null)::int::bigint",
    "cannot read the schema"};

// Waits for a bind that has changed the row and not yet committed; one that comes later finds
// another source. May be lost in a crash of the server: that ends the session, too.
constexpr statement claim_numbers{
    "outbox_claim_numbers",
    "insert into outbox.numbering as n (shard, epoch, source)"
    " values ($1::smallint, $2::bigint, $3)"
    " on conflict (shard) do update set epoch = excluded.epoch, source = excluded.source"
    " where n.epoch <= excluded.epoch returning next_place",
    "cannot claim the numbers of the outbox"};

constexpr statement load_intents{
    "outbox_load_intents",
    "select place, source, first_number, messages from outbox.intent"
    " where shard = $1::smallint order by place",
    "cannot read the intents of the outbox"};

// The session's other writes may be lost, this one must not: the setting is of this transaction and
// is looked at when it commits.
constexpr statement bind_numbers{
    "outbox_bind_numbers",
    "with durable as materialized (select set_config('synchronous_commit', 'on', true)),"
    " claimed as (update outbox.numbering set next_place = next_place + 1"
    "  where shard = $1::smallint and next_place = $2::bigint and source = $3"
    "  returning next_place)"
    " insert into outbox.intent (shard, place, source, first_number, messages)"
    " select $1::smallint, $2::bigint, $3, $4::bigint, $5::bytea from claimed, durable",
    "cannot write an intent of the outbox"};

constexpr statement record_and_forget{
    "outbox_record_and_forget",
    "with recorded as (update outbox.relay set cursor_window = $3, cursor_seq = $4::bigint"
    "  where shard = $1::smallint and epoch = $2::bigint and owner <> '' returning shard),"
    " forgotten as (delete from outbox.intent i using recorded r"
    "  where i.shard = r.shard and i.place = any ($5::bigint[]))"
    " select from recorded",
    "cannot record the relay's progress"};

} // namespace

claim_answer relay_store::claim(int shard, std::int64_t epoch, const std::string& source) {
    if (db_.run(find_numbering).number(0, 0) == 0)
        throw error(
            error_kind::schema_mismatch,
            server_ + ": there are no tables for numbered messages",
            db_.name().migrate_hint() + ", or switch numbers off"
        );
    const rows claimed = db_.run(claim_numbers, parameters{}.add(shard).add(epoch).add(source));
    if (claimed.count() == 0)
        return {.result = write_result::lease_lost};
    return {.result = write_result::done, .next_place = claimed.number(0, 0)};
}

std::vector<intent> relay_store::load(int shard) {
    const rows found = db_.run(load_intents, parameters{}.add(shard));
    std::vector<intent> all;
    for (int row = 0; row < found.count(); ++row)
        all.push_back(
            {.place = found.number(row, 0),
             .source = found.text(row, 1),
             .first_number = found.number(row, 2),
             .messages = decode_bound(found.bytes(row, 3))}
        );
    return all;
}

write_result relay_store::bind(int shard, const intent& what) {
    const rows bound = db_.run(
        bind_numbers,
        parameters{}
            .add(shard)
            .add(what.place)
            .add(what.source)
            .add(what.first_number)
            .add_binary(encode_bound(what.messages))
    );
    return bound.touched() == 1 ? write_result::done : write_result::lease_lost;
}

write_result relay_store::advance_and_forget(
    int shard,
    std::int64_t epoch,
    const cursor& to,
    std::span<const std::int64_t> places
) {
    if (!is_trusted(shard, to))
        return advance(shard, epoch, to);
    const rows answer = db_.run(
        record_and_forget,
        parameters{}.add(shard).add(epoch).add(to.window).add(to.seq).add(
            to_array({places.begin(), places.end()})
        )
    );
    return answer.count() == 1 ? write_result::done : write_result::lease_lost;
}

} // namespace outbox::postgresql
